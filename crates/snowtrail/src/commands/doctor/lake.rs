//! The lake: that it opens, can be written, is fed, and is looked after.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use snowtrail_lake::stats::TableStats;
use snowtrail_lake::{Access, Lake, LakeError, SCHEMA_VERSION, Table};
use snowtrail_model::Policy;
use snowtrail_model::policy::format_duration;
use snowtrail_page::escape::shell_word;

use super::diagnosis::Diagnosis;
use crate::location;
use crate::output::with_causes;

/// How long a lake may take nothing in, where the policy gives no heartbeat.
const SILENCE_MAX: SignedDuration = SignedDuration::from_hours(1);
/// Rejects, and pages that did not go out, count if they are from so long ago.
const RECENT: SignedDuration = SignedDuration::from_hours(24);
/// A page is planned and sent within seconds; one that waits longer is stuck.
const PAGE_WAIT_MAX: SignedDuration = SignedDuration::from_mins(15);
/// A worker compacts once a day: so many parts of a table that want it are a week without.
const PARTS_MAX: i64 = 7;

/// Looks at the lake. `has_feed`: whether a worker's queue is looked at too, so that silence is a fault.
pub async fn examine(uri: &str, policy: &Policy, has_feed: bool) -> Vec<Diagnosis> {
    let lake = match location::open(uri, Access::Read).await {
        Ok(lake) => lake,
        Err(error) => return vec![unopened(uri, &error)],
    };
    let mut rows = Vec::new();
    if let Err(error) = lake.location().prove_writable().await {
        let why = "a worker with this identity cannot store an event, and deletes no message until it can";
        let fix = format!(
            "aws s3 ls {}/   # and allow s3:PutObject under it (TaskRole of deploy/snowtrail.yaml)",
            shell_word(uri)
        );
        rows.push(Diagnosis::broken("lake", uri, with_causes(&error), why, fix));
    }
    let stats = match lake.stats().await {
        Ok(stats) => stats,
        Err(error) => {
            let why = "what cannot be counted can neither be asked nor judged";
            let fix = format!("snowtrail lake stats --lake {}", shell_word(uri));
            rows.push(Diagnosis::broken("lake", uri, with_causes(&error), why, fix));
            return rows;
        }
    };
    let now = Timestamp::now();
    rows.push(fed(uri, &stats, policy, has_feed, now));
    rows.extend(rejected(uri, &stats, now));
    rows.extend(scattered(uri, &stats));
    rows.extend(unsent(uri, &lake, now).await);
    rows
}

fn unopened(uri: &str, error: &anyhow::Error) -> Diagnosis {
    let lake = shell_word(uri);
    let fix = match error.downcast_ref::<LakeError>() {
        Some(LakeError::Older { .. }) => format!("snowtrail lake upgrade --lake {lake}"),
        Some(LakeError::Newer { .. }) => "snowtrail --version   # run the version that wrote it".to_owned(),
        Some(LakeError::NotALake { .. }) => {
            format!("snowtrail ingest SOURCE --lake {lake}   # makes one; or correct the address")
        }
        _ => format!(
            "snowtrail lake stats --lake {lake}   # credentials, region and s3:GetObject, s3:ListBucket on it"
        ),
    };
    let why = "without its lake Snowtrail neither stores nor judges";
    Diagnosis::broken("lake", uri, with_causes(error.as_ref()), why, fix)
}

fn of(stats: &[TableStats], table: Table) -> Option<&TableStats> {
    stats.iter().find(|stats| stats.table == table)
}

/// When the lake last took something in.
fn fed(uri: &str, stats: &[TableStats], policy: &Policy, has_feed: bool, now: Timestamp) -> Diagnosis {
    let fix = "snowtrail health   # beside the worker; then its log, and the queue above";
    let events = of(stats, Table::Events).map_or(0, |events| events.rows);
    let Some(newest) = of(stats, Table::Sources).and_then(|sources| sources.newest) else {
        let why = "rules over an empty lake find nothing, which looks like peace";
        return Diagnosis::weak("lake", uri, "nothing was ever taken in", why, fix);
    };
    let silence = now.duration_since(newest);
    let found =
        format!("schema {SCHEMA_VERSION}, {events} events, the last source {} ago", format_duration(silence));
    let most = policy.trail.heartbeat.unwrap_or(SILENCE_MAX);
    let why = "CloudTrail is never silent for so long: the feed has stopped, and with it every rule";
    match silence > most {
        false => Diagnosis::ok("lake", uri, found),
        true if has_feed => Diagnosis::broken("lake", uri, found, why, fix),
        true => Diagnosis::weak("lake", uri, found, why, fix),
    }
}

fn rejected(uri: &str, stats: &[TableStats], now: Timestamp) -> Option<Diagnosis> {
    let newest = of(stats, Table::Rejects)?.newest?;
    let age = now.duration_since(newest);
    (age <= RECENT).then(|| {
        let found = format!("something could not be understood {} ago", format_duration(age));
        let why = "what is rejected is judged by no rule";
        let fix = format!(
            "snowtrail sql --lake {} \"SELECT reason, source_uri, count(*) FROM rejects WHERE rejected_at > now() - INTERVAL '1 day' GROUP BY 1, 2\"",
            shell_word(uri)
        );
        Diagnosis::weak("lake", uri, found, why, fix)
    })
}

fn scattered(uri: &str, stats: &[TableStats]) -> Option<Diagnosis> {
    let (parts, files) =
        stats.iter().fold((0, 0), |(parts, files), s| (parts + s.parts_to_compact, files + s.small_files));
    (parts > PARTS_MAX).then(|| {
        let found = format!("{files} small files; {parts} parts of tables want compaction");
        let why =
            "every question opens every file: sweeps and reports become slow, and S3 is paid by the request";
        Diagnosis::weak("lake", uri, found, why, format!("snowtrail lake compact --lake {}", shell_word(uri)))
    })
}

/// Pages that were planned and did not go out.
async fn unsent(uri: &str, lake: &Lake, now: Timestamp) -> Option<Diagnosis> {
    let pages = match lake.pages().await {
        Ok(pages) => pages,
        Err(error) => {
            return Some(Diagnosis::unseen("lake", uri, &with_causes(&error), "s3:GetObject on the lake"));
        }
    };
    let sent: HashSet<&str> =
        pages.iter().filter(|page| page.state == "sent").map(|page| page.dedupe_key.as_str()).collect();
    let waits = |at: Timestamp| now.duration_since(at) > PAGE_WAIT_MAX;
    let stuck =
        pages.iter().filter(|page| !sent.contains(page.dedupe_key.as_str()) && waits(page.sent_at)).count();
    (stuck > 0).then(|| {
        let found = format!(
            "{stuck} pages were planned more than {} ago and not sent",
            format_duration(PAGE_WAIT_MAX)
        );
        let why = "something was found, and people were not told";
        let fix = format!(
            "snowtrail detect --lake {} --publish TARGET   # says why they do not go out, and sends them",
            shell_word(uri)
        );
        Diagnosis::broken("lake", uri, found, why, fix)
    })
}
