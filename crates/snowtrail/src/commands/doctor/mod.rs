//! `snowtrail doctor`: looks at everything that a worker stands between, and says what is wrong, why it matters, and which
//! command mends it.
//!
//! ```text
//! rules, policy → queue → bucket, trail → topics → lake → what may be read, the clock → told, worst first
//! ```
//!
//! One file for each part; each gives [`Diagnosis`] rows and never fails: what cannot be asked is a row too. The worker's
//! proof at its start ([`crate::commands::worker_proof`]) is a part of this and shares its code. Changes nothing, but for the
//! small object that proves a lake writable. What AWS answers is hostile text: it is quoted for the shell in commands, and
//! escaped where it is printed.

mod bucket;
mod diagnosis;
mod lake;
mod queue;
mod reach;
mod selectors;
mod sender;
mod told;
mod topics;
mod trail;

use snowtrail_model::Policy;
use snowtrail_page::PublishTarget;
use snowtrail_page::escape::shell_word;

use self::diagnosis::{Diagnosis, Level};
pub use self::reach::{Reach, of_no_version};
use crate::aws::Aws;
use crate::aws::sqs::region_of;
use crate::cli::Doctor;
use crate::commands::rules;
use crate::exit::Exit;
use crate::output::{Usage, with_causes};
use crate::policy_file;

/// Looks, tells, and exits by the worst.
pub async fn run(options: Doctor) -> anyhow::Result<Exit> {
    if options.queue.is_none() && options.lake.is_none() && options.publish.is_none() {
        return Err(anyhow::Error::new(Usage(
            "nothing to look at; give --queue, --lake or --publish, best all three as the worker has them"
                .to_owned(),
        )));
    }
    let target = options.publish.as_deref().map(PublishTarget::parse).transpose();
    let target = target.map_err(|text| anyhow::Error::new(Usage(text)))?;
    let (policy, mut rows) = rules_and_policy(&options).await?;
    let is_on_aws = options.queue.is_some()
        || matches!(target, Some(PublishTarget::Topic(_)))
        || options.lake.as_ref().is_some_and(|uri| uri.starts_with("s3://"));
    if is_on_aws {
        let aws = Aws::load().await;
        if let Some(url) = &options.queue {
            rows.extend(queue::examine(&aws, url, &options.bucket).await);
        }
        if let Some(target) = &target {
            rows.extend(topics::examine(&aws, target, &policy).await);
        }
        let region = options.queue.as_deref().and_then(region_of);
        rows.extend(reach::examine(&aws, region, &options.secret).await);
    }
    if let Some(uri) = &options.lake {
        rows.extend(lake::examine(uri, &policy, options.queue.is_some()).await);
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.level));
    told::print(&rows, options.format)?;
    let limit = if options.strict { Level::Unseen } else { Level::Broken };
    Ok(if rows.iter().any(|row| row.level >= limit) { Exit::Failed } else { Exit::Done })
}

/// Whether rules and policy load, bind and plan. With a policy that does not, the rest is looked at as if there were none.
async fn rules_and_policy(options: &Doctor) -> anyhow::Result<(Policy, Vec<Diagnosis>)> {
    let object = match (&options.rules.rules, &options.rules.policy) {
        (_, Some(file)) => file.display().to_string(),
        (Some(folder), None) => folder.display().to_string(),
        (None, None) => "the rules that ship".to_owned(),
    };
    let check = match &options.rules.policy {
        Some(file) => format!("snowtrail policy check {}", shell_word(&file.display().to_string())),
        None => "snowtrail rules check".to_owned(),
    };
    let broken = |found: String, fix: &str| {
        let why = "a worker does not start with it, and a rule that does not run finds nothing";
        Diagnosis::broken("rules", &object, found, why, fix.to_owned())
    };
    let bound = match policy_file::load(&options.rules) {
        Ok(bound) => bound,
        Err(error) => return Ok((Policy::default(), vec![broken(with_causes(error.as_ref()), &check)])),
    };
    let problems = rules::problems(&bound).await?;
    let mut rows: Vec<Diagnosis> =
        problems.into_iter().map(|problem| broken(problem, "snowtrail rules check")).collect();
    if rows.is_empty() {
        let found = format!("{} rules bind and run", bound.rules.rules.len());
        rows.push(Diagnosis::ok("rules", &object, found));
    }
    Ok((bound.policy, rows))
}
