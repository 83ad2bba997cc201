//! Rules run, rows become findings. One engine for replay, batch, and stream.
//!
//! Every rule is evaluated whole, over whole tables, up to `now`: so the law of rules holds whatever order events came
//! in. The cost is proportional to the lake. A rule that fails takes no other down and becomes a finding itself
//! (guarantee 8).

use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use snowtrail_model::{Finding, FindingState, Policy, Severity};

use crate::binding::{Literals, bind};
use crate::error::{Result, RuleError};
use crate::rows;
use crate::set::{Rule, RuleSet};
use crate::small;
use crate::views::Views;

/// Rule id of the findings that say that a rule failed to run.
pub const RULE_FAILED: &str = "rule-failed";

/// A session with tables, views and the policy's small tables, ready to run rules.
pub struct Engine<'a> {
    session: SessionContext,
    rules: &'a RuleSet,
    policy: &'a Policy,
    now: Timestamp,
}

/// What a run of all rules gave.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// Open findings, ordered by window_start, rule, key.
    pub findings: Vec<Finding>,
    /// Rules that ran to the end.
    pub ran: Vec<String>,
    /// Rules that failed, each also a finding.
    pub failures: Vec<RuleError>,
}

impl<'a> Engine<'a> {
    /// Prepares a session in which the lake's tables are registered: creates the views and the small tables.
    ///
    /// # Errors
    /// When a view is wrong, or the lake cannot be read.
    pub async fn new(
        session: SessionContext,
        rules: &'a RuleSet,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Result<Engine<'a>> {
        let mut views = Views::new(&session, &rules.views, &Literals::now(now))?;
        views.create_possible(&session).await?;
        small::register(&session, policy).await?;
        views.create_possible(&session).await?;
        views.all_created(&session)?;
        Ok(Engine { session, rules, policy, now })
    }

    /// The session, for SQL by people.
    pub fn session(&self) -> &SessionContext {
        &self.session
    }

    /// Runs every enabled rule. `progress` is told each rule's id before it runs.
    pub async fn evaluate(&self, found_at: Timestamp, mut progress: impl FnMut(&str)) -> Evaluation {
        let mut evaluation = Evaluation::default();
        for rule in self.rules.rules.values() {
            let id = rule.header.id.as_str();
            if !self.policy.rule_settings(id).enabled {
                evaluation.ran.push(id.to_owned());
                continue;
            }
            progress(id);
            match self.run(rule, found_at).await {
                Ok(findings) => {
                    evaluation.findings.extend(findings);
                    evaluation.ran.push(id.to_owned());
                }
                Err(error) => {
                    evaluation.findings.push(self.failed(rule, &error, found_at));
                    evaluation.failures.push(error);
                }
            }
        }
        let order = |f: &Finding| (f.window_start, f.rule.clone(), f.key.clone());
        evaluation.findings.sort_by_cached_key(order);
        evaluation
    }

    /// Runs one rule.
    ///
    /// # Errors
    /// When its SQL fails, its columns are wrong, or two rows have one key.
    pub async fn run(&self, rule: &Rule, found_at: Timestamp) -> Result<Vec<Finding>> {
        let refused = |doing| move |source| RuleError::Sql { file: rule.file.clone(), doing, source };
        let sql = bind(&rule.file, &rule.sql, &Literals::of_rule(rule, self.policy, self.now))?;
        let frame = self.session.sql(sql.trim().trim_end_matches(';')).await.map_err(refused("plan"))?;
        rows::check_columns(rule, frame.schema().as_arrow())?;
        let mut findings = Vec::new();
        for batch in frame.collect().await.map_err(refused("run"))? {
            findings.extend(rows::findings(rule, &batch, found_at)?);
        }
        findings.sort_by(|a, b| a.key.cmp(&b.key));
        match findings.windows(2).find(|pair| pair[0].key == pair[1].key) {
            None => Ok(findings),
            Some(pair) => {
                let message = format!("two rows have the key `{}`; a key names one finding", pair[0].key);
                Err(RuleError::Row { file: rule.file.clone(), message })
            }
        }
    }

    fn failed(&self, rule: &Rule, error: &RuleError, found_at: Timestamp) -> Finding {
        let id = &rule.header.id;
        Finding {
            rule: RULE_FAILED.to_owned(),
            severity: Severity::High,
            key: format!("{RULE_FAILED}:{id}"),
            state: FindingState::Open,
            revision: 1,
            title: format!("Rule {id} failed to run"),
            summary: format!("Nobody is watching for what `{id}` watches for until it is mended: {error}"),
            account_id: None,
            aws_region: None,
            secret_arn: None,
            secret_name: None,
            principal: None,
            actor: None,
            window_start: self.now,
            window_end: self.now,
            observed: "the rule failed".to_owned(),
            expected: "the rule runs".to_owned(),
            evidence: Vec::new(),
            detail: serde_json::json!({ "rule": id }).to_string(),
            found_at,
        }
    }
}
