//! A `[[secrets]]` entry: the contract of the secrets that it selects.

use super::calendar::ClockTime;
use super::document::{Field, Section};
use super::error::{Complaint, suggestion};
use super::glob::Glob;
use super::settings::{self, ParameterValue, RuleParameters};
use super::shapes;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::fmt;

/// What the policy declares about the secrets that one entry selects. Absent means undeclared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SecretEntry {
    /// Which names; absent where tags alone select.
    pub name: Option<Glob>,
    /// Tags that the secret must carry, all of them; values are patterns.
    pub tags: Vec<(String, Glob)>,
    /// Accounts that the entry holds for; empty means all.
    pub accounts: Vec<String>,
    /// Regions that the entry holds for, beside its replicas' regions; empty means all.
    pub regions: Vec<String>,
    /// Who answers for the secret.
    pub owner: Option<String>,
    /// How much its loss would hurt.
    pub sensitivity: Option<Sensitivity>,
    /// Who may read; `None` is undeclared, an empty list is nobody.
    pub readers: Option<Vec<Glob>>,
    /// Who may read in an emergency, and is reported for it.
    pub break_glass: Vec<Glob>,
    /// Who rotates, and so may read.
    pub rotators: Vec<Glob>,
    /// Who manages the secret without reading it.
    pub admins: Vec<Glob>,
    /// How old a value may grow.
    pub rotate_every: Option<SignedDuration>,
    /// Where replicas are expected.
    pub replica_regions: Vec<String>,
    /// VPC endpoints that reads are expected through.
    pub vpc_endpoints: Vec<String>,
    /// How long readers keep the value: they should not ask more often.
    pub cache_ttl: Option<SignedDuration>,
    /// Nobody has a reason to touch it.
    pub decoy: bool,
    /// What kind of secret it is.
    pub kind: Option<SecretKind>,
    /// Local hours in which nobody should read.
    pub quiet_hours: Option<QuietHours>,
    /// Parameters of rules that hold for these secrets, by rule id, then by name.
    pub parameters: BTreeMap<String, BTreeMap<String, ParameterValue>>,
}

/// What a principal is to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// May read.
    Reader,
    /// May read in an emergency.
    BreakGlass,
    /// Rotates; may read.
    Rotator,
    /// Manages; may not read.
    Admin,
}

/// How much the loss of a secret would hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sensitivity {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// The organization.
    Critical,
}

/// Kinds of secrets, for the expected cadence of rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretKind {
    /// A token for somebody's API.
    ApiToken,
    /// A database's credentials.
    Database,
    /// A key that two parties hold.
    SharedKey,
    /// An OAuth client's secret.
    Oauth,
}

/// Local hours of every day; over midnight where `from` is after `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// When they start.
    pub from: ClockTime,
    /// When they end, exclusive.
    pub to: ClockTime,
}

impl SecretEntry {
    /// Whether the entry is about this secret.
    pub fn selects(&self, account_id: &str, aws_region: &str, name: &str, tags: &[(String, String)]) -> bool {
        let in_account =
            self.accounts.is_empty() || self.accounts.iter().any(|account| account == account_id);
        let in_region = self.regions.is_empty()
            || self.regions.iter().chain(&self.replica_regions).any(|region| region == aws_region);
        let carries = |(key, value): &(String, Glob)| tags.iter().any(|(k, v)| k == key && value.matches(v));
        in_account
            && in_region
            && self.name.as_ref().is_none_or(|glob| glob.matches(name))
            && self.tags.iter().all(carries)
    }

    /// What `principal` is to the secret: none, one or several roles, in the order of [`Role`].
    pub fn roles_of(&self, principal: &str) -> Vec<Role> {
        let lists = [
            (Role::Reader, self.readers.as_deref().unwrap_or_default()),
            (Role::BreakGlass, &self.break_glass),
            (Role::Rotator, &self.rotators),
            (Role::Admin, &self.admins),
        ];
        let named = lists.into_iter().filter(|(_, globs)| globs.iter().any(|glob| glob.matches(principal)));
        named.map(|(role, _)| role).collect()
    }

    /// Whether the contract lets `principal` read; `None` where no readers are declared and no role says yes.
    pub fn may_read(&self, principal: &str) -> Option<bool> {
        let may = self.roles_of(principal).into_iter().any(|role| role != Role::Admin);
        if may { Some(true) } else { self.readers.as_ref().map(|_| false) }
    }
}

impl QuietHours {
    /// Whether a local time of day, in minutes from midnight, is within.
    pub fn contain(&self, minute_of_day: u16) -> bool {
        let (after_start, before_end) =
            (self.from.minutes() <= minute_of_day, minute_of_day < self.to.minutes());
        if self.from < self.to { after_start && before_end } else { after_start || before_end }
    }
}

/// Gives the enum its words, and the words their enum.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every word, in order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word as the policy and the tables write it.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            fn parse(text: &str) -> Result<$name, Complaint> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err(unknown_word(text, $name::WORDS)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words!(Sensitivity { Low = "low", Medium = "medium", High = "high", Critical = "critical" });
words!(SecretKind { ApiToken = "api-token", Database = "database", SharedKey = "shared-key", Oauth = "oauth" });

impl Role {
    /// The word as the tables write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::BreakGlass => "break_glass",
            Role::Rotator => "rotator",
            Role::Admin => "admin",
        }
    }
}

fn unknown_word(text: &str, known: &[&str]) -> Complaint {
    let message = format!("`{}` is not one of {}", text.escape_debug(), known.join(", "));
    let near = super::error::nearest(text, known.iter().copied());
    Complaint { message, hint: near.and_then(|_| suggestion(text, known)) }
}

pub(super) fn read(mut section: Section<'_>, known_rules: &[RuleParameters]) -> SecretEntry {
    let parameters = section.get("parameters").and_then(|field| field.section());
    let entry = SecretEntry {
        name: section.get("match").and_then(|field| field.parsed(shapes::secret_name)),
        tags: section.get("tags").map(tags).unwrap_or_default(),
        accounts: list(&mut section, "accounts", shapes::account),
        regions: list(&mut section, "regions", shapes::region),
        owner: section.get("owner").and_then(|field| field.words()),
        sensitivity: section.get("sensitivity").and_then(|field| field.parsed(Sensitivity::parse)),
        readers: section.get("readers").map(|field| field.parsed_items(shapes::principal)),
        break_glass: list(&mut section, "break_glass", shapes::principal),
        rotators: list(&mut section, "rotators", shapes::principal),
        admins: list(&mut section, "admins", shapes::principal),
        rotate_every: duration_of(&mut section, "rotate_every"),
        replica_regions: list(&mut section, "replica_regions", shapes::region),
        vpc_endpoints: list(&mut section, "vpc_endpoints", shapes::vpc_endpoint),
        cache_ttl: duration_of(&mut section, "cache_ttl"),
        decoy: section.get("decoy").and_then(|field| field.boolean()).unwrap_or_default(),
        kind: section.get("type").and_then(|field| field.parsed(SecretKind::parse)),
        quiet_hours: section.get("quiet_hours").and_then(quiet_hours),
        parameters: parameters
            .map(|section| settings::read_per_secret(section, known_rules))
            .unwrap_or_default(),
    };
    if section.get("match").is_none() && section.get("tags").is_none() {
        let complaint = Complaint::new("the entry selects nothing");
        section.complain(complaint.hint("add `match = \"prod/*\"` or `tags = { Service = \"…\" }`"));
    }
    section.finish();
    entry
}

/// A list that may be absent, which means empty.
pub(super) fn list<T>(
    section: &mut Section<'_>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, Complaint>,
) -> Vec<T> {
    section.get(key).map(|field| field.parsed_items(parse)).unwrap_or_default()
}

/// A duration that may be absent and must not be zero.
pub(super) fn duration_of(section: &mut Section<'_>, key: &'static str) -> Option<SignedDuration> {
    let field = section.get(key)?;
    let duration = field.duration()?;
    if duration.is_zero() {
        field.complain(Complaint::new("must be longer than nothing").hint("leave the key out instead"));
        return None;
    }
    Some(duration)
}

fn tags(field: Field<'_>) -> Vec<(String, Glob)> {
    let Some(section) = field.section() else { return Vec::new() };
    let entries = section.entries();
    if entries.is_empty() {
        field.complain(Complaint::new("no tag is named").hint("add one, or leave `tags` out"));
    }
    entries.into_iter().filter_map(|(key, value)| Some((key, value.parsed(Glob::parse)?))).collect()
}

fn quiet_hours(field: Field<'_>) -> Option<QuietHours> {
    let mut section = field.section()?;
    let from = section.require("from", "\"01:00\"").and_then(|field| field.parsed(ClockTime::parse_quarter));
    let to = section.require("to", "\"05:00\"").and_then(|field| field.parsed(ClockTime::parse_quarter));
    section.finish();
    let hours = QuietHours { from: from?, to: to? };
    if hours.from == hours.to {
        field.complain(
            Complaint::new("`from` and `to` are the same time").hint("for the whole day use 00:00 to 24:00"),
        );
        return None;
    }
    Some(hours)
}
