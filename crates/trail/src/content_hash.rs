//! The hash by which two rows of one identity are told equal or forged.
//!
//! Over typed content, never over JSON text: EventBridge, LookupEvents and log files differ in white space, key order
//! and the type of `readOnly`, and must agree. Fields that are filled by interpretation (actor, outcome, settings) stay
//! out, so that a newer version that reads more from a record does not call the older one's row a forgery. Targets are
//! in although they are read too, since they are what a forger would change: a version that reads other targets must
//! say so in its notes.

use snowtrail_model::Event;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// 64-bit FNV-1a over what identifies the event's content, fields separated by a byte that no UTF-8 has.
pub(crate) fn content_hash(event: &Event) -> i64 {
    let mut hash = Fnv(OFFSET);
    hash.bytes(&event.event_time.as_second().to_le_bytes());
    for text in [&event.event_source, &event.event_name, &event.aws_region] {
        hash.field(text);
    }
    for text in
        [&event.principal_id, &event.error_code, &event.request_id, &event.source_ip, &event.source_service]
    {
        hash.field(text.as_deref().unwrap_or(""));
    }
    for target in &event.targets {
        hash.field(target.kind.as_str());
        hash.field(target.arn.as_deref().or(target.name.as_deref()).unwrap_or(""));
    }
    hash.0 as i64
}

struct Fnv(u64);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }

    fn field(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0xff]);
    }
}
