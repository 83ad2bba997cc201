//! The top-level keys that this crate reads, and where their values stand in the record being looked at.
//!
//! The scanner fills a [`KeyTable`] while it validates a record, so that scope is decided and fields are read
//! without a second pass. The table is reused from record to record and never allocates. It knows nothing of what
//! the values mean.

use crate::text;

macro_rules! keys {
    ($($name:ident = $text:literal,)*) => {
        /// A top-level key of a record or of one of the envelopes around records.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Key { $($name,)* }

        /// The keys' spelling, in the order of the enum.
        const SPELLINGS: &[&str] = &[$($text,)*];
        const COUNT: usize = SPELLINGS.len();

        fn find(spelling: &[u8]) -> Option<Key> {
            let (length, start) = (spelling.len(), start_of(spelling));
            $({
                const TEXT: &[u8] = $text.as_bytes();
                const START: u64 = start_of(TEXT);
                if length == TEXT.len() && start == START && (length <= 8 || spelling == TEXT) {
                    return Some(Key::$name);
                }
            })*
            None
        }
    };
}

keys! {
    EventSource = "eventSource",
    EventName = "eventName",
    EventVersion = "eventVersion",
    EventTime = "eventTime",
    UserIdentity = "userIdentity",
    AwsRegion = "awsRegion",
    SourceIpAddress = "sourceIPAddress",
    UserAgent = "userAgent",
    ErrorCode = "errorCode",
    ErrorMessage = "errorMessage",
    RequestParameters = "requestParameters",
    ResponseElements = "responseElements",
    AdditionalEventData = "additionalEventData",
    RequestId = "requestID",
    EventId = "eventID",
    EventType = "eventType",
    EventCategory = "eventCategory",
    ReadOnly = "readOnly",
    Resources = "resources",
    RecipientAccountId = "recipientAccountId",
    ServiceEventDetails = "serviceEventDetails",
    SharedEventId = "sharedEventID",
    VpcEndpointId = "vpcEndpointId",
    Addendum = "addendum",
    SessionCredentialFromConsole = "sessionCredentialFromConsole",
    InsightDetails = "insightDetails",
    AggregatedEventId = "eventId",
    AccountId = "accountId",
    TimeWindow = "timeWindow",
    Summary = "summary",
    DetailType = "detail-type",
    Detail = "detail",
    Message = "message",
    CloudTrailEvent = "CloudTrailEvent",
    AwsLogs = "awslogs",
    DigestAlgorithm = "digestSignatureAlgorithm",
    Records = "Records",
    Events = "Events",
    LogEvents = "logEvents",
    LogFiles = "logFiles",
}

/// The first eight bytes as a number: two numbers are compared faster than a call to compare bytes, and of the many
/// keys of one length nearly all differ in them.
const fn start_of(text: &[u8]) -> u64 {
    if let Some(start) = text.first_chunk::<8>() {
        return u64::from_le_bytes(*start);
    }
    let (mut start, mut rest) = (0, text);
    while let [before @ .., last] = rest {
        start = start << 8 | *last as u64;
        rest = before;
    }
    start
}

impl Key {
    /// The key as it stands in JSON.
    pub(crate) fn spelling(self) -> &'static str {
        SPELLINGS.get(self as usize).copied().unwrap_or("")
    }

    /// The key that these raw bytes (between the quotes, possibly with escapes) spell.
    pub(crate) fn lookup(raw: &[u8]) -> Option<Key> {
        if memchr::memchr(b'\\', raw).is_none() {
            return find(raw);
        }
        let spelled = text::unescape(std::str::from_utf8(raw).ok()?);
        find(spelled.as_bytes())
    }

    /// Whether an array under this key is walked element by element instead of being read whole.
    pub(crate) fn is_container(self) -> bool {
        matches!(self, Key::Records | Key::Events | Key::LogEvents | Key::LogFiles)
    }
}

/// Where the values of one object's known top-level keys stand, as offsets into the scanned bytes.
#[derive(Debug, Clone)]
pub(crate) struct KeyTable {
    seen: u64,
    duplicate: Option<Key>,
    spans: [(u32, u32); COUNT],
}

impl KeyTable {
    pub(crate) fn new() -> KeyTable {
        const { assert!(COUNT <= 64, "the seen bits are one u64") };
        KeyTable { seen: 0, duplicate: None, spans: [(0, 0); COUNT] }
    }

    pub(crate) fn clear(&mut self) {
        self.seen = 0;
        self.duplicate = None;
    }

    /// Notes a value. A second value under one key never replaces the first: it is remembered as a duplicate.
    #[inline]
    pub(crate) fn note(&mut self, key: Key, start: usize, end: usize) {
        let bit = 1u64 << (key as u8);
        if self.seen & bit != 0 {
            self.duplicate.get_or_insert(key);
            return;
        }
        self.seen |= bit;
        if let Some(span) = self.spans.get_mut(key as usize) {
            *span = (start as u32, end as u32);
        }
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.seen & (1u64 << (key as u8)) != 0
    }

    /// The first known key that stood there twice.
    pub(crate) fn duplicate(&self) -> Option<Key> {
        self.duplicate
    }

    pub(crate) fn span(&self, key: Key) -> Option<(usize, usize)> {
        let (start, end) = *self.spans.get(key as usize)?;
        self.has(key).then_some((start as usize, end as usize))
    }

    /// Whether the object has keys that only a CloudTrail record has.
    pub(crate) fn is_record_like(&self) -> bool {
        [Key::EventVersion, Key::EventId, Key::EventSource, Key::EventName, Key::AggregatedEventId]
            .into_iter()
            .any(|key| self.has(key))
    }
}
