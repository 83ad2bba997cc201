//! A digest's signature, and the seam to who can check it: RSA is none of this crate's business.

/// A signature as the object's metadata has it. Source: AWS CloudTrail User Guide, "CloudTrail digest file structure"
/// (`x-amz-meta-signature`, `x-amz-meta-signature-algorithm`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The signature, hex.
    pub hex: String,
    /// Its algorithm; only [`Signature::ALGORITHM`] is believed.
    pub algorithm: String,
}

impl Signature {
    /// RSASSA-PKCS1-v1_5 with SHA-256, in the digest's words.
    pub const ALGORITHM: &str = "SHA256withRSA";
}

/// What came of checking a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the key's over these bytes.
    Good,
    /// It is not.
    Wrong,
    /// There is no key of that fingerprint.
    NoKey,
}

/// Public keys that can tell good signatures.
pub trait Signatures: Sync {
    /// Checks an RSASSA-PKCS1-v1_5 signature with SHA-256, and with nothing else, over `message` by the key with this
    /// fingerprint (lowercase hex).
    fn verify(&self, fingerprint: &str, message: &[u8], signature: &[u8]) -> Verdict;
}

/// The bytes that hexadecimal digits spell; none where they spell none.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}
