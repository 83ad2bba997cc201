//! `snowtrail ingest`: log files into a lake.

use std::path::PathBuf;

use snowtrail_lake::Access;

use crate::aws::Aws;
use crate::aws::s3::{Prefix, S3Objects};
use crate::cli::Ingest;
use crate::exit::Exit;
use crate::intake::{self, Report};
use crate::location;
use crate::output;

/// Takes the sources in and says what became of them.
pub async fn run(options: Ingest) -> anyhow::Result<Exit> {
    let mut lake = location::open(&options.lake.lake, Access::Write).await?;
    let prefix = |source: &PathBuf| source.to_str().and_then(Prefix::parse);
    let places: Vec<Prefix> = options.sources.iter().filter_map(prefix).collect();
    let paths: Vec<PathBuf> = options.sources.iter().filter(|s| prefix(s).is_none()).cloned().collect();
    let mut report = match paths.is_empty() {
        true => Report::default(),
        false => intake::take_in(&mut lake, &paths).await?,
    };
    if !places.is_empty() {
        let objects = S3Objects::new(&Aws::load().await);
        for place in &places {
            report.add(intake::take_in_objects(&mut lake, &objects, place).await?);
        }
    }
    tell(&report);
    Ok(exit(&report, options.strict))
}

/// Says on stderr what became of the sources.
pub fn tell(report: &Report) {
    for line in report.lines() {
        output::note(&line);
    }
}

/// Paths that cannot be read fail the command; rejects do if it is strict.
pub fn exit(report: &Report, strict: bool) -> Exit {
    let rejected = report.rejects + report.remarks > 0;
    if !report.problems.is_empty() || (strict && rejected) { Exit::Failed } else { Exit::Done }
}
