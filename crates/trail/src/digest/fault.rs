//! What may be wrong with a chain of digests, its log files, and what a lake made of them; and what to do next.

use jiff::Timestamp;

/// How much a fault matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing is wrong; it bounds what was proven.
    Notice,
    /// Something does not verify.
    Fault,
}

impl Level {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Notice => "notice",
            Level::Fault => "fault",
        }
    }
}

/// One thing that is wrong, or that bounds the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// The object that it is wrong with: `s3://…`, or a path. An attacker may have named it.
    pub object: String,
    /// From when on nothing is proven because of it, UTC, by delivery.
    pub at: Timestamp,
    /// What exactly, in words of ours around names and times of theirs.
    pub detail: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $level:ident, $next:literal;)*) => {
        /// What may be wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind { $($(#[$doc])* $name,)* }

        impl FaultKind {
            /// The name for scripts.
            pub fn as_str(self) -> &'static str {
                match self { $(FaultKind::$name => $text,)* }
            }

            /// Whether it is wrong, or only bounds what was proven.
            pub fn level(self) -> Level {
                match self { $(FaultKind::$name => Level::$level,)* }
            }

            /// What a person does next.
            pub fn next(self) -> &'static str {
                match self { $(FaultKind::$name => $next,)* }
            }
        }
    };
}

kinds! {
    /// A digest that cannot be fetched, inflated or understood.
    DigestUnreadable = "digest_unreadable", Fault,
        "Look for who wrote the object (S3 data events: PutObject); restore the earlier version or a replica of it.";
    /// A digest that does not lie where it says.
    DigestMoved = "digest_moved", Fault,
        "Put it back to where it says it lies; if something else was there, find out who replaced it (S3 data events).";
    /// A digest without the metadata that CloudTrail gives it.
    MetadataMissing = "metadata_missing", Fault,
        "Somebody wrote the object anew, which drops its metadata: restore the earlier version or a replica of it.";
    /// A copy without metadata, and no later digest that holds the signature.
    SignatureNotHere = "signature_not_here", Notice,
        "Verify in S3, or save what `aws s3api head-object` prints beside the file as FILE.metadata.json.";
    /// A signature by other means than CloudTrail's.
    AlgorithmUnknown = "algorithm_unknown", Fault,
        "CloudTrail signs with SHA256withRSA only: treat the digest as forged, and restore the earlier version.";
    /// The public key is not in the file.
    KeyMissing = "key_missing", Fault,
        "Fetch the keys of this region for the whole time: aws cloudtrail list-public-keys --region R --start-time T --end-time T.";
    /// The signature is not the key's over this digest.
    SignatureWrong = "signature_wrong", Fault,
        "The digest or its metadata was changed: restore the earlier version; trust none of its logs until it verifies.";
    /// The digest before it is not there.
    PreviousMissing = "previous_missing", Fault,
        "A digest was deleted or cannot be read: look for DeleteObject in S3's data events; restore it from versions or a replica.";
    /// The digest before it is another than the one that was signed.
    PreviousChanged = "previous_changed", Fault,
        "The earlier digest was replaced: restore the version that the later one names by its hash.";
    /// A digest that the next one leaves out.
    Unlinked = "unlinked", Fault,
        "The chain goes around this digest: find out where it came from before anything in it is trusted.";
    /// The first digest is later than what was asked for.
    StartsLate = "starts_late", Fault,
        "Nothing proves the time before: restore older digests, or ask from a later --from.";
    /// The last digest is earlier than what was asked for.
    EndsEarly = "ends_early", Fault,
        "Digests are missing at the end: see whether the trail logs and validates (aws cloudtrail get-trail-status), and who deleted them.";
    /// Where the chain begins although it was longer once.
    Begins = "begins", Notice,
        "Older digests have expired or lie elsewhere; keep digests as long as the logs that they prove.";
    /// Where the chain ends, long before now.
    Ends = "ends", Notice,
        "If this is no old copy, see whether the trail logs and validates: aws cloudtrail get-trail-status.";
    /// A stretch of time that no digest covers.
    Gap = "gap", Notice,
        "Logging or validation was off, or digests were deleted: look for StopLogging, UpdateTrail and DeleteTrail before it.";
    /// A log file that a digest vouches for is not there.
    LogMissing = "log_missing", Fault,
        "A log file was deleted: look for DeleteObject in S3's data events; restore it from versions or a replica, and ingest it.";
    /// A log file that is not what was signed.
    LogChanged = "log_changed", Fault,
        "The log file was rewritten: restore the signed version, and compare what the changed one hides or adds.";
    /// Something follows the log file's one gzip member.
    LogTrailing = "log_trailing", Fault,
        "CloudTrail writes one gzip member: what follows it was appended. Restore the signed version.";
    /// A log file that cannot be fetched or inflated.
    LogUnreadable = "log_unreadable", Fault,
        "Read access to the object, and to its key, lets it be checked; a broken one must be restored.";
    /// A log file in a covered hour that no digest mentions.
    LogUnmentioned = "log_unmentioned", Fault,
        "CloudTrail did not deliver it in this hour: find out who put it there (S3 data events), and distrust its events.";
    /// Log files of times that no digest covers.
    LogsNotCovered = "logs_not_covered", Notice,
        "Nothing proves or disproves them: turn log file validation on, and verify again when digests cover them.";
    /// The lake took in other bytes under this address than those that were signed.
    LakeDiffers = "lake_differs", Fault,
        "What was ingested is not what was signed: compare SELECT * FROM sources for this uri, and ingest into a new lake.";
    /// The lake took in a log file of a covered hour that no digest mentions or that did not verify.
    LakeUnproven = "lake_unproven", Fault,
        "Events of this source are not proven: SELECT * FROM events for this source_uri, and distrust them until it is explained.";
}
