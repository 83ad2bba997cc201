//! `snowtrail ingest`: log files into a lake.

use snowtrail_lake::{Access, Lake};

use crate::cli::Ingest;
use crate::exit::Exit;
use crate::intake::{self, Report};
use crate::output;

/// Takes the sources in and says what became of them.
pub async fn run(options: Ingest) -> anyhow::Result<Exit> {
    let mut lake = Lake::open(&options.lake.lake, Access::Write).await?;
    let report = intake::take_in(&mut lake, &options.sources).await?;
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
