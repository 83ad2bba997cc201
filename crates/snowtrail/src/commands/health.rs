//! `snowtrail health`: asks a worker on this machine, for a container's health check, which has no other client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cli::HealthCheck;
use crate::exit::Exit;
use crate::output;

/// How long the worker may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Asks, prints the answer, and exits by it.
pub async fn run(options: &HealthCheck) -> anyhow::Result<Exit> {
    let address = reachable(options.address);
    let asked = timeout(PATIENCE, ask(address)).await;
    let answer = asked.with_context(|| format!("no answer from {address} within {PATIENCE:?}"))??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer.as_str(), ""));
    output::data(body)?;
    let is_green = head.split(' ').nth(1) == Some("200");
    Ok(if is_green { Exit::Done } else { Exit::Failed })
}

/// A worker that listens on every interface is asked on this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    }
}

async fn ask(address: SocketAddr) -> anyhow::Result<String> {
    let what = || format!("failed to ask the worker at {address}");
    let mut stream = TcpStream::connect(address).await.with_context(what)?;
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.with_context(what)?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await.with_context(what)?;
    Ok(answer)
}
