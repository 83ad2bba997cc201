//! `snowtrail detect`: the rules over a lake, findings recorded, people paged.

use jiff::Timestamp;
use snowtrail_lake::{Access, Lake};
use snowtrail_rules::reconcile::Range;

use crate::cli::Detect;
use crate::commands::findings;
use crate::exit::Exit;
use crate::output::Usage;
use crate::{detector, policy_file};

/// Evaluates, records what changed, prints, pages.
pub async fn run(options: Detect) -> anyhow::Result<Exit> {
    if let (Some(from), Some(to)) = (options.from, options.to)
        && to <= from
    {
        return Err(anyhow::Error::new(Usage(format!("--to {to} is not after --from {from}"))));
    }
    let bound = policy_file::load(&options.rules)?;
    let mut lake = Lake::open(&options.lake.lake, Access::Read).await?;
    let now = options.now.unwrap_or_else(Timestamp::now);
    let range = Range { from: options.from, to: options.to };
    let detection = detector::run(&mut lake, &bound, now, range).await?;
    findings::deliver(&mut lake, &bound, &detection, &options.findings, now).await
}
