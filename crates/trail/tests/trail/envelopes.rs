//! Every shape in which records arrive, and that the same record is the same event in each.

use proptest::prelude::*;
use serde_json::{Value, json};
use snowtrail_model::RejectReason;
use snowtrail_trail::{Decoder, Limits, Origin, Scope, Shape};

use crate::support::{decode, gzip, log_file, record};

fn value(id: &str) -> Value {
    serde_json::from_str(&record(id, "")).unwrap()
}

#[track_caller]
fn check(text: impl AsRef<[u8]>, shape: Option<Shape>, ids: &[&str]) {
    let outcome = decode(text);
    assert_eq!(
        (outcome.event_ids().as_slice(), outcome.summary.shape),
        (ids, shape),
        "{:?}",
        outcome.rejects
    );
    assert_eq!(outcome.rejects, []);
}

#[test]
fn log_files_wherever_their_list_stands() {
    check(log_file(&[record("a", ""), record("b", "")]), Some(Shape::Records), &["a", "b"]);
    let later = format!("{{\"x\":[1,{{}}],\"Records\":[{}],\"y\":2}}", record("a", ""));
    check(&later, Some(Shape::Records), &["a"]);
    check(gzip(&later), Some(Shape::Records), &["a"]);
    check("{\"Records\":[]}", Some(Shape::Records), &[]);
    check(format!("\u{feff}{}", log_file(&[record("a", "")])), Some(Shape::Records), &["a"]);
}

#[test]
fn bare_records_arrays_lines_and_concatenations() {
    let (a, b) = (record("a", ""), record("b", ""));
    check(&a, Some(Shape::Record), &["a"]);
    check(format!("[{a},{b}]"), Some(Shape::Record), &["a", "b"]);
    check(format!("{a}\n{b}\r\n\n"), Some(Shape::Record), &["a", "b"]);
    check(format!("{a}{b}"), Some(Shape::Record), &["a", "b"]);
    check(serde_json::to_string_pretty(&[value("a"), value("b")]).unwrap(), Some(Shape::Record), &["a", "b"]);
    check(format!("{}\n{}", log_file(&[a]), log_file(&[b])), Some(Shape::Records), &["a", "b"]);
    check("[]", None, &[]);
}

#[test]
fn event_bridge_events_alone_in_arrays_and_in_lines() {
    let envelope = |id: &str| json!({"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.secretsmanager","detail":value(id)});
    check(envelope("a").to_string(), Some(Shape::EventBridge), &["a"]);
    check(json!([envelope("a"), envelope("b")]).to_string(), Some(Shape::EventBridge), &["a", "b"]);
    check(format!("{}\n{}", envelope("a"), envelope("b")), Some(Shape::EventBridge), &["a", "b"]);
    let other = json!({"detail-type":"Object Created","detail":{}}).to_string();
    assert_eq!(decode(other).reasons(), [RejectReason::UnknownShape]);
}

#[test]
fn cloudwatch_logs_exports_and_what_lambda_gets() {
    let event = |id: &str| json!({"id":"1","timestamp":1,"message":record(id, "")});
    let export =
        json!({"messageType":"DATA_MESSAGE","logEvents":[event("a"), event("b")],"owner":"1"}).to_string();
    check(&export, Some(Shape::LogEvents), &["a", "b"]);
    check(gzip(&export), Some(Shape::LogEvents), &["a", "b"]);
    let control = json!({"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]});
    check(control.to_string(), Some(Shape::LogEvents), &[]);
    let lambda = json!({"awslogs":{"data":base64(&gzip(&export))}}).to_string();
    check(&lambda, Some(Shape::LogEvents), &["a", "b"]);
    assert_eq!(decode(r#"{"awslogs":{"data":"%%%"}}"#).reasons(), [RejectReason::UnknownShape]);
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let bits =
            chunk.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len())
            .map(move |at| char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]))
            .collect::<String>()
    };
    bytes.chunks(3).map(digits).collect()
}

#[test]
fn lookup_events_output_and_its_rows() {
    let row = |id: &str| json!({"EventId":id,"ReadOnly":"true","CloudTrailEvent":record(id, r#""readOnly":"true""#)});
    check(
        json!({"Events":[row("a"), row("b")],"NextToken":"t"}).to_string(),
        Some(Shape::LookupEvents),
        &["a", "b"],
    );
    check(format!("{}\n{}\n", row("a"), row("b")), Some(Shape::LookupEvents), &["a", "b"]);
}

#[test]
fn one_record_is_one_content_in_every_envelope() {
    let plain = decode(record("a", "")).events.remove(0).1;
    let pretty = serde_json::to_string_pretty(&value("a")).unwrap();
    let looked_up = json!({"CloudTrailEvent":record("a", r#""readOnly":"true""#)}).to_string();
    let bridged = json!({"detail-type":"AWS API Call via CloudTrail","detail":value("a")}).to_string();
    for text in [pretty, looked_up, bridged] {
        assert_eq!(decode(&text).events.remove(0).1, plain, "{text}");
    }
    let other = decode(record("a", r#""requestParameters":{"secretId":"other"}"#)).events.remove(0).1;
    assert_ne!(other.content_hash, plain.content_hash);
}

#[test]
fn digest_files_are_recognized_and_no_reject() {
    let digest = r#"{"awsAccountId":"1","digestStartTime":"t","digestSignatureAlgorithm":"SHA256withRSA","logFiles":[{"s3Object":"x","eventID":7}],"previousDigestSignature":null}"#;
    check(digest, Some(Shape::Digest), &[]);
}

#[test]
fn only_log_files_are_reproached_for_gzip_members() {
    let members = |a: &str, b: &str| [gzip(a), gzip(b)].concat();
    let hidden = decode(members(&log_file(&[record("a", "")]), &log_file(&[record("b", "")])));
    assert_eq!((hidden.event_ids(), hidden.reasons()), (vec!["a", "b"], vec![RejectReason::GzipMembers]));
    let lines = members(&format!("{}\n", record("a", "")), &record("b", ""));
    check(&lines, Some(Shape::Record), &["a", "b"]);
    let scope = Scope::shipped();
    let origin = Origin { is_cloudtrail_log_name: true };
    let summary = Decoder::new(&scope).decode(lines.as_slice(), origin, &mut |_| {}).unwrap();
    assert_eq!((summary.gzip_members, summary.remarks), (2, 1), "its name says that it is a log file");
}

#[test]
fn one_decoder_takes_source_after_source() {
    let scope = Scope::shipped();
    let mut decoder = Decoder::with_limits(&scope, Limits { window_bytes: 7, ..Limits::default() });
    for text in [record("a", ""), "[".to_owned(), log_file(&[record("b", "")]), String::new()] {
        let alone = Decoder::new(&scope).decode(text.as_bytes(), Origin::default(), &mut |_| {}).unwrap();
        assert_eq!(decoder.decode(text.as_bytes(), Origin::default(), &mut |_| {}).unwrap(), alone);
    }
}

proptest! {
    #[test]
    fn window_sizes_and_readers_change_nothing(window_bytes in 1usize..600, piece in 1usize..40) {
        let text = format!("{}\n{}", log_file(&[record("a", ""), "{bad".to_owned(), record("b", "")]), record("c", ""));
        let limits = Limits { window_bytes, ..Limits::default() };
        let whole = decode(&text);
        prop_assert_eq!(&crate::support::decode_limited(Pieces(text.as_bytes(), piece), limits), &whole);
    }
}

/// A reader that gives a few bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let (piece, rest) = self.0.split_at(self.1.min(self.0.len()).min(out.len()));
        out[..piece.len()].copy_from_slice(piece);
        self.0 = rest;
        Ok(piece.len())
    }
}
