//! What people would have been told: the real fold, its clock moving through a range. Pure.
//!
//! A finding comes into sight when its window ends, though a worker sees a read of a day-long window within minutes; so
//! what is counted a day is right, and pages within a day may fold a little more than they would have. A finding is told
//! as it stands at the end of the range: what it was before more events came is not known. Nobody knew anything before
//! the range began.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use snowtrail_model::{Finding, Policy};
use snowtrail_page::{FoldInputs, Ledger, Page, PublishTarget, Traces, fold};

/// How far the clock moves at a time: reminders are at least a minute apart and mostly hours, stories a quarter hour.
const STEP: SignedDuration = SignedDuration::from_hours(1);

/// A page as it would have been sent.
#[derive(Debug)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// What.
    pub page: Page,
}

/// Folds the findings into pages up to `to`, hour by hour.
pub fn tell(findings: &[Finding], policy: &Policy, to: Timestamp) -> Vec<Told> {
    let mut waiting = BTreeMap::<Timestamp, Vec<&Finding>>::new();
    for finding in findings {
        let in_sight = next_hour(finding.window_end).min(to);
        waiting.entry(in_sight).or_default().push(finding);
        let over = finding.resolved_at().map(|over| next_hour(over).min(to)).filter(|over| *over > in_sight);
        over.into_iter().for_each(|over| waiting.entry(over).or_default().push(finding));
    }
    let reminds = policy.pages.remind_every.is_some();
    let (mut told, mut ledger, mut traces) = (Vec::new(), Ledger::default(), Traces::default());
    let mut open = BTreeMap::<&str, &Finding>::new();
    let mut clock = waiting.keys().next().copied();
    while let Some(now) = clock {
        let mut heard = Vec::new();
        for finding in waiting.remove(&now).unwrap_or_default() {
            heard.push(as_of(finding, now));
            open.insert(&finding.key, finding);
        }
        if reminds {
            let known = |finding: &&&Finding| !heard.iter().any(|fresh| fresh.key == finding.key);
            let again: Vec<Finding> =
                open.values().filter(known).map(|finding| as_of(finding, now)).collect();
            heard.extend(again);
            open.retain(|_, finding| finding.resolved_at().is_none_or(|over| over > now));
        }
        heard.iter().for_each(|finding| traces.note(finding));
        let about = FoldInputs { policy, tags: &BTreeMap::new(), now, already: &ledger, traces: &traces };
        let pages = fold(&heard, &about).pages;
        told.extend(sent(pages, now, &mut ledger));
        let next = waiting.keys().next().copied();
        let tick = now.saturating_add(STEP).ok().filter(|tick| reminds && !open.is_empty() && *tick <= to);
        clock = match (next, tick) {
            (Some(next), Some(tick)) => Some(next.min(tick)),
            (next, tick) => next.or(tick),
        };
    }
    told
}

fn sent(pages: Vec<Page>, now: Timestamp, ledger: &mut Ledger) -> Vec<Told> {
    let at = ledger.planning_time(now);
    for page in &pages {
        let target = page.route.as_ref().unwrap_or(&PublishTarget::Stdout);
        ledger.record(&page.planned(target, at));
        ledger.record(&page.sent(target, at));
    }
    pages.into_iter().map(|page| Told { at: now, page }).collect()
}

/// The finding as people could know it then: not over before it was.
fn as_of(finding: &Finding, now: Timestamp) -> Finding {
    let mut seen = Finding { found_at: now, revision: 1, ..finding.clone() };
    if finding.resolved_at().is_some_and(|over| over > now)
        && let Ok(serde_json::Value::Object(mut detail)) = serde_json::from_str(&finding.detail)
    {
        detail.remove("resolved_at");
        seen.detail = serde_json::Value::Object(detail).to_string();
    }
    seen
}

/// The first full hour at or after a time.
fn next_hour(at: Timestamp) -> Timestamp {
    let seconds = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
    let hours = -(-seconds).div_euclid(STEP.as_secs());
    Timestamp::from_second(hours * STEP.as_secs()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use snowtrail_model::{FindingState, Severity};

    use super::*;

    fn finding(key: &str, start: &str, end: &str, detail: &str) -> Finding {
        Finding {
            rule: "r".to_owned(),
            severity: Severity::High,
            key: key.to_owned(),
            state: FindingState::Open,
            revision: 1,
            title: key.to_owned(),
            summary: String::new(),
            account_id: None,
            aws_region: None,
            secret_arn: None,
            secret_name: None,
            principal: Some(key.to_owned()),
            actor: None,
            window_start: start.parse().unwrap(),
            window_end: end.parse().unwrap(),
            observed: String::new(),
            expected: String::new(),
            evidence: vec![],
            detail: detail.to_owned(),
            found_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn told(findings: &[Finding], policy: &str) -> Vec<String> {
        let policy = Policy::parse(policy, "policy", &[]).unwrap();
        let told = tell(findings, &policy, "2026-11-08T00:00:00Z".parse().unwrap());
        told.iter()
            .map(|told| format!("{} {} {}", told.at, told.page.kind, told.page.findings[0].key))
            .collect()
    }

    #[test]
    fn findings_are_news_when_their_windows_end_and_resolved_when_they_are_over() {
        let over = r#"{"resolved_at":"2026-11-06T10:30:00Z"}"#;
        let findings = [
            finding("b", "2026-11-05T00:00:00Z", "2026-11-06T00:00:00Z", "{}"),
            finding("a", "2026-11-03T10:00:00Z", "2026-11-03T10:20:00Z", over),
        ];
        assert_eq!(
            told(&findings, ""),
            [
                "2026-11-03T11:00:00Z opened a",
                "2026-11-06T00:00:00Z opened b",
                "2026-11-06T11:00:00Z resolved a",
            ]
        );
    }

    #[test]
    fn reminders_come_until_their_bound_and_not_after_the_end() {
        let findings = [finding("a", "2026-11-07T10:00:00Z", "2026-11-07T10:20:00Z", "{}")];
        assert_eq!(
            told(&findings, "[pages]\nremind_every = \"4h\"\nremind_max = 2\n"),
            [
                "2026-11-07T11:00:00Z opened a",
                "2026-11-07T15:00:00Z reminder 1 a",
                "2026-11-07T19:00:00Z reminder 2 a",
            ]
        );
    }

    #[test]
    fn hours_are_rounded_up() {
        for (at, hour) in [
            ("2026-11-07T10:00:00Z", "2026-11-07T10:00:00Z"),
            ("2026-11-07T10:00:00.000001Z", "2026-11-07T11:00:00Z"),
            ("1969-12-31T22:30:00Z", "1969-12-31T23:00:00Z"),
        ] {
            assert_eq!(next_hour(at.parse().unwrap()).to_string(), hour);
        }
    }
}
