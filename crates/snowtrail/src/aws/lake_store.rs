//! The object store under a lake on S3, with the SDK's own credentials, so that one role and one refresh serve both.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum};
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, ObjectStore, RetryConfig};
use tokio::sync::Mutex;

use crate::aws::Aws;

/// Credentials are fetched anew this long before they expire, so that no request outlives them.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(300);
/// How long the store retries one request: shorter than a message stays hidden, so that a slow store is the worker's to
/// wait for and not the client's.
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);
/// Retries within that time.
const RETRIES_MAX: usize = 6;
/// One request's limit.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Set by people who copied a recipe for single writers; with it two writers overwrite each other's commits.
const UNSAFE_RENAME: &str = "AWS_S3_ALLOW_UNSAFE_RENAME";

/// The store that holds the bucket of `s3://bucket/prefix`.
///
/// # Errors
/// When the address has no bucket, no region is known, or [`UNSAFE_RENAME`] is set.
pub fn lake_store(aws: &Aws, uri: &str) -> anyhow::Result<Arc<dyn ObjectStore>> {
    if std::env::var_os(UNSAFE_RENAME).is_some() {
        bail!(
            "{UNSAFE_RENAME} is set; it makes concurrent writers lose commits and Snowtrail does not need it: unset it"
        );
    }
    let bucket = uri.strip_prefix("s3://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if bucket.is_empty() {
        bail!("`{uri}` names no bucket; a lake on S3 is s3://bucket/prefix");
    }
    let config = aws.in_region(None);
    let Some(region) = config.region() else {
        bail!("no region is known for the lake `{uri}`; set AWS_REGION");
    };
    let provider =
        config.credentials_provider().context("no credentials for the lake; set up a role or AWS_…")?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region.as_ref())
        .with_credentials(Arc::new(SdkCredentials { provider, cached: Mutex::new(None) }))
        // Object Lock refuses a put without a checksum. Source: S3 User Guide, "Object Lock considerations".
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(ClientOptions::new().with_timeout(REQUEST_TIMEOUT))
        .with_retry(RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIMEOUT,
        });
    if let Some(endpoint) = aws.s3_endpoint() {
        builder = builder
            .with_allow_http(endpoint.starts_with("http://"))
            .with_virtual_hosted_style_request(false)
            .with_endpoint(endpoint);
    }
    Ok(Arc::new(builder.build().with_context(|| format!("failed to open the store of `{uri}`"))?))
}

/// The SDK's credentials, kept until shortly before they expire.
#[derive(Debug)]
struct SdkCredentials {
    provider: SharedCredentialsProvider,
    cached: Mutex<Option<Cached>>,
}

#[derive(Debug, Clone)]
struct Cached {
    credential: Arc<AwsCredential>,
    expires: Option<SystemTime>,
}

impl Cached {
    fn is_fresh(&self) -> bool {
        self.expires.is_none_or(|expires| SystemTime::now() + REFRESH_BEFORE_EXPIRY < expires)
    }
}

#[async_trait]
impl CredentialProvider for SdkCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut cached = self.cached.lock().await;
        if let Some(cached) = cached.as_ref().filter(|cached| cached.is_fresh()) {
            return Ok(Arc::clone(&cached.credential));
        }
        let fresh = self
            .provider
            .provide_credentials()
            .await
            .map_err(|source| object_store::Error::Generic { store: "S3", source: Box::new(source) })?;
        let credential = Arc::new(AwsCredential {
            key_id: fresh.access_key_id().to_owned(),
            secret_key: fresh.secret_access_key().to_owned(),
            token: fresh.session_token().map(str::to_owned),
        });
        *cached = Some(Cached { credential: Arc::clone(&credential), expires: fresh.expiry() });
        Ok(credential)
    }
}
