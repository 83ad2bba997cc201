//! The trail: that there is one, that it logs and delivers, and that its selectors let through what Snowtrail lives by.
//!
//! Trails of other accounts that deliver to the same bucket cannot be seen from here.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use snowtrail_page::escape::shell_word;

use super::diagnosis::Diagnosis;
use super::selectors::Selectors;
use crate::aws::Aws;
use crate::aws::signed::CLOUDTRAIL;

/// What IAM would have to allow.
const DESCRIBES: &str =
    "cloudtrail:DescribeTrails, cloudtrail:GetTrailStatus and cloudtrail:GetEventSelectors";

/// A trail, as DescribeTrails tells of it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Trail {
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    home_region: String,
    s3_bucket_name: String,
    is_multi_region_trail: bool,
    include_global_service_events: bool,
    log_file_validation_enabled: bool,
}

/// How it does, as GetTrailStatus tells.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    is_logging: bool,
    latest_delivery_error: Option<String>,
    latest_notification_error: Option<String>,
    latest_digest_delivery_error: Option<String>,
}

/// Looks at the trails that deliver to these buckets; at every trail where none is known.
pub async fn examine(aws: &Aws, region: Option<&str>, buckets: &[String]) -> Vec<Diagnosis> {
    let object = region.unwrap_or("the account");
    let trails = match ask::<Value>(aws, region, "DescribeTrails", json!({ "includeShadowTrails": true }))
        .await
    {
        Ok(answer) => serde_json::from_value::<Vec<Trail>>(answer["trailList"].clone()).unwrap_or_default(),
        Err(error) => return vec![Diagnosis::unseen("trail", object, &error, DESCRIBES)],
    };
    let is_ours = |trail: &&Trail| buckets.is_empty() || buckets.contains(&trail.s3_bucket_name);
    let ours: Vec<&Trail> = trails.iter().filter(is_ours).collect();
    if ours.is_empty() {
        let found = format!("of {} trails in sight, none delivers to {}", trails.len(), named(buckets));
        let why = "without a trail there are no events; a trail of another account that delivers there is not in sight";
        let fix = "aws cloudtrail describe-trails   # in the account that owns the trail; or say CreateTrail=yes to deploy/snowtrail.yaml";
        return vec![Diagnosis::weak("trail", object, found, why, fix)];
    }
    let mut rows = Vec::new();
    for trail in ours {
        rows.extend(one(aws, trail).await);
    }
    rows
}

fn named(buckets: &[String]) -> String {
    if buckets.is_empty() { "any bucket".to_owned() } else { buckets.join(", ") }
}

/// Asks; the error is what was said, in short.
async fn ask<T: DeserializeOwned>(
    aws: &Aws,
    region: Option<&str>,
    operation: &'static str,
    input: Value,
) -> Result<T, String> {
    let answer = aws.ask(&CLOUDTRAIL, region, operation, &input).await.map_err(|error| error.to_string())?;
    if !answer.is_success() {
        return Err(answer.said());
    }
    serde_json::from_value(answer.body)
        .map_err(|error| format!("{operation} gave an unknown answer: {error}"))
}

async fn one(aws: &Aws, trail: &Trail) -> Vec<Diagnosis> {
    // Only the home region has the whole truth about a trail.
    let home = Some(trail.home_region.as_str()).filter(|region| !region.is_empty());
    let mut rows = Vec::new();
    match ask::<Status>(aws, home, "GetTrailStatus", json!({ "Name": trail.trail_arn })).await {
        Ok(status) => rows.extend(doing(trail, &status)),
        Err(error) => rows.push(Diagnosis::unseen("trail", &trail.trail_arn, &error, DESCRIBES)),
    }
    match ask::<Selectors>(aws, home, "GetEventSelectors", json!({ "TrailName": trail.trail_arn })).await {
        Ok(selectors) => rows.extend(selecting(trail, &selectors)),
        Err(error) => rows.push(Diagnosis::unseen("trail", &trail.trail_arn, &error, DESCRIBES)),
    }
    rows.extend(shape(trail));
    if rows.is_empty() {
        let found = "logs and delivers every management event, with digests";
        rows.push(Diagnosis::ok("trail", &trail.trail_arn, found));
    }
    rows
}

fn command(trail: &Trail, verb: &str, rest: &str) -> String {
    format!(
        "aws cloudtrail {verb} --region {} --{} {}{rest}",
        shell_word(&trail.home_region),
        if verb == "put-event-selectors" { "trail-name" } else { "name" },
        shell_word(&trail.trail_arn)
    )
}

fn doing(trail: &Trail, status: &Status) -> Vec<Diagnosis> {
    let arn = &trail.trail_arn;
    let mut rows = Vec::new();
    if !status.is_logging {
        let why = "the cameras are off: nothing that happens now will ever be known";
        rows.push(Diagnosis::broken(
            "trail",
            arn,
            "it does not log",
            why,
            command(trail, "start-logging", ""),
        ));
    }
    let errors = [
        (
            &status.latest_delivery_error,
            "log files",
            "events are lost to Snowtrail until it is mended; CloudTrail tries again for 30 days",
        ),
        (
            &status.latest_notification_error,
            "notifications",
            "files arrive and the queue does not hear of them",
        ),
        (
            &status.latest_digest_delivery_error,
            "digests",
            "what is not signed cannot be proven by `snowtrail verify`",
        ),
    ];
    for (error, what, why) in errors {
        if let Some(error) = error.as_deref().filter(|error| !error.is_empty()) {
            let found = format!("it cannot deliver {what}: {error}");
            let fix = command(
                trail,
                "get-trail-status",
                "   # the error names the policy of the bucket, key or topic that refuses",
            );
            rows.push(Diagnosis::broken("trail", arn, found, why, fix));
        }
    }
    rows
}

fn selecting(trail: &Trail, selectors: &Selectors) -> Vec<Diagnosis> {
    const ALL: &str = " --advanced-event-selectors '[{\"Name\":\"management\",\"FieldSelectors\":[{\"Field\":\"eventCategory\",\"Equals\":[\"Management\"]}]}]'   # replaces its selectors: add those for data events";
    let cases = [
        (true, "reads", "a secret's value is read by a read: the trail does not see who reads"),
        (false, "writes", "changes of secrets, policies, keys and of the trail itself go unseen"),
    ];
    let mut rows = Vec::new();
    for (is_read, what, why) in cases {
        let missing = selectors.missing(is_read);
        if !missing.is_empty() {
            let found = format!("its selectors do not let through all {what} of {}", missing.join(", "));
            rows.push(Diagnosis::broken(
                "trail",
                &trail.trail_arn,
                found,
                why,
                command(trail, "put-event-selectors", ALL),
            ));
        }
    }
    rows
}

fn shape(trail: &Trail) -> Vec<Diagnosis> {
    let cases = [
        (
            trail.is_multi_region_trail,
            "it covers one region",
            "a secret is copied to another region and read there, unseen",
            " --is-multi-region-trail",
        ),
        (
            trail.include_global_service_events,
            "it leaves out global services",
            "changes of roles and of who may assume them go unseen",
            " --include-global-service-events",
        ),
        (
            trail.log_file_validation_enabled,
            "it writes no digests",
            "nobody can prove that log files are as CloudTrail wrote them",
            " --enable-log-file-validation",
        ),
    ];
    let faults = cases.into_iter().filter(|(is_well, ..)| !is_well);
    let row = |(_, found, why, option)| {
        Diagnosis::weak("trail", &trail.trail_arn, found, why, command(trail, "update-trail", option))
    };
    faults.map(row).collect()
}
