//! `snowtrail policy learn`: contracts drafted from history.
//!
//! ```text
//!  history ──► hours ──► judge ──► families ──► write ──► the policy's own parser
//!  (counts)   (guess)   (what holds, what is in doubt)    (a draft that it refuses is a fault of ours)
//! ```
//!
//! The same lake, range and options give the same text. Reads only.

mod contract;
mod families;
mod history;
mod hours;
mod judge;
mod tags;
#[cfg(test)]
mod tests;
mod write;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp, tz::TimeZoneDatabase};
use snowtrail_lake::{Access, Lake};
use snowtrail_model::Policy;
use snowtrail_rules::answers;

use crate::cli::Learn;
use crate::exit::Exit;
use crate::output::Usage;
use crate::{location, output, policy_file, progress, workbench};
use history::Span;

/// Counts, judges, writes.
pub async fn run(options: Learn) -> anyhow::Result<Exit> {
    let bound = policy_file::load(&options.rules)?;
    check(&options)?;
    let lake = location::open(&options.lake.lake, Access::Read).await?;
    let span = span(&lake, &options).await?;
    let spinner = progress::spinner("counting");
    let engine = history::session(&lake, &bound, span).await?;
    let history = history::gather(engine.session()).await?;
    spinner.finish_and_clear();
    let has_organization = bound.policy.organization != snowtrail_model::policy::Organization::default();
    let declared = has_organization.then(|| bound.policy.calendar.timezone.iana_name()).flatten();
    let zone = options.timezone.as_deref().or(declared);
    let hours = hours::guess(&history.people_slots, zone);
    let min_days = u64::from(options.min_days);
    let firm = hours.as_ref().ok().filter(|hours| hours.doubt.is_none());
    let draft = judge::judge(&history, firm, min_days);
    let written =
        write::Written { draft: &draft, history: &history, hours: &hours, span, min_days, has_organization };
    let text = write::text(&written);
    let name = options.out.as_deref().map_or("the draft".to_owned(), |out| out.display().to_string());
    Policy::parse(&text, &name, &bound.rules.declared())
        .context("the draft is no policy, which is a fault of `policy learn`")?;
    match &options.out {
        Some(out) => save(out, &text)?,
        None => output::data(&text)?,
    }
    output::note(&write::summary(&draft, span));
    Ok(Exit::Done)
}

fn check(options: &Learn) -> anyhow::Result<()> {
    let wrong = |message: String| Err(anyhow::Error::new(Usage(message)));
    if let (Some(from), Some(to)) = (options.from, options.to)
        && to <= from
    {
        return wrong(format!("--to {to} is not after --from {from}"));
    }
    if let Some(zone) = &options.timezone
        && TimeZoneDatabase::bundled().get(zone).is_err()
    {
        return wrong(format!(
            "--timezone `{zone}` is no time zone; use a name such as `America/Los_Angeles`"
        ));
    }
    match &options.out {
        Some(out) if out.exists() => {
            wrong(format!("`{}` exists; a draft replaces no file, name a new one", out.display()))
        }
        _ => Ok(()),
    }
}

/// The range: what the options say, else from the first event to the last one, included.
async fn span(lake: &Lake, options: &Learn) -> anyhow::Result<Span> {
    let session = workbench::reading(lake).await?;
    let bounds = answers::rows(&session, "SELECT min(event_time), max(event_time) FROM events").await?;
    let bound = |column: usize| bounds.first().and_then(|row| row.maybe_time(column));
    let (Some(first), Some(last)) = (bound(0), bound(1)) else {
        bail!("the lake `{}` holds no event; there is nothing to learn from", lake.uri());
    };
    let after = last.saturating_add(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MAX);
    let span = Span { from: options.from.unwrap_or(first), to: options.to.unwrap_or(after) };
    if span.to <= span.from {
        let message =
            format!("the range {} to {} is empty; events lie from {first} to {last}", span.from, span.to);
        return Err(anyhow::Error::new(Usage(message)));
    }
    Ok(span)
}

/// Writes a file that was not there.
fn save(out: &Path, text: &str) -> anyhow::Result<()> {
    let name = out.display();
    let mut file = std::fs::File::create_new(out).with_context(|| format!("failed to make `{name}`"))?;
    file.write_all(text.as_bytes()).with_context(|| format!("failed to write `{name}`"))?;
    Ok(())
}
