//! The trail's bucket: that somebody is told of new log files, and that it reaches the queue.

use snowtrail_page::escape::shell_word;

use super::diagnosis::Diagnosis;
use super::sender::Senders;
use crate::aws::Aws;
use crate::aws::s3::S3Objects;
use crate::aws::setup::{Announcement, Announcements};

/// How every log file's key ends. Source: CloudTrail User Guide, "CloudTrail log file name format".
const LOG_END: &str = ".json.gz";
/// Where digests lie, which tell of no event.
const DIGESTS: &str = "CloudTrail-Digest";

/// Looks at one bucket. A topic of CloudTrail's own may announce the files instead; then the bucket need not.
pub async fn examine(
    aws: &Aws,
    bucket: &str,
    region: Option<&str>,
    queue: &str,
    senders: &Senders,
) -> Diagnosis {
    let object = format!("s3://{bucket}");
    let announcements = match S3Objects::new(aws).announcements(bucket, region).await {
        Ok(announcements) => announcements,
        Err(error) => {
            return Diagnosis::unseen(
                "bucket",
                &object,
                &error,
                "s3:GetBucketNotification on the trail's bucket",
            );
        }
    };
    judge(&object, bucket, &announcements, queue, senders)
}

fn judge(
    object: &str,
    bucket: &str,
    announcements: &Announcements,
    queue: &str,
    senders: &Senders,
) -> Diagnosis {
    let is_ours = |rule: &&Announcement| rule.to == queue || senders.topics.contains(&rule.to);
    let ours: Vec<&Announcement> = announcements.rules.iter().filter(is_ours).collect();
    if ours.iter().any(|rule| rule.tells_of_puts && tells_of_logs(rule)) {
        return Diagnosis::ok("bucket", object, "tells the queue of new log files");
    }
    if announcements.event_bridge && senders.event_bridge {
        return Diagnosis::ok(
            "bucket",
            object,
            "tells EventBridge of new objects, whose rules may send to the queue",
        );
    }
    if !senders.topics.is_empty() && ours.is_empty() {
        let found = "tells nobody of new objects; CloudTrail's own topic may, which is looked at apart";
        return Diagnosis::ok("bucket", object, found);
    }
    let found = match ours.as_slice() {
        [] => "tells neither the queue nor a topic that feeds it of new objects".to_owned(),
        [rule, ..] if !rule.tells_of_puts => "tells the queue, but not of s3:ObjectCreated:Put".to_owned(),
        [rule, ..] => {
            format!("tells the queue only of keys `{}…{}`, which no log file has", rule.prefix, rule.suffix)
        }
    };
    let why = "log files pile up in the bucket and no worker hears of them";
    let fix = format!(
        "aws s3api get-bucket-notification-configuration --bucket {}   # add the queue as deploy/README.md says (step 4); a put replaces all",
        shell_word(bucket)
    );
    Diagnosis::broken("bucket", object, found, why, fix)
}

/// Whether a rule's filter lets log files through. A prefix may be the trail's own, which the bucket does not tell.
fn tells_of_logs(rule: &Announcement) -> bool {
    LOG_END.ends_with(rule.suffix.as_str()) && !rule.prefix.contains(DIGESTS)
}

#[cfg(test)]
mod tests {
    use super::super::diagnosis::Level;
    use super::*;

    fn level(rule: Announcement, senders: &Senders) -> Level {
        let announcements = Announcements { rules: vec![rule], event_bridge: false };
        judge("s3://trail", "trail", &announcements, "queue", senders).level
    }

    fn rule(to: &str, prefix: &str, suffix: &str) -> Announcement {
        Announcement {
            to: to.to_owned(),
            tells_of_puts: true,
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        }
    }

    #[test]
    fn a_rule_counts_only_if_it_lets_log_files_through_to_the_queue() {
        let nobody = Senders::default();
        assert_eq!(level(rule("queue", "", ""), &nobody), Level::Ok);
        assert_eq!(level(rule("queue", "AWSLogs/", ".json.gz"), &nobody), Level::Ok);
        assert_eq!(level(rule("queue", "org/AWSLogs/", ".gz"), &nobody), Level::Ok);
        assert_eq!(level(rule("queue", "", ".json"), &nobody), Level::Broken);
        assert_eq!(level(rule("another", "", ""), &nobody), Level::Broken);
        assert_eq!(
            level(Announcement { tells_of_puts: false, ..rule("queue", "", "") }, &nobody),
            Level::Broken
        );
    }

    #[test]
    fn a_topic_that_feeds_the_queue_counts_as_the_queue() {
        let senders = Senders { topics: vec!["topic".to_owned()], ..Senders::default() };
        assert_eq!(level(rule("topic", "", ""), &senders), Level::Ok);
    }
}
