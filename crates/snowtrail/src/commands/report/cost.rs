//! What the calls cost, by caller and by secret; what a cache would save; who asks on a timer.

use snowtrail_model::policy::{ParameterValue, format_duration};
use snowtrail_report::{Block, Report, Value};

use super::charts;
use super::parts::{fact, section, untitled};
use super::prices::Prices;
use super::question::Asking;
use crate::cli;

/// What it asks.
pub const QUESTIONS: &[&str] = &["cost-roles", "cost-secrets", "cost-cache", "cost-pollers"];

/// Asks and arranges.
///
/// # Errors
/// When the prices or the lake cannot be read.
pub async fn report(asking: &mut Asking<'_>, options: &cli::Report) -> anyhow::Result<Report> {
    let prices = Prices::load(options.prices.as_deref())?;
    prices.bind(asking);
    asking.set("ttl_seconds", &ParameterValue::Int(options.cache_ttl.as_secs()));
    let roles = asking.ask("cost-roles").await?;
    let secrets = asking.ask("cost-secrets").await?;
    let cache = asking.ask("cost-cache").await?;
    let pollers = asking.ask("cost-pollers").await?;
    let all = roles.dollars("usd") + secrets.dollars("usd_storage");
    let reads: u64 = cache.total("reads");
    let share = if reads == 0 { 0.0 } else { cache.total("saved") as f64 / reads as f64 };
    let facts = vec![
        fact("In this range", Value::Usd(all), "calls, KMS requests and storage of what the lake sees"),
        fact("Storage", Value::Usd(secrets.dollars("usd_storage")), "of secrets and replicas"),
        fact("Calls", Value::Count(roles.total("calls")), "of Secrets Manager, by anybody"),
        fact("KMS requests", Value::Count(roles.total("kms_requests")), "about secrets"),
        fact("Calls and requests", Value::Usd(roles.dollars("usd")), "free tier not taken off"),
        fact("Saved by a cache", Value::Count(cache.total("saved")), "reads, at the least"),
        fact("Share saved", Value::Share(share), "of the reads of whoever reads oftener than a cache"),
        fact("Pollers", Value::Count(pollers.rows.len() as u64), "sessions that read on a timer"),
    ];
    let ttl = format_duration(options.cache_ttl);
    let cache_note = format!("Where no contract says cache_ttl, a value is kept for {ttl} (--cache-ttl).");
    let by_caller = vec![
        Block::Chart(charts::amounts(
            &roles,
            "cost-by-caller",
            "Dollars by caller, a month",
            "usd_a_month",
            "principal",
        )),
        Block::Table(untitled(roles)),
    ];
    let saved = vec![
        Block::Chart(charts::amounts(
            &cache,
            "saved-by-reader",
            "Reads that a cache would save",
            "saved",
            "secret",
        )),
        Block::Table(untitled(cache)),
    ];
    let table = |table| vec![Block::Table(untitled(table))];
    let about = format!(
        "Reckoned from the calls in the trail and from list prices read on {}. A bill knows discounts, the free tier and \
             calls that the trail does not log; the shares between callers are what to look at.",
        prices.read_on()
    );
    let sections = vec![
        section("By caller", "", by_caller),
        section("What a cache would save", &cache_note, saved),
        section("Pollers", "", table(pollers)),
        section("By secret", "", table(secrets)),
        section("Prices", "", vec![Block::Table(prices.table())]),
    ];
    Ok(Report { facts, sections, ..asking.report("cost", "Cost of secrets", about) })
}
