//! Whether the worker makes progress: what the health endpoint says.
//!
//! Red means that a restart may mend it, because that is what whoever asks will do: messages wait and nothing was committed
//! or found empty for a while, receiving fails, or detection stands still. A topic that refuses pages and a feed without
//! reads are said and turn nothing red: a new task would meet the same topic, after reading the lake once more. Alarms watch
//! those (see deploy/). An idle worker is green. The endpoint speaks HTTP/1.1 and nothing else, to anybody who can reach
//! it, so it says nothing that a stranger may not know.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// No progress for so long while there is work makes the worker red.
pub const STALL: Duration = Duration::from_secs(300);
/// How long a client may take for its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// What the parts of a worker report.
#[derive(Debug)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    started: Instant,
    /// Last receive that the queue answered.
    received: Instant,
    /// Last commit, or last moment when nothing was in hand.
    progressed: Instant,
    in_hand: usize,
    /// Since when detection has failed.
    detection_fails_since: Option<Instant>,
    /// Since when pages wait.
    pages_wait_since: Option<Instant>,
    reads_arrive: bool,
}

/// What is wrong, in words for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether there is nothing that a restart may mend.
    pub is_green: bool,
    /// What is not well, whether or not a restart would help.
    pub troubles: Vec<&'static str>,
}

impl Default for Health {
    fn default() -> Health {
        let now = Instant::now();
        Health {
            state: Mutex::new(State {
                started: now,
                received: now,
                progressed: now,
                in_hand: 0,
                detection_fails_since: None,
                pages_wait_since: None,
                reads_arrive: true,
            }),
        }
    }
}

impl Health {
    /// The queue answered a receive; so many messages are in hand.
    pub fn received(&self, in_hand: usize) {
        let mut state = self.lock();
        state.received = Instant::now();
        state.in_hand = in_hand;
        if in_hand == 0 {
            state.progressed = state.received;
        }
    }

    /// A batch is durable.
    pub fn committed(&self) {
        self.lock().progressed = Instant::now();
    }

    /// Detection ran to its end, or did not.
    pub fn detected(&self, ok: bool) {
        let mut state = self.lock();
        state.detection_fails_since =
            if ok { None } else { state.detection_fails_since.or(Some(Instant::now())) };
    }

    /// All pages are out, or some wait.
    pub fn paged(&self, all_out: bool) {
        let mut state = self.lock();
        state.pages_wait_since = if all_out { None } else { state.pages_wait_since.or(Some(Instant::now())) };
    }

    /// Whether reads are among the events that arrive.
    pub fn reads_arrive(&self, yes: bool) {
        self.lock().reads_arrive = yes;
    }

    /// What is to be said now.
    pub fn verdict(&self) -> Verdict {
        let state = self.lock();
        let stalled = |since: Instant| since.elapsed() > STALL;
        let checks = [
            (stalled(state.received), "the queue has not answered for minutes"),
            (state.in_hand > 0 && stalled(state.progressed), "messages are in hand and nothing is committed"),
            (
                state.detection_fails_since.is_some_and(stalled),
                "the rules have not run to their end for minutes",
            ),
        ];
        let mut troubles: Vec<&str> = checks.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect();
        let is_green = troubles.is_empty();
        if state.pages_wait_since.is_some_and(stalled) {
            troubles.push("pages have waited to be sent for minutes");
        }
        if !state.reads_arrive {
            troubles.push("no reads are among the events that arrive; see the log");
        }
        Verdict { is_green, troubles }
    }

    /// Seconds since the worker started.
    pub fn age(&self) -> u64 {
        self.lock().started.elapsed().as_secs()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves `GET /health` until dropped. Gives the address that it listens on, for port 0.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(address: SocketAddr, health: Arc<Health>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("failed to listen on {address} for health checks; give another --health"))?;
    let bound = listener.local_addr().context("failed to read the address of the health endpoint")?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let health = Arc::clone(&health);
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let response = answer(&request, &health);
                    async move { Ok::<_, Infallible>(response) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(REQUEST_TIMEOUT)
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                let _ = tokio::time::timeout(REQUEST_TIMEOUT, connection).await;
            });
        }
    });
    Ok(bound)
}

fn answer(request: &Request<Incoming>, health: &Health) -> Response<Full<Bytes>> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/health") => {
            let Verdict { is_green, troubles } = health.verdict();
            let status = if is_green { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (status, json!({ "ok": is_green, "troubles": troubles, "seconds": health.age() }))
        }
        _ => (StatusCode::NOT_FOUND, json!({ "ok": false, "troubles": ["only GET /health is served"] })),
    };
    let mut response = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_without_progress_is_red_and_an_idle_worker_is_green() {
        let health = Health::default();
        health.received(0);
        tokio::time::advance(STALL * 2).await;
        health.received(0);
        assert!(health.verdict().is_green);
        health.received(3);
        tokio::time::advance(STALL * 2).await;
        health.received(3);
        assert_eq!(health.verdict().troubles, ["messages are in hand and nothing is committed"]);
        health.committed();
        assert!(health.verdict().is_green);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_does_not_answer_is_red() {
        let health = Health::default();
        tokio::time::advance(STALL + Duration::from_secs(1)).await;
        assert!(!health.verdict().is_green);
    }

    #[tokio::test(start_paused = true)]
    async fn pages_that_wait_are_said_and_restart_nobody() {
        let health = Health::default();
        health.paged(false);
        tokio::time::advance(STALL * 2).await;
        health.received(0);
        let verdict = health.verdict();
        assert_eq!(verdict.troubles, ["pages have waited to be sent for minutes"]);
        assert!(verdict.is_green);
        health.paged(true);
        assert_eq!(health.verdict().troubles, Vec::<&str>::new());
    }
}
