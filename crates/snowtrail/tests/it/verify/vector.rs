//! The chain that OpenSSL signed, which shares no code with what is tested here.

use serde_json::{Value, json};

use super::chain::{Bucket, Object, gzip, sha256};
use super::{Copy, through};
use crate::snowtrail::root;

fn vector() -> Value {
    let text = std::fs::read_to_string(root().join("testdata/digests/vector.json")).expect("the vector");
    serde_json::from_str(&text).expect("JSON")
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().expect("text")
}

fn bucket(vector: &Value) -> Bucket {
    let mut bucket = Bucket { name: text(vector, "bucket").to_owned(), ..Bucket::default() };
    let log = Object { bytes: gzip(text(&vector["log"], "text").as_bytes()), ..Object::default() };
    bucket.objects.insert(text(&vector["log"], "key").to_owned(), log);
    for digest in vector["digests"].as_array().expect("digests") {
        let metadata = [("signature", text(digest, "signature")), ("signature-algorithm", "SHA256withRSA")];
        let metadata = metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let object = Object { bytes: gzip(text(digest, "text").as_bytes()), metadata };
        bucket.objects.insert(text(digest, "key").to_owned(), object);
    }
    bucket
}

#[test]
fn chain_that_openssl_signed_verifies_with_both_forms_of_its_key() {
    let vector = vector();
    for form in ["pkcs1", "spki"] {
        let copy = Copy::of(&bucket(&vector));
        let keys =
            json!({"PublicKeyList": [{ "Value": vector[form], "Fingerprint": vector["fingerprint"] }]});
        std::fs::write(&copy.keys, keys.to_string()).expect("keys");
        let said = copy.verify(&["--now", "2026-11-20T05:00:00Z"]).expect_status(0);
        assert_eq!(through(&said).as_deref(), Some("2026-11-20T04:00:00Z"), "{}", said.stdout);
    }
}

#[test]
fn string_to_sign_is_that_of_the_vector() {
    let vector = vector();
    for digest in vector["digests"].as_array().expect("digests") {
        let bytes = text(digest, "text").as_bytes();
        let read = snowtrail_trail::digest::Digest::read(bytes).expect("a digest");
        assert_eq!(sha256(bytes), text(digest, "sha256"));
        assert_eq!(read.header.string_to_sign(&sha256(bytes)), text(digest, "string_to_sign"));
    }
}
