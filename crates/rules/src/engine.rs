//! Rules run, rows become findings. One engine for replay, batch, and stream.
//!
//! Every rule is evaluated whole, over whole tables, up to `now`: so the law of rules holds whatever order events came
//! in. The cost is proportional to the tables. A rule that fails takes no other down and becomes a finding itself
//! (guarantee 8).

use std::collections::{BTreeSet, HashSet, VecDeque};

use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use jiff::Timestamp;
use snowtrail_model::{Finding, FindingState, Policy, Severity};

use crate::binding::Literals;
use crate::error::{Result, RuleError};
use crate::knowledge::{GATHERED_VIEWS, Knowledge};
use crate::listed;
use crate::memory::{self, Making};
use crate::planning::careful;
use crate::prepared::Prepared;
use crate::rows;
use crate::set::{Rule, RuleSet};
use crate::shared::Place;
use crate::small;
use crate::views::{Store, Views, bind_in, tables_named};

/// Rule id of the findings that say that a rule failed to run.
pub const RULE_FAILED: &str = "rule-failed";

/// Rule id of the findings that say that a digest, a log file or a lake does not verify. `snowtrail verify` makes them;
/// no rule can, and no evaluation of rules knows whether they hold.
pub const DIGEST_UNVERIFIED: &str = "digest-unverified";

/// Rules that a cluster is given at a time. More would wait in its scheduler, which holds their plans.
const CLUSTER_RULES_MAX: usize = 4;

/// What an evaluation stands on besides the tables of its session. The default is for people: all views, as plans.
#[derive(Debug, Default)]
pub struct Setting {
    /// How views are made.
    pub making: Making,
    /// What is known of events that are not in sight: nothing, where all are.
    pub known: Knowledge,
    /// Whether [`Knowledge::gather`] will be asked for, which needs some views that no rule names.
    pub gathers: bool,
    /// Views that are asked for beside those that rules name.
    pub views: BTreeSet<String>,
    /// With [`Making::Plans`]: the tables and views that are asked for, so that none is made on which these do not stand. To
    /// make the policy's small tables is to look at every event, whatever is asked then. None means that anything may be.
    pub named: Option<BTreeSet<String>>,
    /// From when on the table `local_time` is needed; none means from the first event on.
    pub local_from: Option<Timestamp>,
    /// Where [`Making::Shared`] puts its files: a place that every executor of the cluster reaches.
    pub place: Option<Place>,
    /// Names of the secrets of whom the inventory is needed; none means all.
    pub listed: Option<HashSet<String>>,
}

/// A session with tables, views and the policy's small tables, ready to run rules.
pub struct Engine<'a> {
    session: SessionContext,
    rules: &'a RuleSet,
    policy: &'a Policy,
    now: Timestamp,
    /// What `$now` stands for in the session's SQL.
    moment: Literals,
    making: Making,
    /// Views in files live as long as the engine.
    _store: Store,
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
    /// Prepares a session in which the lake's tables are registered: creates the views and the small tables. With
    /// [`Making::Plans`] only what the setting names, if it does; with anything else the views that an enabled rule or the
    /// setting needs.
    ///
    /// # Errors
    /// When a view is wrong, or the lake cannot be read.
    pub async fn new(
        session: SessionContext,
        rules: &'a RuleSet,
        policy: &'a Policy,
        now: Timestamp,
        setting: &Setting,
    ) -> Result<Engine<'a>> {
        careful(&session);
        let known = |source| RuleError::Sql { file: "what is known".to_owned(), doing: "register", source };
        let store = Store::of(setting.making, setting.place.as_ref())?;
        setting.known.register(&session, &store).await.map_err(known)?;
        listed::register(&session, policy, setting.listed.as_ref(), &store).await?;
        let moment = Prepared::of(&session).map_or_else(|| Literals::now(now), |_| Literals::standing());
        let mut views = Views::new(&session, &rules.views, &moment)?;
        let engine =
            Engine { session, rules, policy, now, moment, making: setting.making, _store: store.clone() };
        let small = engine.leave_out(&mut views, setting)?;
        views.create_possible(&engine.session, &store).await?;
        small::register(&engine.session, policy, setting, &small, &store).await?;
        views.create_possible(&engine.session, &store).await?;
        views.all_created(&engine.session)?;
        Ok(engine)
    }

    /// Leaves out the views that are not needed, and tells which small tables are.
    fn leave_out(&self, views: &mut Views, setting: &Setting) -> Result<Vec<&'static str>> {
        match (self.making, &setting.named) {
            (Making::Plans, None) => Ok(small::names().collect()),
            (Making::Plans, Some(named)) => {
                let reached = views.reached(named);
                let needed: Vec<_> = small::names().filter(|name| reached.contains(*name)).collect();
                let ground = small::grounds_of(&needed, self.policy).into_iter().map(str::to_owned);
                views.keep(&reached.into_iter().chain(ground).collect());
                Ok(needed)
            }
            _ => {
                views.keep(&self.wanted(setting)?);
                Ok(small::names().collect())
            }
        }
    }

    /// The views that the enabled rules, the small tables and the gathering of knowledge name.
    fn wanted(&self, setting: &Setting) -> Result<BTreeSet<String>> {
        let mut wanted: BTreeSet<String> = small::ground_views(self.policy).map(str::to_owned).collect();
        wanted.extend(setting.views.iter().cloned());
        wanted.extend(GATHERED_VIEWS.into_iter().filter(|_| setting.gathers).map(str::to_owned));
        for rule in self.enabled() {
            let sql = self.bound(rule)?;
            wanted.extend(tables_named(&self.session, &rule.file, &sql)?);
        }
        Ok(wanted)
    }

    fn enabled(&self) -> impl Iterator<Item = &'a Rule> {
        let policy = self.policy;
        self.rules.rules.values().filter(move |rule| policy.rule_settings(&rule.header.id).enabled)
    }

    /// The rules that it runs.
    pub fn rules(&self) -> &'a RuleSet {
        self.rules
    }

    /// The policy that it binds.
    pub fn policy(&self) -> &'a Policy {
        self.policy
    }

    /// The time that it judges as of.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What `$now` stands for in the session's SQL.
    pub(crate) fn moment(&self) -> &Literals {
        &self.moment
    }

    /// The session, for SQL by people.
    pub fn session(&self) -> &SessionContext {
        &self.session
    }

    /// Runs every enabled rule. `progress` is told each rule's id before it starts.
    ///
    /// Over tables in memory, which do not share a query's work among cores, rules run side by side; over plans and
    /// files one after the other, because each takes all cores and the more memory the larger the lake. A cluster is
    /// given several at a time, since most of a small rule's time goes into passing its stages around. The order of the
    /// findings hangs on none of this.
    pub async fn evaluate(&self, found_at: Timestamp, mut progress: impl FnMut(&str)) -> Evaluation {
        let mut evaluation = Evaluation::default();
        let disabled = self.rules.rules.keys().filter(|id| !self.policy.rule_settings(id).enabled);
        evaluation.ran.extend(disabled.cloned());
        let side_by_side = match self.making {
            Making::Plans | Making::Files => 1,
            Making::Shared => CLUSTER_RULES_MAX,
            Making::Tables => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let mut running = VecDeque::new();
        for rule in self.enabled() {
            if running.len() == side_by_side {
                self.finish(&mut running, &mut evaluation, found_at).await;
            }
            progress(&rule.header.id);
            running.push_back((rule, self.start(rule, found_at)));
        }
        while !running.is_empty() {
            self.finish(&mut running, &mut evaluation, found_at).await;
        }
        evaluation.findings.sort_by_cached_key(|f| (f.window_start, f.rule.clone(), f.key.clone()));
        evaluation
    }

    async fn finish(&self, running: &mut Running<'a>, evaluation: &mut Evaluation, found_at: Timestamp) {
        let Some((rule, task)) = running.pop_front() else { return };
        let id = &rule.header.id;
        match ended(rule, task).await {
            Ok(findings) => {
                evaluation.findings.extend(findings);
                evaluation.ran.push(id.clone());
            }
            Err(error) => {
                evaluation.findings.push(self.failed(rule, &error, found_at));
                evaluation.failures.push(error);
            }
        }
    }

    /// Runs one rule.
    ///
    /// # Errors
    /// When its SQL fails, its columns are wrong, or two rows have one key.
    pub async fn run(&self, rule: &Rule, found_at: Timestamp) -> Result<Vec<Finding>> {
        ended(rule, self.start(rule, found_at)).await
    }

    fn start(&self, rule: &Rule, found_at: Timestamp) -> SpawnedTask<Result<Vec<Finding>>> {
        let bound = self.bound(rule);
        let (session, rule) = (self.session.clone(), rule.clone());
        SpawnedTask::spawn(async move { run(&session, &rule, &bound?, found_at).await })
    }

    fn bound(&self, rule: &Rule) -> Result<String> {
        let literals = self.moment.clone().and_of_rule(rule, self.policy);
        bind_in(&self.session, &rule.file, &rule.sql, &literals)
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

/// Rules that were started and not finished, in order.
type Running<'r> = VecDeque<(&'r Rule, SpawnedTask<Result<Vec<Finding>>>)>;

async fn ended(rule: &Rule, task: SpawnedTask<Result<Vec<Finding>>>) -> Result<Vec<Finding>> {
    let stopped = |e| RuleError::Sql {
        file: rule.file.clone(),
        doing: "run",
        source: DataFusionError::External(Box::new(e)),
    };
    task.join_unwind().await.map_err(stopped)?
}

async fn run(session: &SessionContext, rule: &Rule, sql: &str, found_at: Timestamp) -> Result<Vec<Finding>> {
    let refused = |doing| move |source| RuleError::Sql { file: rule.file.clone(), doing, source };
    let mut rows = memory::stream(session, sql).await.map_err(refused("plan"))?;
    rows::check_columns(rule, &rows.schema())?;
    let mut findings = Vec::new();
    while let Some(batch) = rows.try_next().await.map_err(refused("run"))? {
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
