//! Every fault of a chain and its logs, one fact each, on a copy in a folder.

use serde_json::json;

use super::chain::{Bucket, Chain, Object, digest_key, gzip, log_key};
use super::{Copy, check, rows, through, wrong};

const TWO: Option<&str> = Some("2026-11-20T03:00:00Z");
const ALL: Option<&str> = Some("2026-11-20T06:00:00Z");

fn digest(hour: u8) -> String {
    digest_key(hour, false)
}

#[test]
fn sound_chain_verifies_through_its_last_hour() {
    let said = Copy::of(&Bucket::sound()).verify(&[]).expect_status(0);
    let chain = &rows(&said, "chain")[0];
    assert_eq!(chain["verified_from"], "2026-11-20T02:00:00Z");
    assert_eq!(chain["verified_through"], "2026-11-20T06:00:00Z");
    assert_eq!((&chain["digests"], &chain["logs"], &chain["faults"]), (&json!(4), &json!(3), &json!(0)));
    assert_eq!((&chain["trail"], &chain["chain"]), (&json!("winter"), &json!("standard")));
    assert_eq!(said.json().len(), 1, "{}", said.stdout);
}

#[test]
fn digest_with_one_changed_letter_has_a_wrong_signature() {
    check(|b| b.rewrite(&digest(3), "0310Z", "0311Z"), &[("signature_wrong", &digest(3))], TWO);
}

#[test]
fn digest_with_a_newline_at_its_end_has_a_wrong_signature() {
    let append = |b: &mut Bucket| {
        let text = b.text(&digest(3)) + "\n";
        b.at(&digest(3)).bytes = gzip(text.as_bytes());
    };
    check(append, &[("signature_wrong", &digest(3))], TWO);
}

#[test]
fn signature_of_another_digest_is_wrong() {
    let swap = |b: &mut Bucket| b.at(&digest(3)).metadata = b.objects[&digest(4)].metadata.clone();
    check(swap, &[("signature_wrong", &digest(3))], TWO);
}

#[test]
fn signature_that_is_no_hexadecimal_is_wrong() {
    let spoil =
        |b: &mut Bucket| drop(b.at(&digest(3)).metadata.insert("signature".to_owned(), "é0".to_owned()));
    check(spoil, &[("signature_wrong", &digest(3))], TWO);
}

#[test]
fn previous_signature_that_was_changed_breaks_the_digest_that_holds_it() {
    let spoil = |b: &mut Bucket| {
        let before = b.objects[&digest(2)].metadata["signature"].clone();
        let other = b.objects[&digest(4)].metadata["signature"].clone();
        b.rewrite(&digest(3), &before, &other);
    };
    check(spoil, &[("signature_wrong", &digest(3))], TWO);
}

#[test]
fn other_algorithms_are_not_believed() {
    let metadata = |b: &mut Bucket| {
        b.at(&digest(3)).metadata.insert("signature-algorithm".to_owned(), "SHA1withRSA".to_owned());
    };
    check(metadata, &[("algorithm_unknown", &digest(3))], TWO);
    let document = |b: &mut Bucket| b.rewrite(&digest(3), "SHA256withRSA", "none");
    check(document, &[("algorithm_unknown", &digest(3))], TWO);
}

#[test]
fn deleted_digest_is_missed_by_the_next() {
    check(|b| drop(b.objects.remove(&digest(3))), &[("previous_missing", &digest(3))], TWO);
}

#[test]
fn digest_in_another_place_was_moved_and_is_missed() {
    check(
        |b| b.move_object(&digest(3), &digest(3).replace("/20/", "/21/")),
        &[("digest_moved", &digest(3)), ("previous_missing", &digest(3))],
        TWO,
    );
}

#[test]
fn older_digest_in_the_place_of_a_newer_one_was_moved() {
    let replay = |b: &mut Bucket| *b.at(&digest(4)) = b.objects[&digest(3)].clone();
    check(replay, &[("digest_moved", &digest(4)), ("previous_missing", &digest(4))], TWO);
}

#[test]
fn digest_that_was_signed_twice_is_another_than_the_next_one_names() {
    let resign = |b: &mut Bucket| {
        let (mut other, mut chain) = (Bucket::default(), Chain::default());
        chain.hour(&mut other, 2, &[]);
        *b.at(&digest(2)) = other.objects[&digest(2)].clone();
    };
    let unmentioned = [log_key(2, 5), log_key(2, 55)];
    let faults = [
        ("previous_changed", digest(2)),
        ("log_unmentioned", unmentioned[0].clone()),
        ("log_unmentioned", unmentioned[1].clone()),
    ];
    let faults: Vec<(&str, &str)> = faults.iter().map(|(what, key)| (*what, key.as_str())).collect();
    check(resign, &faults, None);
}

#[test]
fn digest_that_the_chain_goes_around_is_unlinked() {
    let around = |b: &mut Bucket| {
        let mut chain = Chain::default();
        let mut whole = Bucket::default();
        chain.hour(&mut whole, 2, &[]);
        let fork = chain.clone();
        chain.hour(&mut whole, 3, &[]);
        let mut chain = fork;
        chain.hour(&mut whole, 4, &[]);
        chain.hour(&mut whole, 5, &[]);
        *b = whole;
    };
    check(around, &[("unlinked", &digest(3))], TWO);
}

#[test]
fn key_that_is_not_in_the_file_is_said_to_be_missing() {
    let copy = Copy::of(&Bucket::sound());
    std::fs::write(&copy.keys, r#"{"PublicKeyList":[]}"#).expect("keys");
    let said = copy.verify(&[]).expect_status(3);
    let expected: Vec<(String, String)> = (2..6)
        .map(|hour| {
            ("key_missing".to_owned(), digest(hour).rsplit('/').next().unwrap_or_default().to_owned())
        })
        .collect();
    assert_eq!(wrong(&said), expected);
    assert_eq!(through(&said), None);
}

#[test]
fn key_in_a_subject_public_key_info_is_a_key() {
    let copy = Copy::of(&Bucket::sound());
    std::fs::write(&copy.keys, super::chain::keys(true).to_string()).expect("keys");
    copy.verify(&[]).expect_status(0);
}

#[test]
fn changed_log_is_told_with_both_hashes() {
    let change = |b: &mut Bucket| b.at(&log_key(2, 5)).bytes = gzip(b"{}");
    check(change, &[("log_changed", &log_key(2, 5))], None);
}

#[test]
fn deleted_log_is_missing() {
    check(|b| drop(b.objects.remove(&log_key(3, 10))), &[("log_missing", &log_key(3, 10))], TWO);
}

#[test]
fn log_with_a_second_gzip_member_has_something_trailing() {
    let append = |b: &mut Bucket| b.at(&log_key(3, 10)).bytes.extend(gzip(br#"{"Records":[{}]}"#));
    check(append, &[("log_trailing", &log_key(3, 10))], TWO);
}

#[test]
fn log_with_an_empty_second_member_has_something_trailing_though_its_hash_is_right() {
    let append = |b: &mut Bucket| b.at(&log_key(3, 10)).bytes.extend(gzip(b""));
    check(append, &[("log_trailing", &log_key(3, 10))], TWO);
}

#[test]
fn log_with_bytes_behind_its_gzip_has_something_trailing() {
    let append = |b: &mut Bucket| b.at(&log_key(3, 10)).bytes.extend(b"\0\0{}");
    check(append, &[("log_trailing", &log_key(3, 10))], TWO);
}

#[test]
fn log_that_is_cut_off_is_unreadable() {
    let cut = |b: &mut Bucket| b.at(&log_key(3, 10)).bytes.truncate(20);
    check(cut, &[("log_unreadable", &log_key(3, 10))], TWO);
}

#[test]
fn log_that_no_digest_mentions_is_unmentioned_in_the_hour_of_its_name() {
    check(|b| drop(b.log(3, 20, "{}")), &[("log_unmentioned", &log_key(3, 20))], TWO);
}

#[test]
fn log_that_digests_may_still_mention_is_no_fault() {
    check(|b| drop(b.log(5, 20, "{}")), &[], ALL);
}

#[test]
fn log_with_a_name_from_the_future_or_of_its_own_is_unmentioned() {
    let future = |b: &mut Bucket| drop(b.log(9, 20, "{}"));
    check(future, &[("log_unmentioned", &log_key(9, 20))], ALL);
    let odd = log_key(3, 20).replace("111122223333_CloudTrail", "extra");
    let named = odd.clone();
    check(move |b| drop(b.objects.insert(named, Object::default())), &[("log_unmentioned", &odd)], ALL);
}

#[test]
fn stopped_trail_leaves_a_gap_which_is_told_and_is_no_fault() {
    let mut bucket = Bucket::default();
    let mut chain = Chain::default();
    chain.hour(&mut bucket, 1, &[]);
    bucket.log(3, 0, "{}");
    chain.restart();
    for hour in 4..7 {
        chain.hour(&mut bucket, hour, &[]);
    }
    let said = Copy::of(&bucket).verify(&["--now", "2026-11-20T08:00:00Z"]).expect_status(0);
    let notices: Vec<_> = rows(&said, "notice").iter().map(|row| row["what"].clone()).collect();
    assert_eq!(notices, ["gap", "logs_not_covered"], "{}", said.stdout);
    assert_eq!(through(&said).as_deref(), Some("2026-11-20T07:00:00Z"));
}

#[test]
fn late_log_is_mentioned_by_the_chain_of_late_deliveries() {
    let late = |b: &mut Bucket| {
        let log = b.log(3, 20, "{}");
        let mut chain = Chain::backfill();
        chain.digest(b, 3, &[log]);
        chain.digest(b, 4, &[]);
    };
    check_chains(late, &[]);
}

#[test]
fn chain_of_late_deliveries_is_checked_by_itself() {
    let spoilt = |b: &mut Bucket| {
        let log = b.log(3, 20, "{}");
        let mut chain = Chain::backfill();
        for (hour, logs) in [(2, vec![]), (3, vec![log]), (4, vec![])] {
            chain.digest(b, hour, &logs);
        }
        b.objects.remove(&digest_key(3, true));
    };
    check_chains(spoilt, &[("previous_missing", digest_key(3, true)), ("log_unmentioned", log_key(3, 20))]);
}

#[track_caller]
fn check_chains(spoil: impl FnOnce(&mut Bucket), expected: &[(&str, String)]) {
    let mut bucket = Bucket::sound();
    spoil(&mut bucket);
    let said = Copy::of(&bucket).verify(&[]).expect_status(if expected.is_empty() { 0 } else { 3 });
    let chains: Vec<_> = rows(&said, "chain").iter().map(|row| row["chain"].clone()).collect();
    assert_eq!(chains, ["standard", "backfill"]);
    let last = |key: &String| key.rsplit('/').next().unwrap_or_default().to_owned();
    let expected: Vec<_> = expected.iter().map(|(what, key)| ((*what).to_owned(), last(key))).collect();
    assert_eq!(wrong(&said), expected, "{}", said.stdout);
}

#[test]
fn time_that_was_asked_for_must_be_reached_at_both_ends() {
    let copy = Copy::of(&Bucket::sound());
    let asked = ["--from", "2026-11-20T03:00:00Z", "--to", "2026-11-20T05:00:00Z"];
    let said = copy.verify(&asked).expect_status(0);
    assert_eq!(rows(&said, "chain")[0]["digests"], 2);
    let early = copy.verify(&["--from", "2026-11-20T01:00:00Z"]).expect_status(3);
    assert_eq!(wrong(&early)[0].0, "starts_late");
    let late = ["--to", "2026-11-20T08:00:00Z", "--now", "2026-11-21T00:00:00Z"];
    let late = copy.verify(&late).expect_status(3);
    assert_eq!(wrong(&late)[0].0, "ends_early");
    let unasked = copy.verify(&["--now", "2026-11-21T00:00:00Z"]).expect_status(0);
    assert_eq!(rows(&unasked, "notice")[0]["what"], "ends");
}
