//! What an object is, by its key alone. A key is a claim: the decoder judges what the object holds.
//!
//! Source: CloudTrail User Guide, "Getting and viewing your CloudTrail log files", "Digest file structure",
//! "CloudTrail log file examples".

/// The folder that AWS services share in a bucket for their logs.
const SHARED_FOLDER: &str = "AWSLogs";

/// Endings of names that logs have.
const LOG_ENDINGS: [&str; 7] =
    [".json", ".json.gz", ".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz", ".log.gz"];

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// CloudTrail's records, network activity included: it is delivered into a folder of its own in the same form.
    Log,
    /// A digest: which log files there are, with their hashes, signed.
    Digest,
    /// Insights.
    Insight,
    /// Aggregated data events.
    Aggregated,
    /// Everything else: other services' logs, folder markers, what people put there.
    Foreign,
}

impl ObjectKind {
    /// Told by the folder behind `AWSLogs/[o-…/]<account>/` where there is one, else by the name, so that logs that
    /// somebody copied elsewhere are logs (`copy/111122223333_CloudTrail_us-west-2_….json.gz`).
    pub fn of(key: &str) -> ObjectKind {
        let name = key.rsplit('/').next().unwrap_or(key);
        // A name that is empty is that of a folder marker, whatever the folder.
        if name.is_empty() {
            return ObjectKind::Foreign;
        }
        let kind = match service_folder(key) {
            Some(folder) => of_service(folder),
            None => of_name(name),
        };
        let is_log_name = LOG_ENDINGS.iter().any(|ending| name.ends_with(ending));
        match kind {
            Some(ObjectKind::Log) if !is_log_name => ObjectKind::Foreign,
            kind => kind.unwrap_or(ObjectKind::Foreign),
        }
    }
}

/// CloudTrail's word for a kind of object, in folders and in names.
fn of_service(word: &str) -> Option<ObjectKind> {
    Some(match word {
        "CloudTrail" | "CloudTrail-NetworkActivity" => ObjectKind::Log,
        "CloudTrail-Digest" => ObjectKind::Digest,
        "CloudTrail-Insight" => ObjectKind::Insight,
        "CloudTrail-Aggregated" => ObjectKind::Aggregated,
        _ => return None,
    })
}

/// The folder of a service below `AWSLogs`. An account is digits; a path that has none there was made by people, and
/// then the name tells. The prefix before `AWSLogs` may itself be called so, hence the last one.
fn service_folder(key: &str) -> Option<&str> {
    let mut folders: Vec<&str> = key.split('/').collect();
    folders.pop();
    let at = folders.iter().rposition(|folder| *folder == SHARED_FOLDER)?;
    let mut below = folders.into_iter().skip(at + 1).peekable();
    below.next_if(|folder| folder.starts_with("o-"));
    let account = below.next()?;
    let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    below.next().filter(|_| is_account)
}

/// The first word between underscores that is CloudTrail's: a digest's name also holds the name of its trail, which
/// may be anything.
fn of_name(name: &str) -> Option<ObjectKind> {
    let mut words = name.split('_').skip(1).peekable();
    while let Some(word) = words.next() {
        // The last word is followed by no underscore.
        words.peek()?;
        if let Some(kind) = of_service(word) {
            return Some(kind);
        }
    }
    None
}
