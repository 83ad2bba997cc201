//! The queue: that it answers, who may send to it, how old and how full it is, and where its dead letters go. From its policy
//! follow the buckets, the topics and the trail that feed it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use snowtrail_model::policy::format_duration;
use snowtrail_page::escape::shell_word;

use super::diagnosis::Diagnosis;
use super::sender::Senders;
use super::{bucket, topics, trail};
use crate::aws::Aws;
use crate::aws::setup::QueueSetup;
use crate::aws::signed::CLOUDWATCH;
use crate::aws::sqs::{SqsQueue, region_of};
use crate::commands::worker_proof::NO_DEAD_LETTERS;
use crate::output::with_causes;

/// A message older than this waits for nothing that a healthy worker does. The alarm of deploy/snowtrail.yaml rings then.
const AGE_MAX: SignedDuration = SignedDuration::from_mins(15);
/// How far back the age is asked for: CloudWatch has it a few minutes late.
const AGE_ASKED: SignedDuration = SignedDuration::from_mins(15);
/// Messages must outlive a worker that is down over a weekend.
const RETENTION_MIN: std::time::Duration = std::time::Duration::from_secs(3 * 86_400);
/// Fewer deliveries than this, and a worker that is restarted twice makes dead letters of good messages.
const DELIVERIES_MIN: u64 = 3;
/// SQS's own key, whose policy lets no other service use it. Source: S3 User Guide, "Granting permissions to publish
/// event notification messages to a destination".
const MANAGED_KEY: &str = "alias/aws/sqs";

/// Looks at the queue and at what feeds it.
pub async fn examine(aws: &Aws, url: &str, buckets: &[String]) -> Vec<Diagnosis> {
    let queue = SqsQueue::new(aws, url, std::time::Duration::ZERO);
    let setup = match queue.setup().await {
        Ok(setup) => setup,
        Err(error) => {
            let why = "without its queue a worker hears of nothing";
            let fix = format!(
                "aws sqs get-queue-attributes --queue-url {} --attribute-names All   # as the worker; allow sqs:GetQueueAttributes",
                shell_word(url)
            );
            return vec![Diagnosis::broken("queue", url, with_causes(&error), why, fix)];
        }
    };
    let senders = Senders::of(&setup.policy);
    let mut rows = may_send(url, &setup, &senders);
    rows.extend(keeping(url, &setup));
    rows.extend(dead_letters(&queue, url, &setup).await);
    rows.push(age(aws, url, &setup).await);
    let region = region_of(url);
    let buckets = if buckets.is_empty() { &senders.buckets } else { buckets };
    for name in buckets {
        rows.push(bucket::examine(aws, name, region, &setup.arn, &senders).await);
    }
    for arn in &senders.topics {
        rows.push(topics::feeds(aws, arn, &setup.arn).await);
    }
    rows.extend(trail::examine(aws, region, buckets).await);
    rows
}

fn may_send(url: &str, setup: &QueueSetup, senders: &Senders) -> Vec<Diagnosis> {
    let fix = format!(
        "aws sqs set-queue-attributes --queue-url {} --attributes file://policy.json   # FeedQueuePolicy of deploy/snowtrail.yaml",
        shell_word(url)
    );
    let mut rows = Vec::new();
    if senders.everybody {
        let why = "what is sent is taken for CloudTrail's word: anybody on AWS can make events up, and flood the queue";
        rows.push(Diagnosis::broken("queue", url, "its policy lets everybody send", why, fix.clone()));
    } else if !senders.any {
        let why = "neither S3, SNS nor EventBridge can put a message into it: nothing will ever arrive";
        rows.push(Diagnosis::broken("queue", url, "its policy lets nobody send", why, fix.clone()));
    }
    if setup.kms_key.as_deref() == Some(MANAGED_KEY) {
        let why = "the policy of that key cannot let S3, SNS or EventBridge use it: they drop their messages";
        let fix = format!(
            "aws sqs set-queue-attributes --queue-url {} --attributes SqsManagedSseEnabled=true",
            shell_word(url)
        );
        rows.push(Diagnosis::broken("queue", url, "it is encrypted with alias/aws/sqs", why, fix));
    }
    if rows.is_empty() {
        rows.push(Diagnosis::ok("queue", url, "answers, and only named senders may send"));
    }
    rows
}

fn keeping(url: &str, setup: &QueueSetup) -> Vec<Diagnosis> {
    if setup.retention >= RETENTION_MIN {
        return Vec::new();
    }
    let found = format!("it keeps messages for {} h", setup.retention.as_secs() / 3_600);
    let why = "a worker that is down for longer loses what waited, and nobody notices the hole";
    let fix = format!(
        "aws sqs set-queue-attributes --queue-url {} --attributes MessageRetentionPeriod=1209600",
        shell_word(url)
    );
    vec![Diagnosis::weak("queue", url, found, why, fix)]
}

async fn dead_letters(queue: &SqsQueue, url: &str, setup: &QueueSetup) -> Vec<Diagnosis> {
    let Some((arn, deliveries)) = &setup.dead_letters else {
        let fix = format!(
            "aws sqs set-queue-attributes --queue-url {} --attributes '{{\"RedrivePolicy\":\"{{\\\"deadLetterTargetArn\\\":\\\"ARN\\\",\\\"maxReceiveCount\\\":\\\"5\\\"}}\"}}'",
            shell_word(url)
        );
        let why = "one message that nobody can read keeps every worker busy until its retention ends";
        return vec![Diagnosis::weak("queue", url, NO_DEAD_LETTERS, why, fix)];
    };
    let mut rows = Vec::new();
    if *deliveries < DELIVERIES_MIN {
        let found = format!("a message is dead after {deliveries} deliveries");
        let why = "each restart of a worker uses one up: good messages die";
        let fix =
            format!("set maxReceiveCount of {} to 5 with aws sqs set-queue-attributes", shell_word(url));
        rows.push(Diagnosis::weak("queue", url, found, why, fix));
    }
    rows.push(match queue.depth_of(arn).await {
        Ok(depth) if depth.visible + depth.in_flight == 0 => Diagnosis::ok("queue", arn, "no dead letters"),
        Ok(depth) => {
            let found = format!("{} dead letters", depth.visible + depth.in_flight);
            let why = "each is something that AWS sent and nobody could read: its events are in no table";
            let fix = format!("aws sqs start-message-move-task --source-arn {}   # once the cause in the worker's log is mended", shell_word(arn));
            Diagnosis::broken("queue", arn, found, why, fix)
        }
        Err(error) => Diagnosis::unseen("queue", arn, &with_causes(&error), "sqs:GetQueueUrl and sqs:GetQueueAttributes on the dead-letter queue"),
    });
    rows
}

/// How old the oldest message is. SQS itself does not say; CloudWatch does.
async fn age(aws: &Aws, url: &str, setup: &QueueSetup) -> Diagnosis {
    let action = "cloudwatch:GetMetricStatistics";
    let now = Timestamp::now();
    let name = url.rsplit('/').next().unwrap_or_default();
    let input = json!({
        "Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage", "Statistics": ["Maximum"], "Period": 60,
        "Dimensions": [{ "Name": "QueueName", "Value": name }],
        "StartTime": (now - AGE_ASKED).as_second(), "EndTime": now.as_second(),
    });
    let answer = match aws.ask(&CLOUDWATCH, region_of(url), "GetMetricStatistics", &input).await {
        Ok(answer) if answer.is_success() => answer,
        Ok(answer) => return Diagnosis::unseen("queue", url, &format!("its age: {}", answer.said()), action),
        Err(error) => return Diagnosis::unseen("queue", url, &format!("its age: {error}"), action),
    };
    let points = answer.body["Datapoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let newest = points.iter().max_by(|a, b| {
        let time = |point: &serde_json::Value| point["Timestamp"].as_f64().unwrap_or_default();
        time(a).total_cmp(&time(b))
    });
    let seconds = newest.and_then(|point| point["Maximum"].as_f64()).unwrap_or_default();
    let age = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::MAX);
    let waiting = format!("{} messages wait", setup.depth.visible);
    if age <= AGE_MAX {
        return Diagnosis::ok("queue", url, format!("{waiting}, the oldest for {}", format_duration(age)));
    }
    let why = "no worker keeps up: pages are as late as the oldest message";
    let fix = "aws ecs update-service --cluster snowtrail --service snowtrail-worker --force-new-deployment   # after a look at its log; or raise Tasks";
    Diagnosis::broken("queue", url, format!("{waiting}, the oldest for {}", format_duration(age)), why, fix)
}
