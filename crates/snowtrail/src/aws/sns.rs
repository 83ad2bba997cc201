//! SNS behind [`Publish`]: standard and FIFO topics, in whatever region they are.
//!
//! Source: SNS API reference, Publish; limits as in [`snowtrail_page::publish`].

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError as SnsError;
use aws_sdk_sns::types::MessageAttributeValue;
use snowtrail_page::{Attribute, MESSAGE_BYTES_MAX, Message, Publish, PublishError, PublishFuture};

use crate::aws::{Aws, said};

/// Codes that somebody must act on before a page can go out.
const LASTING: [&str; 9] = [
    "NotFound",
    "NotFoundException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "AccessDenied",
    "InvalidParameter",
    "InvalidParameterException",
    "KMSAccessDenied",
    "KMSDisabled",
];

/// A topic.
#[derive(Debug, Clone)]
pub struct SnsTopic {
    pub(super) client: Client,
    pub(super) arn: String,
}

impl SnsTopic {
    /// The topic with this ARN, reached in the region that the ARN names.
    pub fn new(aws: &Aws, arn: &str) -> SnsTopic {
        let region = arn.split(':').nth(3).filter(|region| !region.is_empty());
        SnsTopic { client: Client::new(&aws.in_region(region)), arn: arn.to_owned() }
    }

    fn is_fifo(&self) -> bool {
        self.arn.ends_with(".fifo")
    }

    /// Proves that pages can go out, without sending one: a message that is one byte too long is refused for that, but only
    /// to whoever may publish. (An empty one would be shorter; an emulator delivers it.)
    ///
    /// # Errors
    /// When there is no such topic, or publishing to it is not allowed.
    pub async fn prove_publishable(&self) -> anyhow::Result<()> {
        let call = self.client.publish().topic_arn(&self.arn).message("x".repeat(MESSAGE_BYTES_MAX + 1));
        let call = if self.is_fifo() {
            call.message_group_id("proof").message_deduplication_id("proof")
        } else {
            call
        };
        let Err(error) = call.send().await else { return Ok(()) };
        let is_refused_as_too_long = match error.code() {
            Some(
                "InvalidParameter" | "InvalidParameterException" | "ValidationError" | "ValidationException",
            ) => true,
            _ => matches!(error, SdkError::ConstructionFailure(_)),
        };
        if is_refused_as_too_long {
            return Ok(());
        }
        anyhow::bail!(
            "pages cannot be published to `{}`; allow sns:Publish on it, or name another --publish: {}",
            self.arn,
            said(&error)
        )
    }

    async fn send(&self, message: &Message) -> Result<(), PublishError> {
        let mut call =
            self.client.publish().topic_arn(&self.arn).subject(&message.subject).message(&message.body);
        for attribute in &message.attributes {
            if let Some(value) = attribute_value(attribute) {
                call = call.message_attributes(attribute.name, value);
            }
        }
        if self.is_fifo() {
            call = call.message_group_id(&message.group).message_deduplication_id(&message.dedupe_key);
        }
        call.send().await.map(drop).map_err(|error| failure(&message.dedupe_key, error))
    }
}

impl Publish for SnsTopic {
    fn publish<'a>(&'a self, message: &'a Message) -> PublishFuture<'a> {
        Box::pin(self.send(message))
    }
}

fn attribute_value(attribute: &Attribute) -> Option<MessageAttributeValue> {
    MessageAttributeValue::builder()
        .data_type(attribute.kind.as_str())
        .string_value(&attribute.value)
        .build()
        .ok()
}

fn failure(dedupe_key: &str, error: SdkError<SnsError>) -> PublishError {
    let is_lasting = error.code().is_some_and(|code| LASTING.contains(&code));
    let (dedupe_key, source) = (dedupe_key.to_owned(), said(&error).into());
    if is_lasting {
        PublishError::Lasting { dedupe_key, source }
    } else {
        PublishError::Passing { dedupe_key, source }
    }
}
