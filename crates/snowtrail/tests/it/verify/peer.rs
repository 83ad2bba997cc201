//! The same chains judged by AWS's own `aws cloudtrail validate-logs`: where it agrees, and where it sees less.
//!
//! It asks CloudTrail for the public keys and S3 for the rest; a stub answers the first, the emulator the second.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::json;

use super::chain::{ACCOUNT, Bucket, Chain, REGION, digest_key, gzip, keys, log_key};
use super::{NOW, s3, wrong};
use crate::aws::emulator::{Account, installed_peer};
use crate::snowtrail::{said, text};

/// Answers every request with the tests' key, as CloudTrail does ListPublicKeys. Ends with the process.
fn cloudtrail() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let key = &keys(false)["PublicKeyList"][0];
    let key = json!({ "Value": key["Value"], "Fingerprint": key["Fingerprint"],
        "ValidityStartTime": 1_790_000_000, "ValidityEndTime": 1_800_000_000 });
    let answer = json!({ "PublicKeyList": [key] }).to_string();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(stream, &answer)));
    endpoint
}

fn serve(stream: TcpStream, answer: &str) {
    let mut request = BufReader::new(&stream);
    let (mut line, mut length) = (String::new(), 0);
    while request.read_line(&mut line).is_ok_and(|count| count > 2) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        line.clear();
    }
    let _ = request.take(length).read_to_end(&mut Vec::new());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close";
    let _ = write!(&stream, "{head}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
}

/// Names of the objects that AWS's command finds invalid.
fn theirs(account: &Account, bucket: &Bucket) -> BTreeSet<String> {
    let trail = format!("arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/winter");
    let output = Command::new(installed_peer("awscli"))
        .args(["cloudtrail", "validate-logs", "--region", REGION, "--trail-arn", &trail, "--verbose"])
        .args(["--s3-bucket", &bucket.name, "--start-time", "2026-11-20T02:00:00Z", "--end-time", NOW])
        .env("AWS_ENDPOINT_URL_S3", &account.endpoint)
        .env("AWS_ENDPOINT_URL_CLOUDTRAIL", cloudtrail())
        .env("AWS_ACCESS_KEY_ID", &account.id)
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env_remove("AWS_PROFILE")
        .output()
        .expect("the command line starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("Results requested for"), "{stdout}{stderr}");
    let invalid = stderr.lines().filter(|line| line.contains("INVALID"));
    // `(backfill) Digest file<TAB>s3://bucket/key<TAB>INVALID: …`, or a sentence with the address in it.
    let name = |line: &str| {
        let uri = line.split_whitespace().find(|word| word.starts_with("s3://")).expect("an object");
        uri.rsplit('/').next().unwrap_or_default().to_owned()
    };
    invalid.map(name).collect()
}

fn ours(account: &Account, bucket: &Bucket) -> BTreeSet<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, keys(false).to_string()).expect("keys");
    let mut command = account.command();
    command.args(["verify", &format!("s3://{}", bucket.name), "--keys", text(&file)]);
    command.args(["--format", "json", "--now", NOW]);
    let said = said(command.output().expect("the binary starts"));
    wrong(&said).into_iter().map(|(_, name)| name).collect()
}

/// What both say of a sound bucket that was spoilt: ours, theirs.
async fn judged(spoil: impl FnOnce(&mut Bucket)) -> (BTreeSet<String>, BTreeSet<String>) {
    let (account, bucket) = s3::stored(spoil).await;
    (ours(&account, &bucket), theirs(&account, &bucket))
}

fn named(keys: &[String]) -> BTreeSet<String> {
    keys.iter().map(|key| key.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_command_line_agrees_on_what_it_looks_at() {
    type Spoil = fn(&mut Bucket);
    let digest = |hour| digest_key(hour, false);
    let cases: [(Spoil, Vec<String>); 7] = [
        (|_| (), vec![]),
        (|b| b.rewrite(&digest_key(3, false), "0310Z", "0311Z"), vec![digest(3)]),
        (|b| b.at(&digest_key(3, false)).metadata.clear(), vec![digest(3)]),
        (|b| drop(b.objects.remove(&digest_key(3, false))), vec![digest(3)]),
        (|b| b.at(&log_key(3, 10)).bytes = gzip(b"{}"), vec![log_key(3, 10)]),
        (|b| b.at(&log_key(3, 10)).bytes.extend(gzip(b"")), vec![log_key(3, 10)]),
        (|b| drop(b.objects.remove(&log_key(2, 5))), vec![log_key(2, 5)]),
    ];
    for (spoil, expected) in cases {
        let (ours, theirs) = judged(spoil).await;
        assert_eq!(ours, named(&expected));
        assert_eq!(theirs, ours);
    }
}

/// It follows signatures back from the newest digest: it sees neither what no digest names, nor that a digest which
/// CloudTrail did sign once is not the one that the next digest names by its hash.
#[tokio::test(flavor = "multi_thread")]
async fn aws_command_line_sees_no_log_that_nobody_mentions_and_no_replaced_digest() {
    let (ours, theirs) = judged(|b| drop(b.log(3, 20, "{}"))).await;
    assert_eq!((ours, theirs), (named(&[log_key(3, 20)]), named(&[])));
    let resign = |b: &mut Bucket| {
        let (mut other, mut chain) = (Bucket::named(&b.name), Chain::default());
        chain.hour(&mut other, 2, &[]);
        *b.at(&digest_key(2, false)) = other.objects[&digest_key(2, false)].clone();
    };
    let (ours, theirs) = judged(resign).await;
    assert_eq!(ours, named(&[digest_key(2, false), log_key(2, 5), log_key(2, 55)]));
    assert_eq!(theirs, named(&[]));
}
