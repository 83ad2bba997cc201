//! Saved questions: the list of those that ship, and the one that was asked for, its parameters bound.

use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use snowtrail_model::policy::suggestion;
use snowtrail_rules::Hunt;
use snowtrail_rules::binding::{Literals, bind};
use snowtrail_rules::header::Parameter;
use snowtrail_rules::set::shipped_hunts;

use crate::cli::Format;
use crate::commands::rules::written;
use crate::output::{Usage, texts_table, with_causes};

/// Prints one line for each hunt: its name, what it answers, its parameters with their defaults.
///
/// # Errors
/// When stdout cannot be written.
pub fn list(format: Format) -> anyhow::Result<()> {
    let hunts = shipped_hunts()?;
    let rows = hunts.values().map(|hunt| [hunt.name.clone(), hunt.purpose.clone(), parameters(hunt)]);
    texts_table(["hunt", "purpose", "parameters"], rows.collect(), format)
}

fn parameters(hunt: &Hunt) -> String {
    let one = |(name, parameter): (&String, &Parameter)| {
        format!("{name}={}", written(&parameter.default).trim_matches('"'))
    };
    hunt.parameters.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The SQL of a hunt that ships.
///
/// # Errors
/// When there is none of that name, or a parameter is unknown or of the wrong type.
pub fn shipped(name: &str, given: &[(String, String)], now: Timestamp) -> anyhow::Result<String> {
    let hunts = shipped_hunts()?;
    let Some(hunt) = hunts.get(name) else {
        let names: Vec<&str> = hunts.keys().map(String::as_str).collect();
        let hint = suggestion(name, &names).unwrap_or_default();
        return Err(anyhow::Error::new(Usage(format!(
            "there is no hunt `{name}`; {hint}; `snowtrail sql --list` says what each is for"
        ))));
    };
    bound(hunt, given, now)
}

/// The SQL in a file: a hunt of one's own, or a plain query. A shipped hunt's name works too where there is no file.
///
/// # Errors
/// As [`shipped`]; when the file cannot be read; when parameters are given to a plain query.
pub fn in_file(file: &Path, given: &[(String, String)], now: Timestamp) -> anyhow::Result<String> {
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            if shipped_hunts()?.contains_key(&name) {
                return shipped(&name, given, now);
            }
            return Err(anyhow::Error::new(error).context(format!("failed to read query `{name}`")));
        }
    };
    if Hunt::is_one(&text) {
        let hunt = Hunt::parse(&name, &text).map_err(|e| anyhow::Error::new(Usage(with_causes(&e))))?;
        return bound(&hunt, given, now);
    }
    if let Some((parameter, _)) = given.first() {
        let message = format!(
            "failed to set `{parameter}`: `{name}` declares no parameters; a hunt's first line is `-- purpose = \"…\"`"
        );
        return Err(anyhow::Error::new(Usage(message)));
    }
    plain(&text, now)
}

/// A query as it was written, `$now` bound.
///
/// # Errors
/// When it is no SQL, or names another parameter.
pub fn plain(query: &str, now: Timestamp) -> anyhow::Result<String> {
    bind("query", query, &Literals::now(now)).map_err(|e| anyhow::Error::new(Usage(e.to_string())))
}

fn bound(hunt: &Hunt, given: &[(String, String)], now: Timestamp) -> anyhow::Result<String> {
    hunt.bound(given, now).map_err(|e| anyhow::Error::new(Usage(with_causes(&e))))
}

/// What was given as `name=value`.
///
/// # Errors
/// When there is no `=`.
pub fn parameter(text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text.split_once('=').context("write it as name=value")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}
