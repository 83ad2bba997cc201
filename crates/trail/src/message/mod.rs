//! What the body of one SQS message asks for: objects to fetch, records to decode, things to count and leave.
//!
//! One queue may carry any mixture of forms, so a form is told by the body alone (`read`). The forms, and the pages
//! that describe them:
//!
//! - S3 event notifications (S3 User Guide, "Event message structure"), and their `s3:TestEvent`;
//! - S3 events by EventBridge (S3 User Guide, "EventBridge event message structure");
//! - CloudTrail's own notifications (CloudTrail User Guide, "Configuring Amazon SNS notifications for CloudTrail");
//! - CloudTrail's events by EventBridge (EventBridge User Guide, "AWS service events delivered via CloudTrail");
//! - records and CloudWatch Logs exports that stand in the body themselves;
//! - any of them in SNS's envelope (SNS Developer Guide, "Parsing Amazon SNS message formats"), or in the `detail` of
//!   somebody's EventBridge event, or both.
//!
//! It reads no object, decodes no record, settles no message: it is a function of the text. It does not verify SNS's
//! signature, since who may send to the queue is the queue's policy. Nothing recurses on input, and a text that says
//! one thing twice, or has the marks of two forms, is unknown rather than guessed at. Values of a body never stand in
//! a text that this module makes, except bucket, key, topic and kind of what is left, escaped and cut.

mod event_bridge;
mod key_encoding;
mod notification;
mod object_kind;
mod object_ref;
mod read;
mod records;
mod s3;
mod shown;
mod sns;
mod unknown;

pub use object_kind::ObjectKind;
pub use object_ref::ObjectRef;
pub use read::read_message;
pub use unknown::UnknownBody;

use shown::shown;

/// Most parts that one message may have. SQS lets a body be 1 MiB, in which some 3,500 of the shortest S3 records
/// have room; a body with more parts is unknown as a whole.
pub const PARTS_MAX: usize = 8192;

/// Most envelopes around one message: EventBridge to SNS to SQS is two. A body that is wrapped deeper is unknown.
pub const ENVELOPES_MAX: usize = 4;

/// Most bytes of [`Left::subject`]; a longer one is cut.
pub const SUBJECT_BYTES_MAX: usize = 512;

/// What one message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What the body is, without the envelopes around it.
    pub form: Form,
    /// What it asks for, in the order of the body; never empty. What the body names twice is there twice.
    pub parts: Vec<Part>,
}

/// What a body is, without the envelopes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// `Records[].s3`: S3's event notification.
    S3Notification,
    /// S3's `Object Created` by EventBridge.
    S3EventBridge,
    /// `s3Bucket` and `s3ObjectKey`: CloudTrail's own notification.
    CloudTrailNotification,
    /// Another EventBridge event, mostly a record `via CloudTrail`.
    EventBridge,
    /// Records themselves: `{"Records":[…]}` or one alone.
    Records,
    /// A CloudWatch Logs export, as JSON or as `awslogs` data.
    LogEvents,
    /// Sent by S3 or CloudTrail to see whether the queue takes messages.
    TestEvent,
    /// SNS or CloudWatch Logs about the delivery itself.
    Control,
}

impl Form {
    /// A word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Form::S3Notification => "s3_notification",
            Form::S3EventBridge => "s3_event_bridge",
            Form::CloudTrailNotification => "cloudtrail_notification",
            Form::EventBridge => "event_bridge",
            Form::Records => "records",
            Form::LogEvents => "log_events",
            Form::TestEvent => "test_event",
            Form::Control => "control",
        }
    }
}

/// One thing that a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A log to fetch.
    Object(ObjectRef),
    /// Bytes for [`Decoder::decode`](crate::Decoder::decode): the body, or what stood in its envelope, unchanged.
    Records(Vec<u8>),
    /// Recognized, to be counted, and nothing else to do.
    Left(Left),
    /// Cannot be read, and why (bounded, without values of the body). Its siblings go on; the message must stay on
    /// the queue, whose own limit takes it to the dead-letter queue.
    Unknown(String),
}

/// Something recognized that no event comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Why it is left.
    pub why: LeftWhy,
    /// `bucket/key`, a detail type or a topic: which it was, for people. Escaped, at most [`SUBJECT_BYTES_MAX`] bytes.
    /// Of something that happened to an object the key is as it stands in the body, encoded or not.
    pub subject: String,
}

/// Why something is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftWhy {
    /// A digest object: proves log files, holds no records.
    Digest,
    /// An Insights object or event: statistics over calls, not a call.
    Insight,
    /// An object of aggregated data events: summaries, not calls.
    Aggregated,
    /// An object that is no CloudTrail log: Config, load balancers, folder markers.
    ForeignObject,
    /// Something else than a creation happened to an object: removed, tagged, restored.
    NotACreation,
    /// A test message of S3 or CloudTrail.
    Test,
    /// SNS asks to confirm a subscription or its end. Not followed: who subscribes the queue does not need it.
    Subscription,
    /// CloudWatch Logs checks its destination.
    ControlMessage,
    /// An event that a watched service sends by itself; CloudTrail's record of the same thing comes on its own.
    ServiceEvent,
    /// A notification that names no object.
    NamesNothing,
}

impl LeftWhy {
    /// A word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            LeftWhy::Digest => "digest",
            LeftWhy::Insight => "insight",
            LeftWhy::Aggregated => "aggregated",
            LeftWhy::ForeignObject => "foreign_object",
            LeftWhy::NotACreation => "not_a_creation",
            LeftWhy::Test => "test",
            LeftWhy::Subscription => "subscription",
            LeftWhy::ControlMessage => "control_message",
            LeftWhy::ServiceEvent => "service_event",
            LeftWhy::NamesNothing => "names_nothing",
        }
    }
}

impl Message {
    fn one(form: Form, part: Part) -> Message {
        Message { form, parts: vec![part] }
    }
}

impl Part {
    fn left(why: LeftWhy, subject: &str) -> Part {
        Part::Left(Left { why, subject: shown(subject, SUBJECT_BYTES_MAX) })
    }

    /// An object is fetched if its key is a log's.
    fn object(object: ObjectRef) -> Part {
        let why = match ObjectKind::of(&object.key) {
            ObjectKind::Log => return Part::Object(object),
            ObjectKind::Digest => LeftWhy::Digest,
            ObjectKind::Insight => LeftWhy::Insight,
            ObjectKind::Aggregated => LeftWhy::Aggregated,
            ObjectKind::Foreign => LeftWhy::ForeignObject,
        };
        Part::left(why, &format!("{}/{}", object.bucket, object.key))
    }
}
