//! `snowtrail detect`: the rules over a lake, findings recorded, people paged.

use jiff::Timestamp;
use snowtrail_lake::Access;
use snowtrail_rules::reconcile::Range;

use crate::cli::Detect;
use crate::commands::findings;
use crate::exit::Exit;
use crate::output::Usage;
use crate::{detector, location, policy_file, progress};

/// Evaluates, records what changed, prints, pages.
pub async fn run(options: Detect) -> anyhow::Result<Exit> {
    if let (Some(from), Some(to)) = (options.from, options.to)
        && to <= from
    {
        return Err(anyhow::Error::new(Usage(format!("--to {to} is not after --from {from}"))));
    }
    let bound = std::sync::Arc::new(policy_file::load(&options.rules)?);
    let mut lake = location::open(&options.lake.lake, Access::Read).await?;
    let now = options.now.unwrap_or_else(Timestamp::now);
    let range = Range { from: options.from, to: options.to };
    let spinner = progress::spinner("preparing");
    let mut tell = |id: &str| spinner.set_message(format!("running {id}"));
    let cluster = options.cluster.cluster();
    let detection = detector::run(cluster.as_ref(), &mut lake, &bound, now, range, &mut tell).await?;
    spinner.finish_and_clear();
    findings::deliver(&mut lake, &bound, &detection, &options.findings, now).await
}
