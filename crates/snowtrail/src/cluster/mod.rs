//! The rules on other machines: a stock Ballista scheduler and its executors.
//!
//! The client (this process) reads the lake's log and resolves each table into plain Parquet files, writes the policy's
//! small tables as files, plans the queries, and sends the plans. Scheduler and executors are Ballista's, built as `deploy/ballista`
//! says, with nothing of ours in them: they see Parquet files, DataFusion's functions, and a folder to write into. What they
//! need is the version of the engine that this program is built with, the lake under the same address as the client, and leave
//! to write below `cluster/` in it.
//!
//! Files: `mod.rs` (an address, a session), `asking` (a query is sent, and sent again), `jobs` (how it went), `ground` (the folder of a run).
//! What the findings are is not decided here; see [`snowtrail_rules::Engine`].

mod asking;
mod ground;
mod jobs;

use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use arrow::array::RecordBatch;
use ballista_core::extension::{SessionConfigExt, SessionStateExt};
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use snowtrail_lake::plain::DERIVED_COLUMNS;
use snowtrail_lake::{Lake, Table};
use snowtrail_rules::shared::table_of_files;
use url::Url;

pub use ground::Ground;

/// Ballista's own default. Source: `ballista-scheduler --help`, `--bind-port`.
const PORT: u16 = 50050;

/// The largest message. A plan names each file of a scan, some hundred bytes each: Ballista's default of 16 MiB ends at fifty
/// thousand files. Scheduler and executors have the same limit among their options.
const MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a table's files are called in SQL where columns must be added to them.
const STORED_EVENTS: &str = "stored_events";

/// A cluster, by the address of its scheduler and how much of it to use.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// `df://host:port`.
    pub scheduler: Scheduler,
    /// Into how many parts the rows of a stage are dealt out.
    pub parts: usize,
}

/// The address of a scheduler: `df://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduler {
    /// Host and port.
    authority: String,
}

impl Scheduler {
    /// As Ballista's client wants it. A scheduler speaks gRPC and REST without TLS.
    fn http(&self) -> String {
        format!("http://{}", self.authority)
    }
}

impl FromStr for Scheduler {
    type Err = String;

    fn from_str(text: &str) -> Result<Scheduler, String> {
        let wrong = |why: &str| format!("{why}; a cluster is the address of its scheduler, df://host:port");
        let url = Url::parse(text).map_err(|e| wrong(&format!("it is no URL ({e})")))?;
        if url.scheme() != "df" {
            return Err(wrong(&format!("`{}:` is no scheme of a scheduler", url.scheme())));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host"))?;
        let is_bare = ["", "/"].contains(&url.path()) && url.query().is_none() && url.fragment().is_none();
        if !is_bare || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it has more than a host and a port"));
        }
        Ok(Scheduler { authority: format!("{host}:{}", url.port().unwrap_or(PORT)) })
    }
}

impl std::fmt::Display for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "df://{}", self.authority)
    }
}

impl Cluster {
    /// A session whose plans run on the cluster, with the lake's tables in it; of events only the files of days up to
    /// `now`'s, UTC. Nothing is sent yet; a table without files gets an empty one in `ground`.
    ///
    /// # Errors
    /// When the lake's log cannot be read, or its tables hold what plain files cannot say.
    pub async fn reading(
        &self,
        lake: &Lake,
        ground: &Ground,
        now: Timestamp,
    ) -> anyhow::Result<SessionContext> {
        let session = self.session().context("failed to set up a session of the cluster")?;
        let location = lake.location();
        if let Some(store) = location.store() {
            session.runtime_env().register_object_store(location.url(), Arc::clone(store));
        }
        for table in Table::ALL {
            let last_day = (table == Table::Events).then(|| TimeZone::UTC.to_datetime(now).date());
            let files = lake.plain_files(table, last_day)?;
            let name = if table == Table::Events { STORED_EVENTS } else { table.sql_name() };
            let rows = if files.files.is_empty() {
                ground.place().put(&session, name, &RecordBatch::new_empty(files.schema)).await
            } else {
                table_of_files(&files.files, files.schema)
            };
            session
                .register_table(name, rows.with_context(|| format!("failed to hand over table `{name}`"))?)?;
        }
        let events = format!("SELECT *, {DERIVED_COLUMNS} FROM {STORED_EVENTS}");
        let events = session.sql(&events).await.context("failed to make the view `events`")?.into_view();
        session.register_table("events", events)?;
        Ok(session)
    }

    fn session(&self) -> datafusion::error::Result<SessionContext> {
        let config = SessionConfig::new_with_ballista()
            // Ballista would rather sort than hash, because only sorted joins spill. Those of DataFusion 55 fail where an
            // outer join has a condition over a column without nulls (`Column 'valid_to' is declared as non-nullable but
            // contains null values`): they judge it on rows, too, that have found nobody. One process hashes as well.
            .set_bool("datafusion.optimizer.prefer_hash_join", true)
            // No side of a join is collected for all tasks of the other. Where that cannot be done, Ballista 55 deals both
            // sides out after all, so that a join which had one part has several, and of what is planned above it for one
            // part only the first is run: of 27,498 rows of the view `reads` 7,886 were left, without an error.
            .set_usize("datafusion.optimizer.hash_join_single_partition_threshold", 0)
            .set_usize("datafusion.optimizer.hash_join_single_partition_threshold_rows", 0)
            .with_ballista_broadcast_join_threshold_bytes(0)
            .with_ballista_broadcast_join_threshold_rows(0)
            .with_ballista_adaptive_query_planner(false)
            .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES_MAX)
            .with_target_partitions(self.parts)
            .with_default_catalog_and_schema("lake", "public")
            .with_create_default_catalog_and_schema(true);
        let stock = SessionStateBuilder::new().with_default_features().with_config(config).build();
        let remote = stock.upgrade_for_ballista(self.scheduler.http())?;
        let remote = SessionStateBuilder::new_from_existing(remote)
            .with_query_planner(Arc::new(asking::Asking::of(self.scheduler.clone())))
            .build();
        Ok(SessionContext::new_with_state(remote))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheduler_is_an_address_and_nothing_else() {
        let shown = |text: &str| text.parse::<Scheduler>().map(|s| s.to_string());
        assert_eq!(shown("df://127.0.0.1:4000").as_deref(), Ok("df://127.0.0.1:4000"));
        assert_eq!(
            shown("df://scheduler.snowtrail.local").as_deref(),
            Ok("df://scheduler.snowtrail.local:50050")
        );
        assert_eq!(shown("df://[::1]:7/").as_deref(), Ok("df://[::1]:7"));
        for wrong in [
            "",
            "localhost:50050",
            "http://localhost:50050",
            "df://",
            "df://host/path",
            "df://me@host",
            "df://:secret@host",
            "df://host#part",
        ] {
            let said = shown(wrong).expect_err(wrong);
            assert!(said.ends_with("df://host:port"), "{wrong}: {said}");
        }
    }
}
