//! `snowtrail canary`: proves the whole path. It asks for a secret, is refused, and waits for that very refusal to come out of
//! CloudTrail, the queue and the worker as a row of `events`.
//!
//! The refusal is known by the call's id, which CloudTrail records. Snowtrail can read no secret (guarantee 9): a read that
//! is allowed is the loudest failure of all. No value can be had even then, because a version is asked for that no
//! secret has, and because the answer to a success is never read from the connection.

use std::time::Duration;

use anyhow::{Context, bail};
use arrow::array::{Array, AsArray};
use datafusion::prelude::{col, lit};
use datafusion::scalar::ScalarValue;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use snowtrail_lake::{Access, Lake, Table};
use snowtrail_model::policy::format_duration;
use snowtrail_page::escape::{shell_word, terminal};

use crate::aws::Aws;
use crate::aws::signed::SECRETS_MANAGER;
use crate::cli::{Canary, Format};
use crate::commands::doctor::{Reach, of_no_version};
use crate::exit::Exit;
use crate::{location, output, progress, workbench};

/// How often the lake is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Clocks differ: the event's time may lie before ours by so much.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(1);
/// Characters of a name or an answer that are shown.
const TEXT_CHARS_MAX: usize = 1_000;

/// The refusal as it came out.
#[derive(Debug)]
struct Seen {
    event_id: String,
    outcome: String,
    event_time: String,
    ingested_at: String,
}

/// Asks, waits, tells.
pub async fn run(options: &Canary) -> anyhow::Result<Exit> {
    let mut lake = location::open(&options.lake, Access::Read).await?;
    let asked_at = Timestamp::now();
    let request_id = be_refused(&options.secret).await?;
    let spinner =
        progress::spinner("refused, as it must be; waiting for the refusal to come out in the lake");
    let until = asked_at + options.within;
    let seen = loop {
        if let Some(seen) = look(&mut lake, &request_id, asked_at).await? {
            break seen;
        }
        let left = Timestamp::now().duration_until(until);
        if left <= SignedDuration::ZERO {
            bail!(late(options, &request_id));
        }
        tokio::time::sleep(LOOK_EVERY.min(left.unsigned_abs())).await;
    };
    spinner.finish_and_clear();
    let took = Timestamp::now().duration_since(asked_at);
    if seen.outcome != "denied" {
        bail!(
            "the refusal (request {request_id}) came out as `{}`; see its row: snowtrail sql --lake {} \"SELECT * FROM events WHERE event_id = '{}'\"",
            seen.outcome,
            shell_word(&options.lake),
            seen.event_id
        );
    }
    tell(options, &request_id, asked_at, &seen, took)?;
    Ok(Exit::Done)
}

/// The id of the call that was refused.
async fn be_refused(secret: &str) -> anyhow::Result<String> {
    let aws = Aws::load().await;
    // A secret's ARN says which region's trail will tell.
    let region = secret.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2));
    let answer =
        aws.ask_to_be_refused(&SECRETS_MANAGER, region, "GetSecretValue", &of_no_version(secret)).await?;
    match Reach::of(&answer) {
        Reach::Denied => answer.request_id.context("the refusal has no request id to look for"),
        Reach::Allowed => bail!(
            "this identity MAY READ `{secret}`, and Snowtrail must be able to read no secret. Nothing was read: the call named no version \
             that exists. Deny it secretsmanager:GetSecretValue (deploy/operator-policy.json), then ask `snowtrail doctor` what else it may"
        ),
        Reach::Unclear => bail!("the read of `{secret}` was neither refused nor allowed: {}", answer.said()),
    }
}

/// The row with the call's id, once it is there.
async fn look(lake: &mut Lake, request_id: &str, asked_at: Timestamp) -> anyhow::Result<Option<Seen>> {
    lake.refresh(Table::Events).await?;
    let session = workbench::reading(lake).await?;
    let from = (asked_at - CLOCKS_DIFFER).as_microsecond();
    let from = lit(ScalarValue::TimestampMicrosecond(Some(from), Some("UTC".into())));
    let text = |name: &str| datafusion::prelude::cast(col(name), arrow::datatypes::DataType::Utf8);
    let rows = session
        .table("events")
        .await?
        .filter(col("event_time").gt_eq(from).and(col("request_id").eq(lit(request_id))))?
        .select(["event_id", "outcome", "event_time", "ingested_at"].map(text).to_vec())?
        .limit(0, Some(1))?
        .collect()
        .await
        .context("failed to look for the refusal in the lake")?;
    let Some(row) = rows.iter().find(|row| row.num_rows() > 0) else { return Ok(None) };
    let cell = |column: usize| {
        let texts = row.column(column).as_string::<i32>();
        if texts.is_null(0) { String::new() } else { texts.value(0).to_owned() }
    };
    Ok(Some(Seen { event_id: cell(0), outcome: cell(1), event_time: cell(2), ingested_at: cell(3) }))
}

/// What to check when nothing came out.
fn late(options: &Canary, request_id: &str) -> String {
    let lake = shell_word(&options.lake);
    format!(
        "the refused read (request {request_id}) did not come out in `{}` within {}: somewhere between CloudTrail and the lake the path is cut, \
         or slower than that. Check, in this order: the trail, its selectors, the bucket, the queue and the worker with `snowtrail doctor --queue URL --lake {lake}`; \
         that the trail records this account and region; what could not be understood with `snowtrail sql --lake {lake} \"SELECT * FROM rejects ORDER BY rejected_at DESC LIMIT 5\"`",
        options.lake,
        format_duration(options.within),
    )
}

fn tell(
    options: &Canary,
    request_id: &str,
    asked_at: Timestamp,
    seen: &Seen,
    took: SignedDuration,
) -> anyhow::Result<()> {
    match options.format {
        Format::Table => output::data(&format!(
            "the path works: the refused read of {} came out within {}\n  asked     {asked_at}\n  event     {} {}\n  stored    {}\n  request   {}\n",
            terminal(&options.secret, TEXT_CHARS_MAX),
            format_duration(took),
            terminal(&seen.event_time, TEXT_CHARS_MAX),
            terminal(&seen.event_id, TEXT_CHARS_MAX),
            terminal(&seen.ingested_at, TEXT_CHARS_MAX),
            terminal(request_id, TEXT_CHARS_MAX),
        ))?,
        Format::Json => {
            let row = json!({
                "secret": options.secret, "request_id": request_id, "asked_at": asked_at.to_string(),
                "event_id": seen.event_id, "event_time": seen.event_time, "ingested_at": seen.ingested_at,
                "seconds": took.as_secs(),
            });
            output::data(&format!("{row}\n"))?;
        }
        Format::Csv => {
            let header =
                ["secret", "request_id", "asked_at", "event_id", "event_time", "ingested_at", "seconds"];
            let row = [
                options.secret.clone(),
                request_id.to_owned(),
                asked_at.to_string(),
                seen.event_id.clone(),
                seen.event_time.clone(),
                seen.ingested_at.clone(),
                took.as_secs().to_string(),
            ];
            output::texts_table(header, vec![row], Format::Csv)?;
        }
    }
    Ok(())
}
