//! A peer for the services that the emulator has not, or lies about: it answers each operation as the test says, and tells
//! the test what it was asked. It checks no signature, but that there is one.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A call as it came.
#[derive(Debug)]
pub struct Call {
    /// `GetSecretValue`.
    pub operation: String,
    /// Its input.
    pub input: Value,
    /// The id that its answer carried.
    pub request_id: String,
}

/// What is answered, by operation: status and body.
pub type Replies = HashMap<&'static str, (u16, Value)>;

/// A running peer.
pub struct Peer {
    endpoint: String,
    shared: Arc<Shared>,
    /// The calls, as they come.
    pub calls: UnboundedReceiver<Call>,
}

struct Shared {
    replies: Mutex<Replies>,
    /// How far the peer's clock is ahead.
    ahead: Mutex<SignedDuration>,
    calls: UnboundedSender<Call>,
}

impl Peer {
    /// One that answers like this.
    pub async fn start(replies: Replies) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, calls) = unbounded_channel();
        let (replies, ahead) = (Mutex::new(replies), Mutex::default());
        let shared = Arc::new(Shared { replies, ahead, calls: sender });
        let served = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&served);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Peer { endpoint, shared, calls }
    }

    /// Answers differently from now on.
    pub fn answers(&self, operation: &'static str, status: u16, body: Value) {
        self.shared.replies.lock().unwrap_or_else(PoisonError::into_inner).insert(operation, (status, body));
    }

    /// Answers all as these say.
    pub fn answers_all(&self, replies: Replies) {
        *self.shared.replies.lock().unwrap_or_else(PoisonError::into_inner) = replies;
    }

    /// Moves its clock.
    pub fn is_ahead_by(&self, ahead: SignedDuration) {
        *self.shared.ahead.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
    }

    /// Makes a command ask it.
    pub fn asked_by(&self, mut command: Command) -> Command {
        for service in ["CLOUDTRAIL", "SECRETS_MANAGER", "SSM", "CLOUDWATCH"] {
            command.env(format!("AWS_ENDPOINT_URL_{service}"), &self.endpoint);
        }
        command
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let header =
        |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let target = header("x-amz-target");
    let is_signed =
        header("authorization").contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target");
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.map_or(Bytes::new(), |body| body.to_bytes());
    let input = serde_json::from_slice(&body).unwrap_or_default();
    let refusal = |code: &str| (400, json!({ "__type": code, "message": "by the peer" }));
    let (status, body) =
        match shared.replies.lock().unwrap_or_else(PoisonError::into_inner).get(operation.as_str()) {
            _ if !is_signed => refusal("MissingAuthenticationTokenException"),
            Some(reply) => reply.clone(),
            None => refusal("UnknownOperationException"),
        };
    let request_id = format!("{:08x}-0000-4000-8000-000000000000", fastrand::u32(..));
    let ahead = *shared.ahead.lock().unwrap_or_else(PoisonError::into_inner);
    let date = (Timestamp::now() + ahead).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    let headers = response.headers_mut();
    headers.insert("x-amzn-requestid", request_id.parse().expect("a header"));
    headers.insert("date", date.parse().expect("a header"));
    // Nobody listens where a test does not care.
    let _ = shared.calls.send(Call { operation, input, request_id });
    Ok(response)
}
