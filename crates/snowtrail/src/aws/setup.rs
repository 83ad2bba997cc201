//! How a queue, a bucket and a topic are set up, read for [`crate::commands::doctor`].
//!
//! Reads only, and judges nothing. Names in here were chosen by whoever may change the setup: hostile text.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::anyhow;
use aws_sdk_s3::types::{Event, FilterRuleName, NotificationConfigurationFilter};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use crate::aws::s3::S3Objects;
use crate::aws::said;
use crate::aws::sns::SnsTopic;
use crate::aws::sqs::{SqsQueue, depth_in};
use crate::feed::{Depth, QueueError};

/// Pages of subscriptions that are read, a hundred each. Of a topic with more, the rest is not looked at.
const SUBSCRIPTION_PAGES_MAX: usize = 20;

/// What SNS writes where a subscription's ARN will be. Source: SNS API reference, ListSubscriptionsByTopic.
const PENDING: &str = "PendingConfirmation";

/// A queue's attributes, as far as they decide whether it can carry a feed.
#[derive(Debug, Clone, Default)]
pub struct QueueSetup {
    /// Its ARN.
    pub arn: String,
    /// Who may do what with it; null where only its own account may.
    pub policy: Value,
    /// Where messages go that nobody can read: the ARN, and after how many deliveries.
    pub dead_letters: Option<(String, u64)>,
    /// How long a message is kept.
    pub retention: Duration,
    /// The KMS key of its messages.
    pub kms_key: Option<String>,
    /// How many messages it holds.
    pub depth: Depth,
}

impl QueueSetup {
    fn of(attributes: &HashMap<QueueAttributeName, String>) -> QueueSetup {
        let text = |name| attributes.get(&name).filter(|text| !text.is_empty());
        let json = |name| text(name).and_then(|text| serde_json::from_str::<Value>(text).ok());
        let redrive = json(QueueAttributeName::RedrivePolicy);
        let dead_letters = redrive.as_ref().and_then(|redrive| {
            let most = &redrive["maxReceiveCount"];
            let most = most.as_u64().or_else(|| most.as_str().and_then(|text| text.parse().ok()));
            Some((redrive["deadLetterTargetArn"].as_str()?.to_owned(), most.unwrap_or_default()))
        });
        let retention = text(QueueAttributeName::MessageRetentionPeriod).and_then(|text| text.parse().ok());
        QueueSetup {
            arn: text(QueueAttributeName::QueueArn).cloned().unwrap_or_default(),
            policy: json(QueueAttributeName::Policy).unwrap_or_default(),
            dead_letters,
            retention: Duration::from_secs(retention.unwrap_or_default()),
            kms_key: text(QueueAttributeName::KmsMasterKeyId).cloned(),
            depth: depth_in(attributes),
        }
    }
}

impl SqsQueue {
    /// How it is set up.
    ///
    /// # Errors
    /// As every call.
    pub async fn setup(&self) -> Result<QueueSetup, QueueError> {
        Ok(QueueSetup::of(&self.attributes().await?))
    }

    /// How many messages are in another queue of the same region, by its ARN.
    ///
    /// # Errors
    /// As every call.
    pub async fn depth_of(&self, arn: &str) -> Result<Depth, QueueError> {
        let mut parts = arn.split(':').skip(4);
        let (account, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let call = self.client.get_queue_url().queue_name(name).queue_owner_aws_account_id(account);
        let found =
            call.send().await.map_err(|error| self.failure("look for the dead-letter queue of", error))?;
        let mut other = self.clone();
        other.url = found.queue_url.unwrap_or_default();
        Ok(depth_in(&other.attributes().await?))
    }
}

/// Whom a bucket tells of new objects.
#[derive(Debug, Clone, Default)]
pub struct Announcements {
    /// To queues and topics.
    pub rules: Vec<Announcement>,
    /// To EventBridge.
    pub event_bridge: bool,
}

/// One rule of a bucket's notifications.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// The queue or topic.
    pub to: String,
    /// Whether it tells of objects that are made, by whatever call CloudTrail makes them (it puts).
    pub tells_of_puts: bool,
    /// Only of keys that start like this.
    pub prefix: String,
    /// Only of keys that end like this.
    pub suffix: String,
}

impl Announcement {
    fn new(to: &str, events: &[Event], filter: Option<&NotificationConfigurationFilter>) -> Announcement {
        let rules = filter.and_then(|filter| filter.key()).map(|key| key.filter_rules()).unwrap_or_default();
        let rule = |name: FilterRuleName| {
            let found = rules.iter().find(|rule| rule.name() == Some(&name));
            found.and_then(|rule| rule.value()).unwrap_or_default().to_owned()
        };
        let is_of_puts = |event: &Event| matches!(event, Event::S3ObjectCreated | Event::S3ObjectCreatedPut);
        Announcement {
            to: to.to_owned(),
            tells_of_puts: events.iter().any(is_of_puts),
            prefix: rule(FilterRuleName::Prefix),
            suffix: rule(FilterRuleName::Suffix),
        }
    }
}

impl S3Objects {
    /// Whom a bucket tells of new objects.
    ///
    /// # Errors
    /// When that cannot be read.
    pub async fn announcements(&self, bucket: &str, region: Option<&str>) -> anyhow::Result<Announcements> {
        let call = self.client(region).await.get_bucket_notification_configuration().bucket(bucket);
        let answer = call.send().await.map_err(|error| anyhow!("{}", said(&error)))?;
        let queues = answer.queue_configurations().iter();
        let queues = queues.map(|rule| Announcement::new(rule.queue_arn(), rule.events(), rule.filter()));
        let topics = answer.topic_configurations().iter();
        let topics = topics.map(|rule| Announcement::new(rule.topic_arn(), rule.events(), rule.filter()));
        Ok(Announcements {
            rules: queues.chain(topics).collect(),
            event_bridge: answer.event_bridge_configuration().is_some(),
        })
    }
}

/// One subscription of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// `sqs`, `email`, `https`, …
    pub protocol: String,
    /// The queue's ARN, the address, the URL.
    pub endpoint: String,
    /// Whether it waits for somebody to confirm it, and hears nothing until then.
    pub is_pending: bool,
}

impl SnsTopic {
    /// Who hears of its messages.
    ///
    /// # Errors
    /// When that cannot be read.
    pub async fn subscriptions(&self) -> anyhow::Result<Vec<Subscription>> {
        let (mut subscriptions, mut token) = (Vec::new(), None);
        for _ in 0..SUBSCRIPTION_PAGES_MAX {
            let call = self.client.list_subscriptions_by_topic().topic_arn(&self.arn).set_next_token(token);
            let answer = call.send().await.map_err(|error| anyhow!("{}", said(&error)))?;
            subscriptions.extend(answer.subscriptions().iter().map(|s| Subscription {
                protocol: s.protocol().unwrap_or_default().to_owned(),
                endpoint: s.endpoint().unwrap_or_default().to_owned(),
                is_pending: s.subscription_arn() == Some(PENDING),
            }));
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        Ok(subscriptions)
    }
}
