//! Whether a rule is judged alike in its scope and whole, on its own fixtures.
//!
//! For each entity of the scope that a fixture holds (a principal, a secret's name) the rule is run over nothing but what
//! the scope lets a tick see, and must give what the whole evaluation gave about it; and each finding must be given by
//! what lies within the declared window and history. A wrong scope is seen only where a fixture shows it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use jiff::Timestamp;
use snowtrail_model::Finding;
use snowtrail_rules::answers::rows;
use snowtrail_rules::scope::{Reach, Touched};
use snowtrail_rules::watch::Ground;
use snowtrail_rules::{Engine, Rule, Scope, Watch};

/// Entities that are tried of a fixture, those with findings first. Others would say nothing new.
const ENTITIES_MAX: usize = 3;

/// What differs, if anything does. `whole` are the whole evaluation's findings of all rules.
pub(super) async fn difference(
    engine: &Engine<'_>,
    rule: &Rule,
    whole: &[Finding],
) -> anyhow::Result<Option<String>> {
    let scope = rule.header.scope;
    if scope == Scope::All {
        return Ok(None);
    }
    let watch = Watch::gather(engine, Vec::new()).await?.context("the fixture has too many landmarks")?;
    let ground = Ground {
        rules: engine.rules(),
        policy: engine.policy(),
        now: engine.now(),
        found_at: engine.now(),
        kept_from: None,
        stored: &BTreeMap::new(),
        // Each fixture has a policy of its own: what is planned for one serves no other.
        prepared: None,
        lake: engine.session(),
    };
    let whole: Vec<&Finding> = whole.iter().filter(|f| f.rule == rule.header.id).collect();
    for touched in entities(engine, scope, &whole).await? {
        let scoped = watch.in_scope(&rule.header.id, touched.clone(), Timestamp::UNIX_EPOCH, &ground).await?;
        let expected = whole.iter().copied().filter(|f| touched.holds(scope, f));
        if let Some(text) = compared(expected, &scoped) {
            return Ok(Some(format!("in scope `{scope}` of {touched:?} the rule judges otherwise:{text}")));
        }
    }
    let reach = Reach::of(rule, engine.policy());
    for finding in whole.into_iter().take(ENTITIES_MAX) {
        let since = finding.window_start.saturating_sub(reach.history).unwrap_or(Timestamp::UNIX_EPOCH);
        let scoped = watch.in_scope(&rule.header.id, of(scope, finding), since, &ground).await?;
        if !scoped.iter().any(|f| (&f.key, f.severity) == (&finding.key, finding.severity)) {
            let key = &finding.key;
            return Ok(Some(format!("the declared history is too short for {} {key}", finding.severity)));
        }
    }
    Ok(None)
}

/// The entities to try: those of findings, then others that occur.
async fn entities(engine: &Engine<'_>, scope: Scope, whole: &[&Finding]) -> anyhow::Result<Vec<Touched>> {
    let mut entities: Vec<Touched> = Vec::new();
    let mut add = |touched: Touched| {
        if !entities.contains(&touched) && entities.len() < ENTITIES_MAX {
            entities.push(touched);
        }
    };
    whole.iter().for_each(|finding| add(of(scope, finding)));
    match scope {
        Scope::Principal => {
            let seen =
                texts(engine, "SELECT DISTINCT principal FROM events WHERE principal IS NOT NULL").await?;
            seen.into_iter().for_each(|name| add(principal(name)));
        }
        Scope::Secret => {
            let seen = texts(engine, "SELECT DISTINCT secret_name FROM secret_names").await?;
            seen.into_iter().for_each(|name| add(secret(name)));
        }
        Scope::Landmarks | Scope::All => add(Touched { landmarks: true, ..Touched::default() }),
    }
    Ok(entities)
}

fn of(scope: Scope, finding: &Finding) -> Touched {
    match scope {
        Scope::Principal => finding.principal.clone().map_or_else(Touched::default, principal),
        Scope::Secret => finding.secret_name.clone().map_or_else(Touched::default, secret),
        Scope::Landmarks | Scope::All => Touched { landmarks: true, ..Touched::default() },
    }
}

fn principal(name: String) -> Touched {
    Touched { principals: BTreeSet::from([Some(name)]), ..Touched::default() }
}

fn secret(name: String) -> Touched {
    Touched { secrets: BTreeSet::from([name]), ..Touched::default() }
}

async fn texts(engine: &Engine<'_>, sql: &str) -> anyhow::Result<BTreeSet<String>> {
    let rows = rows(engine.session(), sql).await?;
    Ok(rows.iter().filter_map(|row| row.get(0).map(str::to_owned)).collect())
}

fn compared<'f>(expected: impl Iterator<Item = &'f Finding>, found: &[Finding]) -> Option<String> {
    let plain = |f: &Finding| format!("{} {}", f.severity, f.key);
    let expected: BTreeSet<String> = expected.map(plain).collect();
    let found: BTreeSet<String> = found.iter().map(plain).collect();
    let list = |title: &str, keys: Vec<&String>| -> String {
        keys.iter().map(|key| format!("\n    {title} {key}")).collect()
    };
    (expected != found).then(|| {
        let missing = list("missing", expected.difference(&found).collect());
        format!("{missing}{}", list("unexpected", found.difference(&expected).collect()))
    })
}
