//! `snowtrail report`: questions in SQL, answers in a report.
//!
//! ```text
//!  queries/reports/*.sql ──► question ──► tables ──► charts ─┐
//!  policy, prices, IAM documents ─────────────► sections ────┴─► the report crate ──► HTML, Markdown, CSV, JSON
//! ```
//!
//! Reads only. The same lake, range and options give the same text.

mod access;
mod charts;
mod contract;
mod cost;
mod iam;
mod least_privilege;
mod parts;
mod place;
mod policies;
mod prices;
mod question;
mod rotation;
mod secret;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use snowtrail_lake::{Access, Lake};
use snowtrail_report::{Form, Report, render};

use crate::cli::{self, ReportForm, ReportKind};
use crate::exit::Exit;
use crate::output::{self, Usage};
use crate::policy_file::{self, Bound};
use crate::{location, progress, workbench};
use place::Place;
use question::{Asking, Span};

/// How far back a report looks where nothing else is said: access is reviewed once a quarter.
const RANGE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Asks, gathers, writes.
pub async fn run(options: cli::Report) -> anyhow::Result<Exit> {
    let form = form(&options)?;
    check(&options)?;
    let bound = policy_file::load(&options.rules)?;
    let lake = location::open(&options.lake.lake, Access::Read).await?;
    let (span, now) = span(&lake, &options).await?;
    let spinner = progress::spinner("asking");
    let report = gather(&lake, &bound, &options, span, now).await;
    spinner.finish_and_clear();
    let text = render(&report?, form).context("failed to write the report")?;
    match options.out.as_deref().filter(|out| *out != Path::new("-")) {
        Some(out) => {
            std::fs::write(out, text).with_context(|| format!("failed to write `{}`", out.display()))?;
            output::note(&format!("wrote `{}`", out.display()));
        }
        None => output::data(&text)?,
    }
    Ok(Exit::Done)
}

async fn gather(
    lake: &Lake,
    bound: &Bound,
    options: &cli::Report,
    span: Span,
    now: Timestamp,
) -> anyhow::Result<Report> {
    let rules = workbench::without_rules(&bound.rules);
    let questions = questions(options.kind);
    let session = workbench::reading(lake).await?;
    let views = question::tables_named(&session, questions)?;
    let engine = workbench::open_asking(lake, bound, &rules, now, views).await?;
    let mut asking = Asking::new(engine.session(), span, now);
    let mut report = match options.kind {
        ReportKind::Access => access::report(&asking, &bound.policy).await?,
        ReportKind::Rotation => rotation::report(&asking, &bound.policy).await?,
        ReportKind::Cost => cost::report(&mut asking, options).await?,
        ReportKind::LeastPrivilege => least_privilege::report(&asking, &bound.policy, options).await?,
        ReportKind::Secret => {
            let name = options.secret.as_deref().unwrap_or_default();
            let places = Place::find(engine.session(), name).await?;
            asking.about(name, &places);
            secret::report(&asking, &bound.policy, &places).await?
        }
    };
    report.sources = sources(lake, options);
    Ok(report)
}

/// The questions of each report: their views are made, and no others.
fn questions(kind: ReportKind) -> &'static [&'static str] {
    match kind {
        ReportKind::Access => access::QUESTIONS,
        ReportKind::Rotation => rotation::QUESTIONS,
        ReportKind::Cost => cost::QUESTIONS,
        ReportKind::LeastPrivilege => least_privilege::QUESTIONS,
        ReportKind::Secret => secret::QUESTIONS,
    }
}

fn sources(lake: &Lake, options: &cli::Report) -> Vec<String> {
    let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let policy = options.rules.policy.as_deref().map_or("none".to_owned(), name);
    vec![format!("Lake: {}", name(Path::new(lake.uri().trim_end_matches('/')))), format!("Policy: {policy}")]
}

fn check(options: &cli::Report) -> anyhow::Result<()> {
    let wrong = |message: &str| Err(anyhow::Error::new(Usage(message.to_owned())));
    match (options.kind, &options.secret) {
        (ReportKind::Secret, None) => {
            wrong("`report secret` is about one secret: name it with --secret NAME or --secret ARN")
        }
        (ReportKind::Secret, Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => wrong("--secret belongs to `report secret`; the other reports are about all secrets"),
    }
}

fn form(options: &cli::Report) -> anyhow::Result<Form> {
    if let Some(form) = options.format {
        return Ok(match form {
            ReportForm::Html => Form::Html,
            ReportForm::Markdown => Form::Markdown,
            ReportForm::Csv => Form::Csv,
            ReportForm::Json => Form::Json,
        });
    }
    let Some(out) = options.out.as_deref().filter(|out| *out != Path::new("-")) else {
        return Ok(Form::Markdown);
    };
    let ending = out.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("html" | "htm") => Ok(Form::Html),
        Some("md" | "markdown") => Ok(Form::Markdown),
        Some("csv") => Ok(Form::Csv),
        Some("json") => Ok(Form::Json),
        _ => {
            let message = format!(
                "`{}` does not say its form: end it in .html, .md, .csv or .json, or use --format",
                out.display()
            );
            Err(anyhow::Error::new(Usage(message)))
        }
    }
}

/// The range and the moment: what the options say, else the quarter that ends with the newest event.
async fn span(lake: &Lake, options: &cli::Report) -> anyhow::Result<(Span, Timestamp)> {
    let session = workbench::reading(lake).await?;
    let bounds =
        snowtrail_rules::answers::rows(&session, "SELECT min(event_time), max(event_time) FROM events")
            .await?;
    let bound = |column: usize| bounds.first().and_then(|row| row.maybe_time(column));
    let (Some(first), Some(last)) = (bound(0), bound(1)) else {
        bail!("the lake `{}` holds no event; there is nothing to report", lake.uri());
    };
    let after = last.saturating_add(SignedDuration::from_micros(1)).unwrap_or(last);
    let to = options.to.or(options.now).unwrap_or(after);
    let now = options.now.unwrap_or_else(|| to.max(after));
    let from = options.from.unwrap_or_else(|| to.saturating_sub(RANGE).unwrap_or(first).max(first));
    if to <= from {
        let message = format!("the range {from} to {to} is empty; events lie from {first} to {last}");
        return Err(anyhow::Error::new(Usage(message)));
    }
    Ok((Span { from, to }, now))
}

/// The distinct texts of a column, in order, empty ones left out.
fn distinct<'t>(texts: impl IntoIterator<Item = &'t str>) -> BTreeSet<&'t str> {
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}
