//! A trail bucket, a queue with its dead-letter queue, a lake bucket, a topic and a queue that hears it.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Event, NotificationConfiguration, QueueConfiguration,
};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::emulator::{Account, REGION};
use super::records::POLICY;
use crate::snowtrail::{Said, said, text};

/// Deliveries of one message before it goes to the dead-letter queue.
const RECEIVES_MAX: u32 = 3;

/// Everything that a worker stands between.
pub struct Stage {
    pub account: Account,
    pub trail: String,
    pub lake: String,
    pub queue: String,
    pub dead_letters: String,
    pub topic: String,
    /// A queue subscribed to the topic.
    pub heard: String,
    pub policy: PathBuf,
    _folder: TempDir,
}

impl Stage {
    /// Everything, with a standard topic.
    pub async fn new() -> Stage {
        Stage::with_topic(Account::new(), "pages", &[]).await
    }

    /// Gives messages so many deliveries before they are dead: a worker that is killed again and again uses one up each
    /// time, and the queue cannot tell that from a message that nobody can read.
    pub async fn deliveries_max(&self, most: u32) {
        let redrive = json!({ "deadLetterTargetArn": arn_of(&self.account, &self.dead_letters).await,
            "maxReceiveCount": most.to_string() });
        let call = self.account.sqs().set_queue_attributes().queue_url(&self.queue);
        let call = call.attributes(QueueAttributeName::RedrivePolicy, redrive.to_string());
        call.send().await.expect("attributes");
    }

    /// Everything, in an account, with a topic that has these attributes.
    pub async fn with_topic(account: Account, topic: &str, attributes: &[(&str, &str)]) -> Stage {
        let (trail, lake) = (format!("trail-{}", account.id), format!("lake-{}", account.id));
        for bucket in [&trail, &lake] {
            make_bucket(&account, bucket).await;
        }
        let dead_letters = make_queue(&account, "feed-dead", &[]).await;
        let redrive = json!({ "deadLetterTargetArn": arn_of(&account, &dead_letters).await,
            "maxReceiveCount": RECEIVES_MAX.to_string() });
        let queue =
            make_queue(&account, "feed", &[(QueueAttributeName::RedrivePolicy, redrive.to_string())]).await;
        let (topic, heard) = make_topic(&account, topic, attributes).await;
        let folder = tempfile::tempdir().expect("a folder");
        let policy = folder.path().join("policy.toml");
        std::fs::write(&policy, POLICY).expect("a policy");
        let lake = format!("s3://{lake}/prod");
        Stage { account, trail, lake, queue, dead_letters, topic, heard, policy, _folder: folder }
    }

    /// Makes the trail bucket tell the queue of its objects.
    pub async fn notify_queue(&self) {
        let queue = QueueConfiguration::builder()
            .queue_arn(arn_of(&self.account, &self.queue).await)
            .events(Event::S3ObjectCreated)
            .build()
            .expect("a queue configuration");
        let configuration = NotificationConfiguration::builder().queue_configurations(queue).build();
        self.account
            .s3()
            .put_bucket_notification_configuration()
            .bucket(&self.trail)
            .notification_configuration(configuration)
            .send()
            .await
            .expect("notifications");
    }

    /// Puts an object into the trail bucket.
    pub async fn put(&self, key: &str, body: Vec<u8>) {
        let put = self.account.s3().put_object().bucket(&self.trail).key(key).body(body.into());
        put.send().await.expect("an object");
    }

    /// Sends a body to the queue.
    pub async fn send(&self, body: &str) {
        self.account
            .sqs()
            .send_message()
            .queue_url(&self.queue)
            .message_body(body)
            .send()
            .await
            .expect("a message");
    }

    /// The worker's command line, without `--once`.
    pub fn worker(&self) -> Command {
        let mut command = self.account.command();
        command.args(["worker", "--queue", &self.queue, "--lake", &self.lake, "--publish", &self.topic]);
        command.args(["--policy", text(&self.policy)]);
        command
    }

    /// Runs a worker until the queue is empty.
    #[track_caller]
    pub fn drain(&self) -> Said {
        said(self.worker().arg("--once").output().expect("the worker starts")).expect_status(0)
    }

    /// One number that a query over the lake gives.
    #[track_caller]
    pub fn count(&self, query: &str) -> i64 {
        let mut command = self.account.command();
        command.args(["sql", query, "--lake", &self.lake, "--format", "json"]);
        let said = said(command.output().expect("the binary starts")).expect_status(0);
        let value = said.json()[0].as_object().and_then(|row| row.values().next()).and_then(Value::as_i64);
        value.unwrap_or_else(|| panic!("no number in {}", said.stdout))
    }

    /// What a queue holds, taken out of it, waiting until there are `least` messages or no more come.
    pub async fn take(&self, queue: &str, least: usize) -> Vec<aws_sdk_sqs::types::Message> {
        let until = Instant::now() + Duration::from_secs(20);
        let mut messages = Vec::new();
        while messages.len() < least && Instant::now() < until {
            messages.extend(receive(&self.account, queue, 2).await);
        }
        messages.extend(receive(&self.account, queue, 0).await);
        messages
    }

    /// The pages that the subscribed queue heard: the SNS envelopes, at least so many.
    pub async fn pages(&self, least: usize) -> Vec<Value> {
        let messages = self.take(&self.heard, least).await;
        messages
            .iter()
            .map(|message| serde_json::from_str(message.body().unwrap_or_default()).expect("an SNS envelope"))
            .collect()
    }

    /// How many messages a queue holds, waiting and in flight.
    pub async fn depth(&self, queue: &str) -> u64 {
        let asked = self
            .account
            .sqs()
            .get_queue_attributes()
            .queue_url(queue)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .expect("attributes");
        let attributes = asked.attributes.unwrap_or_default();
        let number = |name| attributes.get(&name).and_then(|n| n.parse::<u64>().ok()).unwrap_or_default();
        number(QueueAttributeName::ApproximateNumberOfMessages)
            + number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
    }
}

async fn receive(account: &Account, queue: &str, wait: i32) -> Vec<aws_sdk_sqs::types::Message> {
    let call =
        account.sqs().receive_message().queue_url(queue).max_number_of_messages(10).wait_time_seconds(wait);
    let messages =
        call.message_attribute_names("All").send().await.expect("a receive").messages.unwrap_or_default();
    for message in &messages {
        let handle = message.receipt_handle().unwrap_or_default();
        account
            .sqs()
            .delete_message()
            .queue_url(queue)
            .receipt_handle(handle)
            .send()
            .await
            .expect("a deletion");
    }
    messages
}

/// Makes a bucket.
pub async fn make_bucket(account: &Account, bucket: &str) {
    let place = CreateBucketConfiguration::builder()
        .location_constraint(BucketLocationConstraint::from(REGION))
        .build();
    account
        .s3()
        .create_bucket()
        .bucket(bucket)
        .create_bucket_configuration(place)
        .send()
        .await
        .expect("a bucket");
}

/// Makes a queue, gives its URL.
pub async fn make_queue(
    account: &Account,
    name: &str,
    attributes: &[(QueueAttributeName, String)],
) -> String {
    let mut call = account.sqs().create_queue().queue_name(name);
    for (attribute, value) in attributes {
        call = call.attributes(attribute.clone(), value);
    }
    call.send().await.expect("a queue").queue_url.expect("its URL")
}

/// The ARN of a queue.
pub async fn arn_of(account: &Account, queue: &str) -> String {
    let call =
        account.sqs().get_queue_attributes().queue_url(queue).attribute_names(QueueAttributeName::QueueArn);
    let attributes = call.send().await.expect("attributes").attributes.unwrap_or_default();
    attributes.get(&QueueAttributeName::QueueArn).cloned().expect("an ARN")
}

/// Makes a topic and a queue that hears it; both FIFO if the name says so.
async fn make_topic(account: &Account, name: &str, attributes: &[(&str, &str)]) -> (String, String) {
    let mut call = account.sns().create_topic().name(name);
    for (attribute, value) in attributes {
        call = call.attributes(*attribute, *value);
    }
    let topic = call.send().await.expect("a topic").topic_arn.expect("its ARN");
    let heard = match name.ends_with(".fifo") {
        true => {
            let fifo = (QueueAttributeName::FifoQueue, "true".to_owned());
            make_queue(account, "heard.fifo", &[fifo]).await
        }
        false => make_queue(account, "heard", &[]).await,
    };
    subscribe(account, &topic, &heard, &[]).await;
    (topic, heard)
}

/// Subscribes a queue to a topic.
pub async fn subscribe(account: &Account, topic: &str, queue: &str, attributes: &[(&str, &str)]) {
    let mut call =
        account.sns().subscribe().topic_arn(topic).protocol("sqs").endpoint(arn_of(account, queue).await);
    for (attribute, value) in attributes {
        call = call.attributes(*attribute, *value);
    }
    call.send().await.expect("a subscription");
}
