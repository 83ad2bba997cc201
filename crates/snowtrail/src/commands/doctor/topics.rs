//! Topics: those that pages go to, and those that feed the queue.

use snowtrail_model::Policy;
use snowtrail_page::PublishTarget;
use snowtrail_page::escape::shell_word;

use super::diagnosis::Diagnosis;
use crate::aws::Aws;
use crate::aws::setup::Subscription;
use crate::aws::sns::SnsTopic;
use crate::commands::worker_proof::topics;
use crate::output::with_causes;

/// What IAM would have to allow.
const LISTS: &str = "sns:ListSubscriptionsByTopic on the topic";

/// Looks at every topic that a page may go to.
pub async fn examine(aws: &Aws, target: &PublishTarget, policy: &Policy) -> Vec<Diagnosis> {
    let mut rows = Vec::new();
    for arn in topics(target, policy) {
        let topic = SnsTopic::new(aws, &arn);
        if let Err(error) = topic.prove_publishable().await {
            let why = "findings are recorded and nobody is told";
            let fix = format!(
                "aws sns get-topic-attributes --topic-arn {}   # its policy, or the role's, must allow sns:Publish",
                shell_word(&arn)
            );
            rows.push(Diagnosis::broken("topic", &arn, with_causes(error.as_ref()), why, fix));
        }
        match topic.subscriptions().await {
            Ok(subscriptions) => rows.extend(heard(&arn, &subscriptions)),
            Err(error) => rows.push(Diagnosis::unseen("topic", &arn, &error, LISTS)),
        }
    }
    rows
}

fn heard(arn: &str, subscriptions: &[Subscription]) -> Vec<Diagnosis> {
    let pending = subscriptions.iter().filter(|subscription| subscription.is_pending);
    let mut rows: Vec<Diagnosis> = pending.map(|subscription| pends(arn, subscription)).collect();
    let confirmed = subscriptions.iter().filter(|subscription| !subscription.is_pending).count();
    if confirmed > 0 {
        rows.push(Diagnosis::ok("topic", arn, format!("takes pages; {confirmed} subscriptions hear them")));
    } else {
        let why = "a page is sent, recorded as sent, and read by nobody";
        let fix = format!(
            "aws sns subscribe --topic-arn {} --protocol email --notification-endpoint oncall@example.com   # then confirm by the link",
            shell_word(arn)
        );
        rows.push(Diagnosis::broken("topic", arn, "nobody is subscribed who has confirmed it", why, fix));
    }
    rows
}

fn pends(arn: &str, subscription: &Subscription) -> Diagnosis {
    let Subscription { protocol, endpoint, .. } = subscription;
    let found = format!("the subscription of {protocol} `{endpoint}` waits to be confirmed");
    let why = "whoever should be paged there hears nothing, and believes that nothing happens";
    let fix = format!(
        "aws sns subscribe --topic-arn {} --protocol {} --notification-endpoint {}   # sends the link again; SNS drops it after two days",
        shell_word(arn),
        shell_word(protocol),
        shell_word(endpoint)
    );
    Diagnosis::weak("topic", arn, found, why, fix)
}

/// Looks at a topic that the queue's policy names: whether the queue is subscribed to it.
pub async fn feeds(aws: &Aws, arn: &str, queue: &str) -> Diagnosis {
    let subscriptions = match SnsTopic::new(aws, arn).subscriptions().await {
        Ok(subscriptions) => subscriptions,
        Err(error) => return Diagnosis::unseen("topic", arn, &error, LISTS),
    };
    let is_subscribed = |s: &Subscription| s.protocol == "sqs" && s.endpoint == queue && !s.is_pending;
    if subscriptions.iter().any(is_subscribed) {
        return Diagnosis::ok("topic", arn, "the queue is subscribed to it");
    }
    let why = "it may send to the queue and does not: what is announced there never arrives";
    let fix = format!(
        "aws sns subscribe --topic-arn {} --protocol sqs --notification-endpoint {}",
        shell_word(arn),
        shell_word(queue)
    );
    Diagnosis::broken("topic", arn, "the queue is not subscribed to it", why, fix)
}
