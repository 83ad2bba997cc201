//! A session with everything in it: the lake's tables, the findings, the views, the policy's small tables.
//!
//! The same for rules and for people: what a rule sees, `snowtrail sql` sees.

use anyhow::Context;
use datafusion::prelude::{SessionConfig, SessionContext};
use jiff::Timestamp;
use snowtrail_lake::Lake;
use snowtrail_lake::history::FINDINGS_VIEW;
use snowtrail_rules::Engine;

use crate::policy_file::Bound;

/// Opens the session.
pub async fn open<'b>(lake: &Lake, bound: &'b Bound, now: Timestamp) -> anyhow::Result<Engine<'b>> {
    let config = SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(true)
        .with_default_catalog_and_schema("lake", "public");
    let session = SessionContext::new_with_config(config);
    lake.register(&session).await?;
    let findings = session.sql(FINDINGS_VIEW).await.context("failed to make the view `findings`")?;
    session.register_table("findings", findings.into_view()).context("failed to make the view `findings`")?;
    Ok(Engine::new(session, &bound.rules, &bound.policy, now).await?)
}

/// The newest event's time, to judge a replay by; the clock where there is no event.
pub async fn newest_event(lake: &Lake) -> anyhow::Result<Timestamp> {
    Ok(lake.newest_event().await?.unwrap_or_else(Timestamp::now))
}
