//! Bad input costs itself and nothing else: siblings survive, the books balance (`decode` checks them), nothing hangs.

use proptest::prelude::*;
use snowtrail_model::RejectReason::{self, *};
use snowtrail_trail::Limits;
use snowtrail_trail::gunzip::InflateLimits;

use crate::support::{Outcome, decode, decode_limited, gzip, log_file, record};

#[track_caller]
fn check(bytes: impl AsRef<[u8]>, ids: &[&str], reasons: &[RejectReason]) -> Outcome {
    let outcome = decode(bytes);
    assert_eq!(
        (outcome.event_ids().as_slice(), outcome.reasons().as_slice()),
        (ids, reasons),
        "{:#?}",
        outcome.rejects
    );
    outcome
}

/// A bad piece between two good records, in a log file and among lines.
#[track_caller]
fn check_between(bad: &str, reason: RejectReason) {
    let (a, b) = (record("a", ""), record("b", ""));
    let outcome = check(log_file(&[a.clone(), bad.to_owned(), b.clone()]), &["a", "b"], &[reason]);
    assert_eq!(outcome.rejects[0].index, Some(1));
    check(format!("{a}\n{bad}\n{b}\n"), &["a", "b"], &[reason]);
}

#[test]
fn malformed_records_cost_themselves_only() {
    for bad in [
        "{bad",
        r#"{"eventID":"x","#,
        r#"{"eventVersion":"1.11","userAgent":"never closed}"#,
        r#"{"eventVersion" "1.11"}"#,
        r#"{"a":01}"#,
        r#"{"a":"\x"}"#,
        "{\"a\":\"tab\there\"}",
        r#"{"a":[1,2}"#,
        "nonsense",
    ] {
        check_between(bad, MalformedJson);
    }
}

#[test]
fn numbers_strings_and_arrays_are_no_records() {
    for bad in ["7", "-1.5e3", "\"text\"", "null"] {
        check_between(bad, NotARecord);
    }
    check(log_file(&[record("a", ""), "[1,[2]]".to_owned(), record("b", "")]), &["a", "b"], &[NotARecord]);
}

#[test]
fn records_without_what_they_need_cost_themselves_only() {
    check_between(&record("x", r#""eventID":null"#), MissingField);
    check_between(&record("x", r#""eventTime":"not a time""#), BadField);
    check(log_file(&[record("a", ""), "{}".to_owned()]), &["a"], &[MissingField]);
    check("{\"some\":\"thing\"}", &[], &[UnknownShape]);
}

#[test]
fn ten_thousand_and_a_million_levels_cost_themselves_only() {
    for levels in [200, 10_000, 1_000_000] {
        let deep = format!("{{\"eventID\":\"x\",\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        check_between(&deep, TooDeep);
    }
    check("[".repeat(1_000_000), &[], &[TooDeep]);
    check("{\"a\":".repeat(1_000_000), &[], &[TooDeep]);
}

#[test]
fn records_too_large_are_skipped_in_bounded_memory() {
    let large = record("x", &format!(r#""userAgent":"}}]{{[{}""#, "x".repeat(5 << 20)));
    check_between(&large, TooLarge);
}

#[test]
fn invalid_utf8_costs_the_record_that_holds_it() {
    let text = log_file(&[record("a", ""), record("x", r#""userAgent":"MARK""#), record("b", "")]);
    let at = text.find("MARK").unwrap();
    let mut bytes = text.into_bytes();
    bytes[at] = 0xff;
    check(&bytes, &["a", "b"], &[InvalidUtf8]);
}

#[test]
fn a_cut_off_end_is_a_reject_and_everything_before_stays() {
    let text = log_file(&[record("a", ""), record("b", "")]);
    for cut in text.len() - 200..text.len() {
        let outcome = decode(&text.as_bytes()[..cut]);
        assert_eq!(outcome.event_ids()[0], "a");
        assert_eq!(outcome.reasons(), [CutOff], "cut at {cut}");
    }
}

#[test]
fn truncated_gzip_keeps_what_was_inflated() {
    let records: Vec<String> =
        (0..500).map(|id| record(&format!("e{id}"), &format!(r#""requestID":"{}""#, id * 7919))).collect();
    let packed = gzip(log_file(&records));
    let outcome = decode(&packed[..packed.len() / 2]);
    assert!(outcome.events.len() > 100, "{}", outcome.events.len());
    assert_eq!(outcome.reasons(), [CutOff, GzipBroken]);
}

#[test]
fn bytes_behind_gzip_are_remarked() {
    let bytes = [gzip(log_file(&[record("a", "")])), b"rubbish".to_vec()].concat();
    check(bytes, &["a"], &[GzipTrailing]);
}

#[test]
fn bombs_end_at_the_limit_with_what_came_before() {
    let inflate = InflateLimits { bytes_max: 1 << 20, ..InflateLimits::default() };
    let limits = Limits { inflate, ..Limits::default() };
    let bomb = format!("{}\n{}", record("a", ""), " ".repeat(32 << 20));
    let outcome = decode_limited(gzip(bomb).as_slice(), limits);
    assert_eq!((outcome.event_ids(), outcome.reasons()), (vec!["a"], vec![InflatedTooLarge]));
    assert!(outcome.summary.plain_bytes < 2 << 20);
}

#[test]
fn no_bytes_white_space_and_images() {
    check("", &[], &[Empty]);
    check(" \n\t ", &[], &[Empty]);
    check(gzip(""), &[], &[Empty]);
    check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", &[], &[NotALog]);
    check("PK\u{3}\u{4}\0\0", &[], &[NotALog]);
    check("just some text\nin two lines\n", &[], &[NotALog]);
}

#[test]
fn a_broken_list_ends_where_a_new_line_begins_anew() {
    let text = format!(
        "{{\"Records\":[{},{{bad}}]}}\n{}\n{}",
        record("a", ""),
        log_file(&[record("b", "")]),
        record("c", "")
    );
    check(text, &["a", "b", "c"], &[MalformedJson]);
}

#[test]
fn a_record_around_a_list_of_records_is_not_lost_silently() {
    let (before, after) = (r#""eventID":"x","#, r#","eventVersion":"1.11""#);
    for (before, after) in [(before, ""), ("", after)] {
        let text = format!("{{{before}\"Records\":[{}]{after}}}", record("a", ""));
        check(text, &["a"], &[UnknownShape]);
    }
}

#[test]
fn a_nested_object_is_not_mistaken_for_the_next_record() {
    let nested = r#"{"bad":oops,"x":[{},{"eventSource":"kms.amazonaws.com"}],"y":1}"#;
    check_between(nested, MalformedJson);
}

#[test]
fn resynchronizing_does_not_take_the_square_of_the_length() {
    let text = format!("{{\"Records\":[{{bad,{}", "{\"x\":[1,".repeat(200_000));
    let started = std::time::Instant::now();
    decode(text);
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn excerpts_are_bounded_and_hold_no_secret() {
    let bad = format!(
        r#"{{"requestParameters":{{"secretString":"hunter2"}},"userAgent":"{}" oops"#,
        "é".repeat(5000)
    );
    let reject = decode(&bad).rejects.remove(0);
    assert!(reject.excerpt.len() <= 4096 && !reject.excerpt.contains("hunter2"));
    assert_eq!(reject.bytes_total, bad.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_never_panic_and_books_balance(
        flips in proptest::collection::vec((0usize..4000, any::<u8>()), 1..8),
        packed in any::<bool>(),
    ) {
        let text = log_file(&[record("a", ""), record("b", r#""eventSource":"ec2.amazonaws.com""#), record("c", ""), record("d", "")]);
        let mut bytes = if packed { gzip(&text) } else { text.into_bytes() };
        for (at, value) in flips {
            let length = bytes.len();
            bytes[at % length] = value;
        }
        decode(&bytes);
    }

    #[test]
    fn rubbish_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in r#"[\[\]{}:,"\\a-eRecords0-9 \n]{0,200}"#) {
        decode(&bytes);
        decode(&text);
        decode(format!("{{\"Records\":[{text}"));
    }
}
