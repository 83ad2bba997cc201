//! What one digest file says, read strictly, and the string that its signature is over.
//!
//! The fields that are signed as text are kept as they were written. Places must be such as S3 could have, since they
//! end in requests and paths. Source: AWS CloudTrail User Guide, "CloudTrail digest file structure".

use jiff::Timestamp;

use crate::fields::{Fields, Problem};
use crate::keys::KeyTable;
use crate::message::ObjectRef;
use crate::scan::{Task, scan};
use crate::time::event_time;
use crate::view::View;

/// Most bytes that a digest may inflate to. It lists the log files of one hour, some 500 bytes each, so there is room for
/// sixty thousand; a larger one is not read, and is a fault.
pub const DIGEST_BYTES_MAX: u64 = 32 << 20;

/// The hash of everything that a digest lists, and the only one that is believed.
const HASH_ALGORITHM: &str = "SHA-256";

/// Hexadecimal digits of a SHA-256.
const HASH_DIGITS: usize = 64;

/// A digest: its header and the log files that it vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Everything but the list.
    pub header: Header,
    /// The log files that were delivered in its hour, in its order; none in a quiet hour.
    pub logs: Vec<SignedLog>,
}

/// What a digest says about itself and the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The account whose logs these are.
    pub account_id: String,
    /// Start of the hour, UTC, inclusive. Hours are those of delivery, not of events.
    pub start: Timestamp,
    /// End of the hour, UTC, exclusive.
    pub end: Timestamp,
    /// The same as it was written, for the string to sign.
    pub end_as_written: String,
    /// Where it says it lies.
    pub place: ObjectRef,
    /// Which public key its signature is for: lowercase hex, a name and no proof.
    pub key_fingerprint: String,
    /// `SHA256withRSA` in every digest that CloudTrail writes.
    pub signature_algorithm: String,
    /// The digest before it; none where a chain starts.
    pub previous: Option<Previous>,
}

/// What a digest says about the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// Where it lies.
    pub place: ObjectRef,
    /// SHA-256 of its inflated bytes, lowercase hex.
    pub sha256: String,
    /// Its signature as it was written, hex.
    pub signature: String,
}

/// One log file that a digest vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedLog {
    /// Where it lies.
    pub place: ObjectRef,
    /// SHA-256 of its inflated bytes, lowercase hex.
    pub sha256: String,
}

/// Why bytes are no digest. Names fields, never shows their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoDigest(String);

impl From<Problem> for NoDigest {
    fn from(problem: Problem) -> NoDigest {
        NoDigest(problem.to_string())
    }
}

impl Digest {
    /// Reads inflated bytes, which the caller bounds by [`DIGEST_BYTES_MAX`].
    ///
    /// # Errors
    /// When they are not one JSON object, a field is missing, doubled or of the wrong type, a hash is not SHA-256, or a
    /// place is none that S3 has.
    pub fn read(bytes: &[u8]) -> Result<Digest, NoDigest> {
        let text = std::str::from_utf8(bytes).map_err(|_| NoDigest("it is not UTF-8".to_owned()))?;
        let scanned = scan(bytes, Task::whole(), &mut KeyTable::new())
            .map_err(|_| NoDigest("it is not JSON, cut off, or nested too deeply".to_owned()))?;
        let (value, rest) = text.split_at(scanned.end);
        let fields = Fields::of(View::new(value)).filter(|_| rest.trim().is_empty());
        let fields = fields.ok_or_else(|| NoDigest("it is not one JSON object".to_owned()))?;
        let logs = fields.list("logFiles")?.elements().map(log);
        Ok(Digest { header: header(&fields)?, logs: logs.collect::<Result<_, _>>()? })
    }
}

impl Header {
    /// What CloudTrail signed, given the SHA-256 of the digest's inflated bytes in lowercase hex: four lines, no newline
    /// at the end, the word `null` where there is no digest before.
    pub fn string_to_sign(&self, sha256: &str) -> String {
        let previous = self.previous.as_ref().map_or("null", |previous| previous.signature.as_str());
        format!("{}\n{}/{}\n{sha256}\n{previous}", self.end_as_written, self.place.bucket, self.place.key)
    }
}

fn header(fields: &Fields<'_>) -> Result<Header, NoDigest> {
    let end_as_written = fields.required("digestEndTime")?.into_owned();
    let time = |field: &'static str| {
        let text = fields.required(field)?;
        event_time(&text).ok_or(Problem::new(field, "is no time"))
    };
    let (start, end) = (time("digestStartTime")?, time("digestEndTime")?);
    if end < start {
        return Err(NoDigest("digestEndTime is before digestStartTime".to_owned()));
    }
    Ok(Header {
        account_id: fields.required("awsAccountId")?.into_owned(),
        start,
        end,
        end_as_written,
        place: place(fields, "digestS3Bucket", "digestS3Object")?,
        key_fingerprint: fields.required("digestPublicKeyFingerprint")?.to_ascii_lowercase(),
        signature_algorithm: fields.required("digestSignatureAlgorithm")?.into_owned(),
        previous: previous(fields)?,
    })
}

/// All of it or nothing: half a link would be checked by half.
fn previous(fields: &Fields<'_>) -> Result<Option<Previous>, NoDigest> {
    const PARTS: [&str; 5] = [
        "previousDigestS3Bucket",
        "previousDigestS3Object",
        "previousDigestHashValue",
        "previousDigestHashAlgorithm",
        "previousDigestSignature",
    ];
    if !PARTS.iter().any(|part| fields.has(part)) {
        return Ok(None);
    }
    Ok(Some(Previous {
        place: place(fields, PARTS[0], PARTS[1])?,
        sha256: hash(fields, PARTS[2], PARTS[3])?,
        signature: fields.required(PARTS[4])?.into_owned(),
    }))
}

fn log(view: View<'_>) -> Result<SignedLog, NoDigest> {
    let fields =
        Fields::of(view).ok_or_else(|| NoDigest("logFiles has something that is no object".to_owned()))?;
    Ok(SignedLog {
        place: place(&fields, "s3Bucket", "s3Object")?,
        sha256: hash(&fields, "hashValue", "hashAlgorithm")?,
    })
}

fn place(fields: &Fields<'_>, bucket: &'static str, key: &'static str) -> Result<ObjectRef, NoDigest> {
    let (bucket, key) = (fields.required(bucket)?, fields.required(key)?);
    Ok(ObjectRef::named(&bucket, key.into_owned())?)
}

fn hash(fields: &Fields<'_>, value: &'static str, algorithm: &'static str) -> Result<String, NoDigest> {
    if fields.required(algorithm)? != HASH_ALGORITHM {
        return Err(Problem::new(algorithm, "is not SHA-256").into());
    }
    let hash = fields.required(value)?;
    let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(hash.to_ascii_lowercase()) } else { Err(Problem::new(value, "is no SHA-256").into()) }
}
