//! A session with everything in it: the lake's tables, the findings, the views, the policy's small tables.
//!
//! The same for rules and for people: what a rule sees, `snowtrail sql` sees.

use anyhow::Context;
use datafusion::prelude::{SessionConfig, SessionContext};
use jiff::Timestamp;
use snowtrail_lake::Lake;
use snowtrail_lake::history::FINDINGS_VIEW;
use snowtrail_rules::Engine;
use snowtrail_rules::binding::{Literals, bind};

use crate::policy_file::Bound;

/// Which events a session shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Horizon {
    /// All that are stored: for people.
    Everything,
    /// Those up to `now`: for rules, which judge a moment as it was, whatever is known since.
    UpToNow,
}

/// Opens the session.
pub async fn open<'b>(
    lake: &Lake,
    bound: &'b Bound,
    now: Timestamp,
    horizon: Horizon,
) -> anyhow::Result<Engine<'b>> {
    let config = SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(true)
        .with_default_catalog_and_schema("lake", "public");
    let session = SessionContext::new_with_config(config);
    lake.register(&session).await?;
    if horizon == Horizon::UpToNow {
        hide_later_events(&session, now).await.context("failed to hide the events after `now`")?;
    }
    let findings = session.sql(FINDINGS_VIEW).await.context("failed to make the view `findings`")?;
    session.register_table("findings", findings.into_view()).context("failed to make the view `findings`")?;
    Ok(Engine::new(session, &bound.rules, &bound.policy, now).await?)
}

/// Puts a view over `events` in its place.
async fn hide_later_events(session: &SessionContext, now: Timestamp) -> anyhow::Result<()> {
    if let Some(all) = session.deregister_table("events")? {
        session.register_table("all_events", all)?;
    }
    let upto = bind("events", "SELECT * FROM all_events WHERE event_time <= $now", &Literals::now(now))?;
    session.register_table("events", session.sql(&upto).await?.into_view())?;
    Ok(())
}

/// The newest event's time, to judge a replay by; the clock where there is no event.
pub async fn newest_event(lake: &Lake) -> anyhow::Result<Timestamp> {
    Ok(lake.newest_event().await?.unwrap_or_else(Timestamp::now))
}
