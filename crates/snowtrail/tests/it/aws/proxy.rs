//! A proxy between a worker and the emulator that makes the faults no emulator can: refusals of single requests, cut
//! bodies, and above all an effect whose reply is lost.
//!
//! Speaks HTTP/1.1 without TLS, a connection to the emulator for each request. Faults are taken in order, each so often.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answered with this status and this error code, and never passed on.
    Refuse(u16, &'static str),
    /// Passed on; its reply is replaced by a closed connection.
    LoseReply,
    /// Passed on; half of the body comes back under the whole's length, then the connection closes.
    Cut,
}

/// A fault: which requests, what, how often.
#[derive(Debug, Clone)]
pub struct Fault {
    /// `PUT`, `GET`, `POST`.
    pub method: &'static str,
    /// Part of the path and query, or of the `x-amz-target` header, or of a form's `Action=…`.
    pub about: String,
    /// What happens.
    pub act: Act,
    /// How often.
    pub times: usize,
}

/// A running proxy.
pub struct Proxy {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    faults: Arc<Mutex<Vec<Fault>>>,
}

impl Proxy {
    /// In front of an emulator, with these faults.
    pub async fn start(upstream: &str, faults: Vec<Fault>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let faults = Arc::new(Mutex::new(faults));
        let shared = Arc::clone(&faults);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (upstream, faults) = (upstream.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let service =
                        service_fn(move |request| pass(request, upstream.clone(), Arc::clone(&faults)));
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Proxy { endpoint, faults }
    }

    /// Faults that have not happened yet.
    pub fn left(&self) -> usize {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().map(|fault| fault.times).sum()
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A reply that never comes: an error of the service, which closes the connection.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the reply is lost")
    }
}

impl std::error::Error for Lost {}

async fn pass(
    request: Request<Incoming>,
    upstream: String,
    faults: Arc<Mutex<Vec<Fault>>>,
) -> Result<Response<Full<Bytes>>, Lost> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    let act = draw(&head, &body, &faults);
    if let Some(Act::Refuse(status, code)) = act {
        return Ok(refusal(status, code));
    }
    let mut answer = forward(head, body, &upstream).await.map_err(|_| Lost)?;
    match act {
        Some(Act::LoseReply) => Err(Lost),
        Some(Act::Cut) => {
            let whole = std::mem::take(answer.body_mut())
                .collect()
                .await
                .map_or(Bytes::new(), |body| body.to_bytes());
            *answer.body_mut() = Full::new(whole.slice(..whole.len() / 2));
            answer.headers_mut().insert(CONTENT_LENGTH, whole.len().into());
            Ok(answer)
        }
        _ => Ok(answer),
    }
}

fn draw(head: &hyper::http::request::Parts, body: &Bytes, faults: &Mutex<Vec<Fault>>) -> Option<Act> {
    let target = head.headers.get("x-amz-target").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let form = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
    let place = format!("{} {target} {form}", head.uri);
    let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
    let fault = faults.iter_mut().find(|fault| {
        fault.times > 0 && head.method.as_str() == fault.method && place.contains(&fault.about)
    })?;
    fault.times -= 1;
    Some(fault.act.clone())
}

async fn forward(
    mut head: hyper::http::request::Parts,
    body: Bytes,
    upstream: &str,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(upstream).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    head.headers.remove(TRANSFER_ENCODING);
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    let answer = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    let (mut head, body) = answer.into_parts();
    head.headers.remove(TRANSFER_ENCODING);
    Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
}

fn refusal(status: u16, code: &str) -> Response<Full<Bytes>> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>by the test</Message></Error>"
    );
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/xml"));
    response
}
