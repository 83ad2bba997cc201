//! Calls to services that no SDK crate is here for: a signed POST, JSON in, JSON out.
//!
//! `doctor` and `canary` ask four services six questions. Their SDK crates would be three hundred operations to compile for
//! that, while the protocol is one header and one document. What is hard is the SDK's own here too: credentials, the
//! signature, TLS, timeouts. Source: Smithy specification, "AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol".
//!
//! A call is sent once and never again: what CloudTrail records of it must be one event.

use std::convert::Infallible;
use std::time::SystemTime;

use anyhow::{Context, anyhow, bail};
use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::DeserializeResponse;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::aws::{Aws, CONNECT_TIMEOUT};
use crate::output::with_causes;

/// A service that speaks JSON.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// What it is signed for, and the first label of its host.
    name: &'static str,
    /// The first label of its host.
    host: &'static str,
    /// What stands before an operation's name in `X-Amz-Target`.
    target: &'static str,
    /// Its media type's version.
    version: &'static str,
    /// End of the variable that names an endpoint for it alone, `AWS_ENDPOINT_URL_…`.
    variable: &'static str,
}

/// CloudTrail.
pub const CLOUDTRAIL: Service = Service {
    name: "cloudtrail",
    host: "cloudtrail",
    target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
    version: "1.1",
    variable: "CLOUDTRAIL",
};

/// Secrets Manager.
pub const SECRETS_MANAGER: Service = Service {
    name: "secretsmanager",
    host: "secretsmanager",
    target: "secretsmanager",
    version: "1.1",
    variable: "SECRETS_MANAGER",
};

/// Systems Manager, for Parameter Store.
pub const PARAMETER_STORE: Service =
    Service { name: "ssm", host: "ssm", target: "AmazonSSM", version: "1.1", variable: "SSM" };

/// CloudWatch.
pub const CLOUDWATCH: Service = Service {
    name: "monitoring",
    host: "monitoring",
    target: "GraniteServiceVersion20100801",
    version: "1.0",
    variable: "CLOUDWATCH",
};

/// What a service answered, or refused to.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The call's id; the `requestID` of its event in CloudTrail.
    pub request_id: Option<String>,
    /// How far our clock is behind the service's, to the second.
    pub skew: Option<SignedDuration>,
    /// The document; null where the answer was not to be read.
    pub body: Value,
}

impl Answer {
    /// Whether the service did what it was asked.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The error's code without its namespace, such as `AccessDeniedException`; empty where there is none.
    pub fn code(&self) -> &str {
        let code = self.body["__type"].as_str().or(self.body["code"].as_str()).unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default()
    }

    /// Whether it was refused for want of a permission. Source: each service's API reference, "Common Errors".
    pub fn is_denied(&self) -> bool {
        matches!(self.code(), "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation")
    }

    /// Code and words of a refusal.
    pub fn said(&self) -> String {
        let words = self.body["message"].as_str().or(self.body["Message"].as_str());
        match (self.code(), words) {
            ("", None) => format!("status {}", self.status),
            (code, None) => code.to_owned(),
            (code, Some(words)) => format!("{code}: {words}"),
        }
    }
}

/// What to do with the document of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Read it.
    Whole,
    /// Read it of a refusal alone: that of a success would be a secret.
    RefusalOnly,
}

impl Aws {
    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// When no answer comes, no region or no credentials are known. A refusal is an [`Answer`].
    pub async fn ask(
        &self,
        service: &Service,
        region: Option<&str>,
        operation: &'static str,
        input: &Value,
    ) -> anyhow::Result<Answer> {
        self.send(service, region, operation, input, Reading::Whole).await
    }

    /// Asks for what must be refused. Where it is not, the answer's body is never read from the connection.
    ///
    /// # Errors
    /// As [`Aws::ask`].
    pub async fn ask_to_be_refused(
        &self,
        service: &Service,
        region: Option<&str>,
        operation: &'static str,
        input: &Value,
    ) -> anyhow::Result<Answer> {
        self.send(service, region, operation, input, Reading::RefusalOnly).await
    }

    async fn send(
        &self,
        service: &Service,
        region: Option<&str>,
        operation: &'static str,
        input: &Value,
        reading: Reading,
    ) -> anyhow::Result<Answer> {
        let region = self.region_or(region)?;
        let url = self.endpoint(service, &region);
        let body = input.to_string();
        let target = format!("{}.{operation}", service.target);
        let kind = format!("application/x-amz-json-{}", service.version);
        let mut headers = vec![("x-amz-target".to_owned(), target), ("content-type".to_owned(), kind)];
        let credentials = self.credentials().await?;
        let signature = signature(service, &region, &url, &headers, &body, credentials);
        headers.extend(signature.with_context(|| format!("failed to sign {operation} for {url}"))?);
        let call = Operation::builder()
            .service_name(service.name)
            .operation_name(operation)
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&url)
            .no_auth()
            .no_retry()
            .timeout_config(self.timeouts())
            .serializer(move |(): ()| request(&headers, &body))
            .deserializer_impl::<Answer, Infallible>(Reader(reading))
            .build();
        call.invoke(()).await.map_err(|error| anyhow!("no answer from {url}: {}", with_causes(&error)))
    }

    async fn credentials(&self) -> anyhow::Result<Credentials> {
        let Some(provider) = self.config.credentials_provider() else {
            bail!("no credentials are known; set up a role, a profile or AWS_ACCESS_KEY_ID");
        };
        provider.provide_credentials().await.context("failed to get AWS credentials")
    }

    fn region_or(&self, region: Option<&str>) -> anyhow::Result<String> {
        let own = || self.config.region().map(|region| region.as_ref().to_owned());
        region.map(str::to_owned).or_else(own).context("no AWS region is known; set AWS_REGION")
    }

    fn timeouts(&self) -> aws_config::timeout::TimeoutConfig {
        let own = self.config.timeout_config().cloned();
        own.unwrap_or_else(|| {
            aws_config::timeout::TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build()
        })
    }

    /// The endpoint that the standard variables name, or the service's own.
    fn endpoint(&self, service: &Service, region: &str) -> String {
        let variable = format!("AWS_ENDPOINT_URL_{}", service.variable);
        let of_service = std::env::var(variable).ok().filter(|url| !url.is_empty());
        let custom = of_service.or_else(|| self.config.endpoint_url().map(str::to_owned));
        custom.unwrap_or_else(|| public_endpoint(service, region, self.config.use_fips().unwrap_or(false)))
    }
}

/// Source: AWS General Reference, "Service endpoints and quotas".
fn public_endpoint(service: &Service, region: &str, is_fips: bool) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{}{}.{region}.{suffix}", service.host, if is_fips { "-fips" } else { "" })
}

/// The headers that sign a request.
fn signature(
    service: &Service,
    region: &str,
    url: &str,
    headers: &[(String, String)],
    body: &str,
    credentials: Credentials,
) -> anyhow::Result<Vec<(String, String)>> {
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service.name)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?;
    let signed = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new("POST", url, signed, SignableBody::Bytes(body.as_bytes()))?;
    let (instructions, _) = sign(request, &params.into())?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn request(
    headers: &[(String, String)],
    body: &str,
) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    for (name, value) in headers {
        request.headers_mut().try_insert(name.clone(), value.clone())?;
    }
    Ok(request)
}

/// Makes an [`Answer`] of a response.
#[derive(Debug)]
struct Reader(Reading);

impl DeserializeResponse for Reader {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        _: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<Error>>> {
        let is_left_unread = self.0 == Reading::RefusalOnly && response.status().is_success();
        is_left_unread.then(|| Ok(Output::erase(head_of(response))))
    }

    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        let document = response.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok());
        Ok(Output::erase(Answer { body: document.unwrap_or_default(), ..head_of(response) }))
    }
}

fn head_of(response: &HttpResponse) -> Answer {
    let header = |name: &str| response.headers().try_get(name).and_then(Result::ok);
    let date = header("date").and_then(|text| rfc2822::DateTimeParser::new().parse_timestamp(text).ok());
    Answer {
        status: response.status().as_u16(),
        request_id: header("x-amzn-requestid").map(str::to_owned),
        skew: date.map(|date| date.duration_since(Timestamp::now())),
        body: Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_lose_their_namespace_and_words_follow() {
        let answer = |body: Value| Answer { status: 400, body, ..Answer::default() };
        let denied = answer(json!({ "__type": "com.amazonaws.x#AccessDeniedException", "Message": "no" }));
        assert!(denied.is_denied() && !denied.is_success());
        assert_eq!(denied.said(), "AccessDeniedException: no");
        assert_eq!(answer(Value::Null).said(), "status 400");
    }

    #[test]
    fn each_partition_has_its_own_hosts() {
        assert_eq!(
            public_endpoint(&CLOUDTRAIL, "us-west-2", false),
            "https://cloudtrail.us-west-2.amazonaws.com"
        );
        assert_eq!(
            public_endpoint(&CLOUDTRAIL, "us-gov-west-1", true),
            "https://cloudtrail-fips.us-gov-west-1.amazonaws.com"
        );
        assert_eq!(
            public_endpoint(&SECRETS_MANAGER, "cn-north-1", false),
            "https://secretsmanager.cn-north-1.amazonaws.com.cn"
        );
    }
}
