//! Digests and keys that nobody signed, made to break whoever reads them; and what is printed of their names.

use serde_json::json;

use super::chain::{Bucket, digest_key, gzip, log_key};
use super::{Copy, check, verify, wrong};
use crate::snowtrail::{snowtrail, text};

/// Text in the place of the digest of 03:00. The next digest misses it too: what cannot be read names nothing.
#[track_caller]
fn garbage(bytes: Vec<u8>) {
    let key = digest_key(3, false);
    check(
        |b| b.at(&key).bytes = bytes,
        &[("digest_unreadable", &key), ("previous_missing", &key)],
        Some("2026-11-20T03:00:00Z"),
    );
}

#[test]
fn forged_garbage_in_the_place_of_a_digest_is_unreadable() {
    let sound = Bucket::sound().text(&digest_key(3, false));
    let with = |from: &str, to: &str| {
        assert!(sound.contains(from));
        gzip(sound.replace(from, to).as_bytes())
    };
    for bytes in [
        Vec::new(),
        b"\x1f\x8b".to_vec(),
        gzip(b""),
        gzip(b"[]"),
        gzip(b"{\"digestEndTime\":\"\xff\"}"),
        gzip("[".repeat(1 << 20).as_bytes()),
        gzip(sound.replace("\"logFiles\":", "\"x\":").as_bytes()),
        with("{\"s3Bucket\"", "[],{\"s3Bucket\""),
        with("\"SHA-256\"", "\"MD5\""),
        with("2026-11-20T04:00:00Z\"", "2026-11-20T01:00:00Z\""),
        with("\"snowy-trail\"", "\"../snowy-trail\""),
        with("previousDigestS3Bucket", "noPreviousDigestS3Bucket"),
        [gzip(sound.as_bytes()), gzip(b" ")].concat(),
        [gzip(sound.as_bytes()), vec![0; 8]].concat(),
    ] {
        garbage(bytes);
    }
}

#[test]
fn digest_that_inflates_without_end_is_unreadable() {
    garbage(gzip(&vec![b' '; 40 << 20]));
}

#[test]
fn nothing_that_an_unsigned_digest_names_is_looked_at() {
    let key = digest_key(3, false);
    let out = log_key(3, 10).replace("AWSLogs", "../../etc");
    check(
        |b| b.rewrite(&key, &log_key(3, 10), &out),
        &[("signature_wrong", &key)],
        Some("2026-11-20T03:00:00Z"),
    );
}

#[test]
fn names_are_inert_in_every_format() {
    let mut bucket = Bucket::sound();
    let evil = log_key(3, 20).replace("111122223333_CloudTrail", "=cmd()\u{1b}[2J,\"x\"");
    bucket.objects.insert(evil, Default::default());
    let copy = Copy::of(&bucket);
    for format in ["table", "csv"] {
        let said = snowtrail(&[
            "verify",
            text(&copy.path()),
            "--keys",
            text(&copy.keys),
            "--now",
            super::NOW,
            "--format",
            format,
        ])
        .expect_status(3);
        assert!(!said.stdout.contains('\u{1b}'), "{}", said.stdout);
    }
}

#[test]
fn keys_that_are_none_are_an_error_that_says_how_to_get_some() {
    let copy = Copy::of(&Bucket::sound());
    for text in [
        "",
        "[]",
        r#"{"PublicKeyList":[{"Fingerprint":"a"}]}"#,
        r#"{"PublicKeyList":[{"Fingerprint":"a","Value":"?"}]}"#,
    ] {
        std::fs::write(&copy.keys, text).expect("keys");
        let said = copy.verify(&[]).expect_status(3);
        assert!(said.stderr.contains("aws cloudtrail list-public-keys"), "{}", said.stderr);
    }
    // Base64 that is no key can verify nothing.
    let no_key = json!({"PublicKeyList":[{"Fingerprint": super::chain::FINGERPRINT, "Value": "YQo="}]});
    std::fs::write(&copy.keys, no_key.to_string()).expect("keys");
    assert_eq!(wrong(&copy.verify(&[]).expect_status(3))[0].0, "signature_wrong");
}

#[test]
fn source_without_digests_is_an_error() {
    let copy = Copy::of(&Bucket::default());
    std::fs::create_dir_all(copy.path()).expect("a folder");
    let said = copy.verify(&[]).expect_status(3);
    assert!(said.stderr.contains("no digests under"), "{}", said.stderr);
    let said = verify(&copy.path().join("nowhere"), &copy.keys, &[]).expect_status(2);
    assert!(said.stderr.contains("is no folder"), "{}", said.stderr);
}
