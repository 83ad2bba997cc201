//! Buckets as CloudTrail leaves them, signed with a key of the tests' own, to be spoilt and verified.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "us-west-2";
pub const BUCKET: &str = "snowy-trail";
/// What the tests' key is called. A fingerprint names a key and proves nothing.
pub const FINGERPRINT: &str = "0123456789abcdef0123456789abcdef";

/// One object as it is stored.
#[derive(Debug, Clone, Default)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub metadata: BTreeMap<String, String>,
}

/// A bucket with a trail's logs and digests.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub name: String,
    pub objects: BTreeMap<String, Object>,
}

impl Default for Bucket {
    fn default() -> Bucket {
        Bucket::named(BUCKET)
    }
}

/// A chain that grows by a digest an hour.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    is_backfill: bool,
    previous: Option<(String, String, String)>,
}

impl Chain {
    /// The chain of late deliveries.
    pub fn backfill() -> Chain {
        Chain { is_backfill: true, ..Chain::default() }
    }

    /// Forgets the digest before: the trail was stopped and started.
    pub fn restart(&mut self) {
        self.previous = None;
    }

    /// Puts logs and the digest of the hour that starts then into the bucket. Logs are named by the minute.
    pub fn hour(&mut self, bucket: &mut Bucket, hour: u8, logs: &[(u8, &str)]) {
        let signed: Vec<Value> = logs.iter().map(|(minute, text)| bucket.log(hour, *minute, text)).collect();
        self.digest(bucket, hour, &signed);
    }

    /// Puts the digest of an hour into the bucket.
    pub fn digest(&mut self, bucket: &mut Bucket, hour: u8, logs: &[Value]) {
        let (end, key) = (format!("2026-11-20T{:02}:00:00Z", hour + 1), digest_key(hour, self.is_backfill));
        let previous = |part: fn(&(String, String, String)) -> &str| self.previous.as_ref().map(part);
        let document = json!({
            "awsAccountId": ACCOUNT,
            "digestStartTime": format!("2026-11-20T{hour:02}:00:00Z"),
            "digestEndTime": end,
            "digestS3Bucket": bucket.name,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": FINGERPRINT,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "previousDigestS3Bucket": previous(|_| "").map(|_| &bucket.name),
            "previousDigestS3Object": previous(|p| &p.0),
            "previousDigestHashValue": previous(|p| &p.1),
            "previousDigestHashAlgorithm": previous(|_| "SHA-256"),
            "previousDigestSignature": previous(|p| &p.2),
            "logFiles": logs,
        });
        let text = document.to_string();
        let before = document["previousDigestSignature"].as_str().unwrap_or("null");
        let sha256 = sha256(text.as_bytes());
        let signature = sign(&format!("{end}\n{}/{key}\n{sha256}\n{before}", bucket.name));
        let mut metadata = BTreeMap::from([
            ("signature".to_owned(), signature.clone()),
            ("signature-algorithm".to_owned(), "SHA256withRSA".to_owned()),
        ]);
        if self.is_backfill {
            metadata.insert("backfill-generation-timestamp".to_owned(), end);
        }
        bucket.objects.insert(key.clone(), Object { bytes: gzip(text.as_bytes()), metadata });
        self.previous = Some((key, sha256, signature));
    }
}

impl Bucket {
    /// An empty bucket.
    pub fn named(name: &str) -> Bucket {
        Bucket { name: name.to_owned(), objects: BTreeMap::new() }
    }

    /// Four hours, two of them with logs, from 02:00 to 06:00; the last two hours cover what must be mentioned by then.
    pub fn sound() -> Bucket {
        Bucket::sound_in(BUCKET)
    }

    /// The same in a bucket of another name, which is signed.
    pub fn sound_in(name: &str) -> Bucket {
        let (mut bucket, mut chain) = (Bucket::named(name), Chain::default());
        chain.hour(&mut bucket, 2, &[(5, r#"{"Records":[]}"#), (55, "{\"Records\":[ ]}")]);
        chain.hour(&mut bucket, 3, &[(10, "{\"Records\":[]}\n")]);
        chain.hour(&mut bucket, 4, &[]);
        chain.hour(&mut bucket, 5, &[]);
        bucket
    }

    /// Puts a log into the bucket and gives what a digest says of it.
    pub fn log(&mut self, hour: u8, minute: u8, text: &str) -> Value {
        let key = log_key(hour, minute);
        self.objects.insert(key.clone(), Object { bytes: gzip(text.as_bytes()), ..Object::default() });
        json!({ "s3Bucket": self.name, "s3Object": key, "hashValue": sha256(text.as_bytes()), "hashAlgorithm": "SHA-256" })
    }

    /// An object, to be spoilt.
    #[track_caller]
    pub fn at(&mut self, key: &str) -> &mut Object {
        self.objects.get_mut(key).expect("an object at that key")
    }

    /// Rewrites the inflated text of an object.
    #[track_caller]
    pub fn rewrite(&mut self, key: &str, from: &str, to: &str) {
        let text = self.text(key);
        assert!(text.contains(from), "{from} in {text}");
        self.at(key).bytes = gzip(text.replace(from, to).as_bytes());
    }

    /// The inflated text of an object.
    #[track_caller]
    pub fn text(&self, key: &str) -> String {
        let mut text = String::new();
        let read = &mut flate2::read::GzDecoder::new(self.objects[key].bytes.as_slice());
        std::io::Read::read_to_string(read, &mut text).expect("gzip of text");
        text
    }

    /// Moves an object.
    #[track_caller]
    pub fn move_object(&mut self, from: &str, to: &str) {
        let object = self.objects.remove(from).expect("an object at that key");
        self.objects.insert(to.to_owned(), object);
    }

    /// Writes it as a copy with its metadata beside, as the README says.
    pub fn write(&self, folder: &Path) {
        for (key, object) in &self.objects {
            let file = folder.join(key);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(&file, &object.bytes).expect("a file");
            if !object.metadata.is_empty() {
                let head = json!({ "ContentLength": object.bytes.len(), "Metadata": object.metadata });
                std::fs::write(format!("{}.metadata.json", file.display()), head.to_string())
                    .expect("a file");
            }
        }
    }
}

/// Where the digest of an hour lies.
pub fn digest_key(hour: u8, is_backfill: bool) -> String {
    let late = if is_backfill { "_backfill" } else { "" };
    format!(
        "AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/2026/11/20/{ACCOUNT}_CloudTrail-Digest_{REGION}_winter_{REGION}_20261120T{:02}0000Z{late}.json.gz",
        hour + 1
    )
}

/// Where the log of a minute lies.
pub fn log_key(hour: u8, minute: u8) -> String {
    format!(
        "AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/11/20/{ACCOUNT}_CloudTrail_{REGION}_20261120T{hour:02}{minute:02}Z_Ab12Cd34.json.gz"
    )
}

/// What `aws cloudtrail list-public-keys` would print of the tests' key, in one of its two forms.
pub fn keys(is_spki: bool) -> Value {
    let public = key().public_key();
    let spki: PublicKeyX509Der<'_> = public.as_der().expect("DER");
    let der: &[u8] = if is_spki { spki.as_ref() } else { public.as_ref() };
    json!({ "PublicKeyList": [{
        "Value": STANDARD.encode(der),
        "ValidityStartTime": "2026-11-01T00:00:00+00:00",
        "ValidityEndTime": "2026-12-01T00:00:00+00:00",
        "Fingerprint": FINGERPRINT,
    }] })
}

fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).expect("a key"))
}

fn sign(message: &str) -> String {
    let mut signature = vec![0; key().public_modulus_len()];
    key()
        .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .expect("a signature");
    hex(&signature)
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
