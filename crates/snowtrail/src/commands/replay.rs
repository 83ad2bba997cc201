//! `snowtrail replay`: log files through the whole pipeline, findings to stdout.

use anyhow::Context;
use snowtrail_lake::Access;
use snowtrail_rules::reconcile::Range;

use crate::cli::Replay;
use crate::commands::{findings, ingest};
use crate::exit::Exit;
use crate::{detector, intake, location, policy_file, progress, workbench};

/// Ingests into a temporary lake (or the one named), detects, prints.
pub async fn run(options: Replay) -> anyhow::Result<Exit> {
    let bound = std::sync::Arc::new(policy_file::load(&options.rules)?);
    let temporary = tempfile::tempdir().context("failed to make a temporary folder for the lake")?;
    let uri = options.lake.clone().unwrap_or_else(|| temporary.path().join("lake").display().to_string());
    let mut lake = location::open(&uri, Access::Write).await?;
    let report = intake::take_in(&mut lake, &options.paths).await?;
    ingest::tell(&report);
    let now = match options.now {
        Some(now) => now,
        None => workbench::newest_event(&lake).await?,
    };
    let spinner = progress::spinner("preparing");
    let mut tell = |id: &str| spinner.set_message(format!("running {id}"));
    let detection = detector::run(None, &mut lake, &bound, now, Range::default(), &mut tell).await?;
    spinner.finish_and_clear();
    let found = findings::deliver(&mut lake, &bound, &detection, &options.findings, now).await?;
    Ok(found.max(ingest::exit(&report, options.strict)))
}
