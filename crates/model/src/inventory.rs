//! The inventory: what `aws secretsmanager list-secrets` says about secrets, also those that no trail ever showed.
//!
//! [`Inventory::read`] takes the command's JSON as it is: one page, several one after the other, pages in a list or
//! wrapped by account and region; each secret's ARN says where it is. All that is wrong with a file is reported at once,
//! and no value of the file is repeated in it but names and ARNs: somebody will hand over the wrong file, with a secret in
//! it. Which facts hold, the file's or the trail's, is decided by time in the views. Files are read by the caller.
//!
//! Source: AWS Secrets Manager API Reference, ListSecrets and SecretListEntry.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::arn::SecretArn;

/// Size of one inventory file in bytes. A larger one is refused unread: an account may have 500,000 secrets in a region,
/// and half a kilobyte is said about each.
pub const INVENTORY_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Problems listed in one error; what comes after them is counted.
const PROBLEMS_MAX: usize = 20;

/// Secrets that were listed, by account, region and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory(BTreeMap<Place, ListedSecret>);

/// Account, region and name.
type Place = (String, String, String);

/// One secret as it was listed. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSecret {
    /// Account.
    pub account_id: String,
    /// Region of this copy.
    pub aws_region: String,
    /// Name.
    pub name: String,
    /// Full ARN.
    pub arn: String,
    /// When the facts held: the last change of anything about the secret, else its creation, else 1970. What the trail
    /// shows of later changes is newer.
    pub as_of: Timestamp,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When a rotation last succeeded; none if never.
    pub last_rotated_at: Option<Timestamp>,
    /// The day of the last access, by AWS's count.
    pub last_accessed_at: Option<Timestamp>,
    /// The date that AWS gives for its deletion, if it is marked for one.
    pub deleted_at: Option<Timestamp>,
    /// The KMS key as AWS lists it: ARN, id or alias; none for the key that AWS manages.
    pub kms_key: Option<String>,
    /// Whether rotation is on.
    pub rotation_enabled: bool,
    /// Days between rotations.
    pub rotation_days: Option<i64>,
    /// Schedule of rotations, `rate(…)` or `cron(…)`.
    pub rotation_schedule: Option<String>,
    /// The function that rotates.
    pub rotation_lambda: Option<String>,
    /// Region of the primary; none where there are no replicas.
    pub primary_region: Option<String>,
    /// The service that manages the secret.
    pub owning_service: Option<String>,
    /// The version that bears AWSCURRENT.
    pub current_version: Option<String>,
    /// Key and value, sorted.
    pub tags: Vec<(String, String)>,
}

/// A file that was refused, with all that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("inventory `{file}` is not what `aws secretsmanager list-secrets --output json` gives{}", lines(problems, *unlisted))]
pub struct InventoryError {
    /// The file's name as the user gave it.
    pub file: String,
    /// What is wrong, and what to do, in the order of the file.
    pub problems: Vec<String>,
    /// How many more there were.
    pub unlisted: usize,
}

fn lines(problems: &[String], unlisted: usize) -> String {
    let listed: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    if unlisted > 0 { format!("{listed}\n  and {unlisted} more") } else { listed }
}

impl Inventory {
    /// Adds what a file lists. Of two entries for one secret the later one stands, whatever the order of the files.
    ///
    /// # Errors
    /// When anything about the file is wrong; then nothing of it was added.
    pub fn read(&mut self, text: &str, file: &str) -> Result<(), InventoryError> {
        let mut reading = Reading::default();
        if text.len() > INVENTORY_BYTES_MAX {
            reading.complain(
                "",
                format!("it is larger than {INVENTORY_BYTES_MAX} bytes; split it by account or region"),
            );
        } else {
            reading.documents(text);
        }
        let Reading { secrets, problems, unlisted, .. } = reading;
        if !problems.is_empty() {
            return Err(InventoryError { file: file.to_owned(), problems, unlisted });
        }
        secrets.into_iter().for_each(|secret| self.add(secret));
        Ok(())
    }

    /// The secrets, by account, region and name.
    pub fn secrets(&self) -> impl Iterator<Item = &ListedSecret> {
        self.0.values()
    }

    /// Whether nothing was listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, secret: ListedSecret) {
        let place = (secret.account_id.clone(), secret.aws_region.clone(), secret.name.clone());
        match self.0.entry(place) {
            Entry::Vacant(free) => {
                free.insert(secret);
            }
            Entry::Occupied(mut taken) if rank(&secret) > rank(taken.get()) => {
                taken.insert(secret);
            }
            Entry::Occupied(_) => {}
        }
    }
}

/// What is later; where two are equally late, one of them all the same, so that the order of files means nothing.
fn rank(secret: &ListedSecret) -> impl Ord + '_ {
    (secret.as_of, secret.last_accessed_at, Reverse(&secret.arn))
}

/// A file on its way.
#[derive(Default)]
struct Reading {
    secrets: Vec<ListedSecret>,
    problems: Vec<String>,
    unlisted: usize,
    pages: usize,
    pages_with_more: usize,
}

impl Reading {
    fn complain(&mut self, place: &str, problem: impl Into<String>) {
        if self.problems.len() >= PROBLEMS_MAX {
            self.unlisted += 1;
            return;
        }
        let problem = problem.into();
        self.problems.push(if place.is_empty() { problem } else { format!("{place}: {problem}") });
    }

    fn documents(&mut self, text: &str) {
        for (number, document) in serde_json::Deserializer::from_str(text).into_iter().enumerate() {
            match document {
                Ok(document) => self.value(&document, &format!("document {}", number + 1)),
                Err(error) => {
                    // The parser's own words may quote what it stumbled over.
                    let (line, column) = (error.line(), error.column());
                    let what = if error.is_eof() { "the file ends within it" } else { "this is no JSON" };
                    self.complain(
                        &format!("line {line}, column {column}"),
                        format!("{what}; list again with --output json"),
                    );
                    return;
                }
            }
        }
        if self.pages == 0 && self.secrets.is_empty() && self.problems.is_empty() {
            self.complain("", "it holds no page; an account without secrets gives {\"SecretList\": []}");
        }
        if self.pages > 0 && self.pages == self.pages_with_more {
            let problem = "the list is cut off: its last page has a NextToken; list without --max-items and \
                           --no-paginate, or add the pages that follow";
            self.complain("", problem);
        }
    }

    /// A page, a secret, or what holds them. Deeper than the parser goes nothing nests.
    fn value(&mut self, value: &Value, place: &str) {
        match value {
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.value(item, &format!("{place}[{number}]"));
                }
            }
            Value::Object(page) if page.contains_key("SecretList") => self.page(page, place),
            Value::Object(entry) if entry.contains_key("ARN") => match secret(entry) {
                Ok(secret) => self.secrets.push(secret),
                Err(problem) => self.complain(place, problem),
            },
            Value::Object(wrapped) if holds_only_containers(wrapped) => {
                for (key, inner) in wrapped {
                    self.value(inner, &format!("{place}.{}", shown(key)));
                }
            }
            _ => self.complain(place, "neither a page (SecretList) nor a secret (ARN)"),
        }
    }

    fn page(&mut self, page: &Map<String, Value>, place: &str) {
        self.pages += 1;
        self.pages_with_more += usize::from(page.get("NextToken").is_some_and(|token| !token.is_null()));
        match page.get("SecretList") {
            Some(Value::Array(entries)) => {
                for (number, entry) in entries.iter().enumerate() {
                    let read = entry.as_object().ok_or("expected a secret".to_owned()).and_then(secret);
                    match read {
                        Ok(secret) => self.secrets.push(secret),
                        Err(problem) => self.complain(&format!("{place}.SecretList[{number}]"), problem),
                    }
                }
            }
            _ => self.complain(place, "SecretList must be a list"),
        }
    }
}

fn holds_only_containers(object: &Map<String, Value>) -> bool {
    !object.is_empty() && object.values().all(|value| value.is_object() || value.is_array())
}

/// A key or an ARN, fit for an error: no control characters, not longer than ARNs are.
fn shown(text: &str) -> String {
    text.chars().take(2_048).flat_map(char::escape_debug).collect()
}

fn secret(entry: &Map<String, Value>) -> Result<ListedSecret, String> {
    let arn = text(entry, "ARN")?.ok_or("the secret has no ARN; list with all fields, without --query")?;
    let parts = SecretArn::parse(&arn).filter(SecretArn::is_full);
    let parts = parts.ok_or_else(|| format!("`{}` is no full ARN of a secret", shown(&arn)))?;
    if let Some(name) = text(entry, "Name")?
        && name != parts.name
    {
        return Err(format!("the name `{}` is not that of `{}`", shown(&name), shown(&arn)));
    }
    let (created_at, changed_at) = (time(entry, "CreatedDate")?, time(entry, "LastChangedDate")?);
    let none = Map::new();
    let rules = object(entry, "RotationRules")?.unwrap_or(&none);
    let mut tags = tags(entry)?;
    tags.sort();
    Ok(ListedSecret {
        account_id: parts.account.to_owned(),
        aws_region: parts.region.to_owned(),
        name: parts.name.to_owned(),
        as_of: changed_at.or(created_at).unwrap_or(Timestamp::UNIX_EPOCH),
        created_at,
        last_rotated_at: time(entry, "LastRotatedDate")?,
        last_accessed_at: time(entry, "LastAccessedDate")?,
        deleted_at: time(entry, "DeletedDate")?,
        kms_key: text(entry, "KmsKeyId")?,
        rotation_enabled: flag(entry, "RotationEnabled")?.unwrap_or(false),
        rotation_days: days(rules)?,
        rotation_schedule: text(rules, "ScheduleExpression")?,
        rotation_lambda: text(entry, "RotationLambdaARN")?,
        primary_region: text(entry, "PrimaryRegion")?,
        owning_service: text(entry, "OwningService")?,
        current_version: current_version(entry)?,
        tags,
        arn,
    })
}

/// A field that is there and not null.
fn present<'e>(entry: &'e Map<String, Value>, key: &str) -> Option<&'e Value> {
    entry.get(key).filter(|value| !value.is_null())
}

fn wrong(key: &str, expected: &str) -> String {
    format!("`{key}` must be {expected}")
}

fn text(entry: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    let read = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| wrong(key, "text"));
    present(entry, key).map(read).transpose().map(|text| text.filter(|text| !text.is_empty()))
}

fn flag(entry: &Map<String, Value>, key: &str) -> Result<Option<bool>, String> {
    present(entry, key).map(|value| value.as_bool().ok_or_else(|| wrong(key, "true or false"))).transpose()
}

fn object<'e>(entry: &'e Map<String, Value>, key: &str) -> Result<Option<&'e Map<String, Value>>, String> {
    present(entry, key).map(|value| value.as_object().ok_or_else(|| wrong(key, "an object"))).transpose()
}

fn days(rules: &Map<String, Value>) -> Result<Option<i64>, String> {
    let key = "AutomaticallyAfterDays";
    // The longest that AWS takes is 1000 days; nothing is what it lists where rotation was switched off.
    let days = |value: &Value| value.as_i64().filter(|days| (0..=1_000).contains(days));
    let days = present(rules, key)
        .map(|value| days(value).ok_or_else(|| wrong(key, "0 to 1000 days")))
        .transpose()?;
    Ok(days.filter(|days| *days > 0))
}

/// RFC 3339 with an offset as the command line writes it, or seconds since 1970 as the service does.
fn time(entry: &Map<String, Value>, key: &str) -> Result<Option<Timestamp>, String> {
    let read = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        // Milliseconds are what AWS gives; a float holds microseconds of this century exactly enough.
        Value::Number(seconds) => seconds.as_f64().and_then(|seconds| {
            let micros = (seconds * 1e6).round();
            let is_whole = micros.abs() < 9e15;
            is_whole.then(|| Timestamp::from_microsecond(micros as i64).ok()).flatten()
        }),
        _ => None,
    };
    let expected = "a time such as 2026-11-01T08:00:00Z, or seconds since 1970";
    present(entry, key).map(|value| read(value).ok_or_else(|| wrong(key, expected))).transpose()
}

fn tags(entry: &Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let expected = || wrong("Tags", "a list of {\"Key\": …, \"Value\": …}");
    let Some(list) = present(entry, "Tags") else { return Ok(Vec::new()) };
    let tag = |tag: &Value| {
        let tag = tag.as_object().ok_or_else(expected)?;
        let key = text(tag, "Key").ok().flatten().ok_or_else(expected)?;
        Ok((key, text(tag, "Value").map_err(|_| expected())?.unwrap_or_default()))
    };
    list.as_array().ok_or_else(expected)?.iter().map(tag).collect()
}

/// ListSecrets and DescribeSecret name the same thing differently.
fn current_version(entry: &Map<String, Value>) -> Result<Option<String>, String> {
    let versions = match object(entry, "SecretVersionsToStages")? {
        Some(versions) => Some(versions),
        None => object(entry, "VersionIdsToStages")?,
    };
    let is_current = |stages: &Value| {
        stages
            .as_array()
            .is_some_and(|stages| stages.iter().any(|stage| stage.as_str() == Some("AWSCURRENT")))
    };
    Ok(versions.and_then(|versions| {
        versions.iter().find(|(_, stages)| is_current(stages)).map(|(id, _)| id.clone())
    }))
}

#[cfg(test)]
mod tests;
