//! What the scheduler tells of a query that it has run: whether any of its tasks had to be run again.
//!
//! Ballista 55 does not take back all that it knows of when it repairs a query. A stage that was at work when its input
//! was lost begins anew, but what its finished tasks wrote on other executors stays with the stages that read it, and what
//! they write now is added: rows come twice, without an error. (Source: `rollback_running_stage` in
//! `ballista-scheduler`'s `execution_graph.rs`, and a run of the pack with an executor killed in it, where one read was
//! counted as two.) A query that needed no repair cannot have met this. So an answer counts only if every task of it ran once.
//!
//! Does not ask again; see `asking`. Reads the scheduler's REST interface (`/api/jobs`, `/api/job/ID/stages`), which
//! listens on the port of its gRPC.

use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// How long the scheduler may take over one answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One of `/api/jobs`. Source: `JobResponse` in ballista-api-types 55.0.0.
#[derive(Debug, Deserialize)]
struct Job {
    job_id: String,
    job_name: String,
}

/// Of `/api/job/ID/stages`. Source: `QueryStagesResponse`, ibid.
#[derive(Debug, Deserialize)]
struct Stages {
    stages: Vec<Stage>,
}

#[derive(Debug, Deserialize)]
struct Stage {
    stage_id: String,
    /// Those of all attempts: one that is run again gets a new place.
    tasks: Vec<Option<Task>>,
}

#[derive(Debug, Deserialize)]
struct Task {
    status: Status,
}

#[derive(Debug, Deserialize)]
enum Status {
    Running,
    Successful,
    Failed { reason: String, error: String },
}

/// Fails if any task of the job with that name was run more than once, or the scheduler does not say. `authority` is the
/// scheduler's host and port.
///
/// # Errors
/// See above.
pub async fn unrepaired(authority: &str, job_name: &str) -> anyhow::Result<()> {
    let jobs: Vec<Job> = told(authority, "/api/jobs").await?;
    let Some(job) = jobs.into_iter().find(|job| job.job_name == job_name) else {
        bail!("the scheduler at {authority} does not know the query that it has just answered ({job_name})");
    };
    let stages: Stages = told(authority, &format!("/api/job/{}/stages", job.job_id)).await?;
    match repair(&stages) {
        Some(why) => bail!("{why}; an answer that was repaired may have rows twice"),
        None => Ok(()),
    }
}

/// The first task that did not end well.
fn repair(stages: &Stages) -> Option<String> {
    stages.stages.iter().find_map(|stage| {
        stage.tasks.iter().flatten().find_map(|task| match &task.status {
            Status::Running | Status::Successful => None,
            Status::Failed { reason, error } => {
                Some(format!("a task of stage {} failed ({reason}: {error})", stage.stage_id))
            }
        })
    })
}

/// The answer to a GET.
async fn told<T: DeserializeOwned>(authority: &str, path: &str) -> anyhow::Result<T> {
    let asked = tokio::time::timeout(PATIENCE, asked(authority, path)).await;
    let asked = asked.unwrap_or_else(|_| bail!("no answer within {PATIENCE:?}"));
    let asked =
        asked.and_then(|body| serde_json::from_slice(&body).context("its answer is of another version"));
    asked.with_context(|| {
        format!(
            "failed to ask http://{authority}{path} how a query went; the scheduler must be Ballista 55 with its REST \
             interface, which published programs have unless they are started with --disable-rest-api"
        )
    })
}

async fn asked(authority: &str, path: &str) -> anyhow::Result<Bytes> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header("host", authority).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        bail!("it answers {status}");
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        repair(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn task_that_was_run_again_stays_on_record() {
        let sound = r#"{"stages": [{"stage_id": "1", "stage_plan": null, "tasks": [{"id": 0, "status": "Successful"}]}, {"stage_id": "2", "tasks": [null, {"id": 1, "status": "Running"}]}]}"#;
        assert_eq!(read(sound), None);
        let repaired = r#"{"stages": [{"stage_id": "7", "tasks": [{"id": 0, "status": {"Failed": {"reason": "ResultLost", "error": "executor lost"}}}, {"id": 1, "status": "Successful"}]}]}"#;
        assert_eq!(read(repaired).as_deref(), Some("a task of stage 7 failed (ResultLost: executor lost)"));
    }
}
