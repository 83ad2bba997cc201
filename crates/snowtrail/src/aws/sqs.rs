//! SQS behind [`Queue`].
//!
//! Per-entry failures of batch calls are honoured: a batch call that succeeds may still carry them. Source: SQS API
//! reference, DeleteMessageBatch and ChangeMessageVisibilityBatch, "Failed".

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName, QueueAttributeName,
};
use jiff::Timestamp;

use crate::aws::{Aws, said};
use crate::feed::{Depth, Handle, Queue, QueueError, Received};
use crate::worker::Deletable;

/// Codes of a handle that is no longer good.
/// Source: SQS API reference, ChangeMessageVisibility and DeleteMessage, "Errors".
const LAPSED: [&str; 5] = [
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "ReceiptHandleIsInvalid",
    "InvalidParameterValue",
    "InvalidIdFormat",
];

/// Codes that somebody must act on. Everything else may pass.
const LASTING: [&str; 8] = [
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "AccessDenied",
    "AccessDeniedException",
    "InvalidAddress",
    "KmsAccessDenied",
    "KmsDisabled",
    "KmsNotFound",
];

/// A queue in SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    pub(super) client: Client,
    pub(super) url: String,
    name: String,
    wait: Duration,
}

impl SqsQueue {
    /// The queue at a URL. A receive waits so long for messages, at most 20 s.
    pub fn new(aws: &Aws, url: &str, wait: Duration) -> SqsQueue {
        let config = aws.in_region(region_of(url));
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        SqsQueue { client: Client::new(&config), url: url.to_owned(), name, wait }
    }

    /// Asks for the queue's attributes: proof that it is there and may be used.
    ///
    /// # Errors
    /// As every call.
    pub async fn attributes(&self) -> Result<HashMap<QueueAttributeName, String>, QueueError> {
        let asked = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await;
        Ok(asked.map_err(|e| self.failure("read the attributes of", e))?.attributes.unwrap_or_default())
    }

    pub(super) fn failure<E, R>(&self, verb: &str, error: SdkError<E, R>) -> QueueError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let what = format!("{verb} queue `{}`", self.url);
        match error.code() {
            Some(code) if LASTING.contains(&code) => {
                QueueError::Lasting { what, source: said(&error).into() }
            }
            _ => QueueError::Passing { what, source: said(&error).into() },
        }
    }

    /// One result an entry: those that failed, and why; the others succeeded.
    fn results(
        &self,
        verb: &str,
        entries: usize,
        failed: &[BatchResultErrorEntry],
    ) -> Vec<Result<(), QueueError>> {
        let mut results: Vec<Result<(), QueueError>> = (0..entries).map(|_| Ok(())).collect();
        for failure in failed {
            let place = failure.id().parse::<usize>().ok().and_then(|place| results.get_mut(place));
            if let Some(place) = place {
                *place = Err(self.entry_failure(verb, failure));
            }
        }
        results
    }

    fn entry_failure(&self, verb: &str, failure: &BatchResultErrorEntry) -> QueueError {
        if LAPSED.contains(&failure.code()) {
            return QueueError::HandleLapsed;
        }
        let source = format!("{}: {}", failure.code(), failure.message().unwrap_or("no reason given")).into();
        QueueError::Passing { what: format!("{verb} a message of queue `{}`", self.url), source }
    }

    fn all_failed(&self, verb: &str, entries: usize, text: &str) -> Vec<Result<(), QueueError>> {
        let failure = |_| {
            Err(QueueError::Passing {
                what: format!("{verb} messages of queue `{}`", self.url),
                source: text.into(),
            })
        };
        (0..entries).map(failure).collect()
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn receive(&self, messages_max: usize, visibility: Duration) -> Result<Vec<Received>, QueueError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(whole(messages_max.clamp(1, 10) as u64))
            .visibility_timeout(whole(visibility.as_secs()))
            .wait_time_seconds(whole(self.wait.as_secs()))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .map_err(|e| self.failure("receive from", e))?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(received).collect())
    }

    async fn delete(&self, messages: &[Deletable]) -> Vec<Result<(), QueueError>> {
        let entries = messages.iter().enumerate().filter_map(|(place, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder();
            entry.id(place.to_string()).receipt_handle(&message.handle().0).build().ok()
        });
        let call =
            self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries.collect()));
        match call.send().await {
            Ok(answer) => self.results("delete", messages.len(), answer.failed()),
            Err(error) => self.all_failed("delete", messages.len(), &said(&error)),
        }
    }

    async fn change_visibility(
        &self,
        handles: &[Handle],
        visibility: Duration,
    ) -> Vec<Result<(), QueueError>> {
        let entries = handles.iter().enumerate().filter_map(|(place, handle)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder();
            let entry = entry.id(place.to_string()).receipt_handle(&handle.0);
            entry.visibility_timeout(whole(visibility.as_secs())).build().ok()
        });
        let call = self
            .client
            .change_message_visibility_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()));
        match call.send().await {
            Ok(answer) => self.results("hide", handles.len(), answer.failed()),
            Err(error) => self.all_failed("hide", handles.len(), &said(&error)),
        }
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        Ok(depth_in(&self.attributes().await?))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// How many messages the attributes count.
pub(super) fn depth_in(attributes: &HashMap<QueueAttributeName, String>) -> Depth {
    let number = |name| attributes.get(&name).and_then(|text| text.parse().ok()).unwrap_or_default();
    Depth {
        visible: number(QueueAttributeName::ApproximateNumberOfMessages),
        in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
    }
}

/// A delivery without a handle cannot be settled; SQS sends none such.
fn received(message: Message) -> Option<Received> {
    let attribute = |name| message.attributes.as_ref().and_then(|all| all.get(&name)).cloned();
    let receive_count = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
    let sent_at = attribute(MessageSystemAttributeName::SentTimestamp).and_then(|text| text.parse().ok());
    Some(Received {
        receive_count: receive_count.and_then(|text| text.parse().ok()).unwrap_or(1),
        sent_at: sent_at.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        message_id: message.message_id.unwrap_or_default(),
        handle: Handle(message.receipt_handle?),
        body: message.body.unwrap_or_default(),
    })
}

/// The region in a queue's URL: `https://sqs.us-west-2.amazonaws.com/…`; none for other hosts.
pub fn region_of(url: &str) -> Option<&str> {
    let host = url.strip_prefix("https://")?.split('/').next()?;
    let rest = host.strip_prefix("sqs.")?;
    let region = rest.split('.').next()?;
    rest.contains(".amazonaws.com").then_some(region)
}

fn whole(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_the_url_of_aws_only() {
        assert_eq!(region_of("https://sqs.us-west-2.amazonaws.com/111122223333/feed"), Some("us-west-2"));
        assert_eq!(
            region_of("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/feed"),
            Some("cn-north-1")
        );
        assert_eq!(region_of("http://127.0.0.1:4566/111122223333/feed"), None);
    }
}
