//! The same over S3, where metadata is the object's own and digests lie where they say or nowhere.

use super::chain::{Bucket, digest_key, log_key};
use super::{NOW, rows, through, wrong};
use crate::aws::emulator::Account;
use crate::aws::stage::make_bucket;
use crate::snowtrail::{Said, said, text};

/// A sound bucket, spoilt, in an account of its own. Names of buckets are everybody's.
pub async fn stored(spoil: impl FnOnce(&mut Bucket)) -> (Account, Bucket) {
    let account = Account::new();
    let mut bucket = Bucket::sound_in(&format!("trail-{}", account.id));
    spoil(&mut bucket);
    make_bucket(&account, &bucket.name).await;
    for (key, object) in &bucket.objects {
        let mut call =
            account.s3().put_object().bucket(&bucket.name).key(key).body(object.bytes.clone().into());
        for (name, value) in &object.metadata {
            call = call.metadata(name, value);
        }
        call.send().await.expect("an object");
    }
    (account, bucket)
}

/// Verifies a sound bucket, spoilt.
async fn verify(spoil: impl FnOnce(&mut Bucket)) -> Said {
    let (account, bucket) = stored(spoil).await;
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, super::chain::keys(false).to_string()).expect("keys");
    let source = format!("s3://{}", bucket.name);
    let mut command = account.command();
    command.args(["verify", &source, "--keys", text(&keys), "--format", "json", "--now", NOW]);
    said(command.output().expect("the binary starts"))
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_bucket_verifies_by_the_metadata_of_its_objects() {
    let said = verify(|_| ()).await.expect_status(0);
    assert_eq!(through(&said).as_deref(), Some("2026-11-20T06:00:00Z"));
    assert_eq!(rows(&said, "chain")[0]["logs"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn spoilt_bucket_tells_each_fault() {
    let spoil = |b: &mut Bucket| {
        b.at(&digest_key(2, false)).metadata.clear();
        b.objects.remove(&log_key(3, 10));
        b.move_object(&digest_key(4, false), &digest_key(4, false).replace("/20/", "/21/"));
    };
    let said = verify(spoil).await.expect_status(3);
    let mut kinds: Vec<String> = wrong(&said).into_iter().map(|(what, _)| what).collect();
    kinds.sort();
    assert_eq!(
        kinds,
        ["digest_moved", "log_missing", "metadata_missing", "previous_missing"],
        "{}",
        said.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_proven_is_a_table_of_a_lake_in_s3() {
    let (account, bucket) = stored(|_| ()).await;
    let lakes = format!("lake-{}", account.id);
    make_bucket(&account, &lakes).await;
    let lake = format!("s3://{lakes}/prod");
    let run = |arguments: &[&str]| {
        let mut command = account.command();
        said(command.args(arguments).output().expect("the binary starts")).expect_status(0)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, super::chain::keys(false).to_string()).expect("keys");
    let source = format!("s3://{}", bucket.name);
    run(&["ingest", &source, "--lake", &lake]);
    for now in [NOW, "2026-11-20T08:00:00Z"] {
        run(&["verify", &source, "--keys", text(&keys), "--lake", &lake, "--now", now]);
    }
    let query = "SELECT verified_through, logs, in_lake, faults FROM verifications ORDER BY verified_at";
    let said = run(&["sql", query, "--lake", &lake, "--format", "json"]);
    let proven = serde_json::json!({ "verified_through": "2026-11-20T06:00:00Z", "logs": 3, "in_lake": 3, "faults": 0 });
    assert_eq!(said.json(), [proven.clone(), proven], "{}", said.stdout);
}
