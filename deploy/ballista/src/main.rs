//! Ballista's executor with all of DataFusion's functions.
//!
//! The executor as its crate publishes it knows fewer functions than the engine that it is made of: its registry leaves out
//! those on lists (`array_element`, `array_has`, `unnest`'s neighbours; source: ballista-core 55.0.0, src/registry.rs), while
//! its scheduler and every client have them. A plan with one of them, which all rules have, is refused by it. The crate has
//! a setting for other registries, and DataFusion a list of its functions; this program puts the one into the other, and
//! starts the published executor as the published program does, with the same options. There is no function, no operator
//! and no format in it that is Snowtrail's.

use std::net::SocketAddr;
use std::sync::Arc;

use ballista_core::error::{BallistaError, Result};
use ballista_core::object_store::{runtime_env_with_s3_support, session_config_with_s3_support};
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::config::Config;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::health::spawn_health_server;
use clap::Parser;
use datafusion::execution::SessionStateBuilder;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Config::parse();
    let health_address = format!("{}:{}", options.bind_host, options.bind_health_port);
    let health_address: SocketAddr = health_address
        .parse()
        .map_err(|e| BallistaError::General(format!("`{health_address}` is no address of health probes: {e}")))?;
    let mut config: ExecutorProcessConfig = options.try_into()?;
    config.override_config_producer = Some(Arc::new(session_config_with_s3_support));
    config.override_runtime_producer = Some(Arc::new(runtime_env_with_s3_support));
    let engine = SessionStateBuilder::new().with_default_features().build();
    config.override_function_registry = Some(Arc::new(BallistaFunctionRegistry::from(&engine)));

    let level = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or(config.special_mod_log_level.clone());
    tracing_subscriber::fmt().with_ansi(false).with_env_filter(EnvFilter::new(level)).init();

    let (ended, has_ended) = tokio::sync::oneshot::channel();
    let health = spawn_health_server(health_address, config.health.clone(), has_ended);
    let result = start_executor_process(Arc::new(config)).await;
    // Whoever answered the probes may have gone before.
    let _ = ended.send(());
    let _ = health.await;
    result
}
