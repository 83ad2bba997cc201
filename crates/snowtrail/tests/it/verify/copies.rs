//! Copies that lack what the bucket has: metadata, or the start of the keys; and what people read.

use super::chain::{Bucket, digest_key, log_key};
use super::{Copy, NOW, check, rows, through, verify, wrong};
use crate::snowtrail::{snowtrail, text};

#[test]
fn copy_without_metadata_verifies_up_to_the_digest_that_no_other_signs() {
    let mut bucket = Bucket::sound();
    bucket.objects.values_mut().for_each(|object| object.metadata.clear());
    let said = Copy::of(&bucket).verify(&[]).expect_status(0);
    assert_eq!(through(&said).as_deref(), Some("2026-11-20T05:00:00Z"));
    assert_eq!(rows(&said, "notice")[0]["what"], "signature_not_here");
}

#[test]
fn digest_without_metadata_that_was_changed_is_found_by_the_next() {
    let spoil = |b: &mut Bucket| {
        b.objects.values_mut().for_each(|object| object.metadata.clear());
        b.rewrite(&digest_key(3, false), "0310Z", "0311Z");
    };
    check(spoil, &[("signature_wrong", &digest_key(3, false))], Some("2026-11-20T03:00:00Z"));
}

#[test]
fn copy_may_lack_the_start_of_its_keys_or_stand_deeper() {
    let copy = Copy::of(&Bucket::sound());
    for below in ["AWSLogs", "AWSLogs/111122223333"] {
        verify(&copy.path().join(below), &copy.keys, &[]).expect_status(0);
    }
    let said = verify(copy.folder.path(), &copy.keys, &[]).expect_status(0);
    assert_eq!(through(&said).as_deref(), Some("2026-11-20T06:00:00Z"));
}

#[test]
fn copy_of_the_digests_alone_misses_the_logs() {
    let copy = Copy::of(&Bucket::sound());
    let said =
        verify(&copy.path().join("AWSLogs/111122223333/CloudTrail-Digest"), &copy.keys, &[]).expect_status(3);
    assert!(wrong(&said).iter().all(|(what, _)| what == "log_missing"), "{}", said.stdout);
}

#[test]
fn faults_and_what_to_do_next_for_people() {
    let mut bucket = Bucket::sound();
    bucket.at(&log_key(3, 10)).bytes = super::chain::gzip(b"{}");
    bucket.objects.remove(&log_key(2, 55));
    let copy = Copy::of(&bucket);
    let said =
        snowtrail(&["verify", text(&copy.path()), "--keys", text(&copy.keys), "--now", NOW]).expect_status(3);
    let folder = format!("file://{}", text(&copy.path().canonicalize().expect("a folder")));
    insta::assert_snapshot!(said.stdout.replace(&folder, "file:///copy"));
}
