//! CloudTrail's public keys from files, and RSA by the library that TLS brings.
//!
//! The files are the root of trust: who writes them decides what verifies. They are therefore read strictly, and no
//! key is ever taken from the bucket or from a digest. Source: CloudTrail API reference, ListPublicKeys.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use snowtrail_trail::digest::{Signatures, Verdict};

/// Largest file of keys. A key has 400 bytes, and there are a few for each month and region; a larger file is refused.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Public keys by fingerprint.
pub struct PublicKeys {
    by_fingerprint: HashMap<String, Vec<u8>>,
}

impl PublicKeys {
    /// Reads what `aws cloudtrail list-public-keys` printed, one file for each region.
    ///
    /// # Errors
    /// When a file cannot be read or is something else.
    pub fn read(files: &[PathBuf]) -> anyhow::Result<PublicKeys> {
        let mut by_fingerprint = HashMap::new();
        for file in files {
            let keys = keys_of(file).with_context(|| {
                format!(
                    "failed to read public keys from `{}`; write them with `aws cloudtrail list-public-keys`",
                    file.display()
                )
            })?;
            by_fingerprint.extend(keys);
        }
        Ok(PublicKeys { by_fingerprint })
    }
}

fn keys_of(file: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut text = Vec::new();
    File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        bail!("it has more than {FILE_BYTES_MAX} bytes");
    }
    let told: Value = serde_json::from_slice(&text)?;
    let list = told.get("PublicKeyList").and_then(Value::as_array).context("it has no PublicKeyList")?;
    list.iter().map(key).collect()
}

fn key(told: &Value) -> anyhow::Result<(String, Vec<u8>)> {
    let text =
        |name: &str| told.get(name).and_then(Value::as_str).with_context(|| format!("a key has no {name}"));
    let der = STANDARD.decode(text("Value")?).context("a key is not Base64")?;
    Ok((text("Fingerprint")?.to_ascii_lowercase(), der))
}

impl Signatures for PublicKeys {
    /// The DER may be PKCS#1, as documented, or SubjectPublicKeyInfo, as one of the documentation's samples is; the
    /// library takes both.
    fn verify(&self, fingerprint: &str, message: &[u8], signature: &[u8]) -> Verdict {
        let Some(der) = self.by_fingerprint.get(fingerprint) else { return Verdict::NoKey };
        match UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).verify(message, signature) {
            Ok(()) => Verdict::Good,
            Err(_) => Verdict::Wrong,
        }
    }
}
