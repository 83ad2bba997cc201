//! `awslogs.data`: base64 of gzip, the form in which CloudWatch Logs hands its events to a Lambda function.
//!
//! Source: CloudWatch Logs User Guide, "Real-time processing of log data with subscriptions".

use std::io::Read;

use crate::gunzip::{Inflate, InflateLimits};

/// Most bytes that one `awslogs.data` may inflate to; Lambda's payload limit of 6 MB at a generous ratio. Larger data
/// is rejected as an unknown shape.
const LOG_DATA_BYTES_MAX: u64 = 128 << 20;

/// The plain bytes, where the text is what it should be.
pub(crate) fn inflate_log_data(base64: &str, limits: InflateLimits) -> Option<Vec<u8>> {
    let packed = decode_base64(base64)?;
    let limits = InflateLimits { bytes_max: limits.bytes_max.min(LOG_DATA_BYTES_MAX), ..limits };
    let mut reader = Inflate::new(packed.as_slice(), limits);
    let mut plain = Vec::new();
    reader.read_to_end(&mut plain).ok()?;
    (reader.members() > 0 && reader.fault().is_none()).then_some(plain)
}

/// Standard base64, with or without padding.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').bytes();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_with_and_without_padding() {
        assert_eq!(decode_base64("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(decode_base64("aGVsbG8"), Some(b"hello".to_vec()));
        assert_eq!(decode_base64("aGVs bG8="), None);
    }
}
