//! The edges to AWS: the only place that names an SDK crate.
//!
//! Credentials, regions and endpoints come from the standard variables, profiles and roles, as the SDK resolves them.
//! Behind [`crate::feed::Queue`], [`crate::feed::Objects`] and [`snowtrail_page::Publish`]; decides nothing.

pub mod lake_store;
pub mod s3;
pub mod setup;
pub mod signed;
pub mod sns;
pub mod sqs;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::output::with_causes;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one attempt of a call may take; longer than the longest wait for messages (20 s).
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts of one call inside the SDK; the worker's own patience comes on top and is per verb.
const ATTEMPTS_MAX: u32 = 3;

/// What every client is made from.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
}

impl Aws {
    /// Resolves credentials, region and endpoint from the environment.
    pub async fn load() -> Aws {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
            .timeout_config(timeouts)
            .load()
            .await;
        Aws { config }
    }

    /// The same in another region; the given one where `region` is none.
    fn in_region(&self, region: Option<&str>) -> SdkConfig {
        match region {
            Some(region) => self.config.to_builder().region(Region::new(region.to_owned())).build(),
            None => self.config.clone(),
        }
    }

    /// A custom endpoint for S3: path-style addressing then, for a bucket's name resolves nowhere.
    fn s3_endpoint(&self) -> Option<String> {
        let of_service = std::env::var("AWS_ENDPOINT_URL_S3").ok().filter(|url| !url.is_empty());
        of_service.or_else(|| self.config.endpoint_url().map(str::to_owned))
    }
}

/// What a service, or the way to it, said in short: its code and its words, or the chain of causes. The SDK's own long
/// form shows whole replies, which belong in no log.
fn said<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => with_causes(error),
    }
}
