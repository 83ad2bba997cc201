//! The arrows between the crates, and what each may stand on. ARCHITECTURE.md draws them; this proves them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::snowtrail::root;

/// Who may name whom inside the workspace.
const ARROWS: [(&str, &[&str]); 7] = [
    ("snowtrail-model", &[]),
    ("snowtrail-trail", &["snowtrail-model"]),
    ("snowtrail-lake", &["snowtrail-model"]),
    ("snowtrail-rules", &["snowtrail-model"]),
    ("snowtrail-page", &["snowtrail-model"]),
    // For the one escape of what a reader would not see: two of them would drift apart.
    ("snowtrail-report", &["snowtrail-page"]),
    (
        "snowtrail",
        &[
            "snowtrail-model",
            "snowtrail-trail",
            "snowtrail-lake",
            "snowtrail-rules",
            "snowtrail-page",
            "snowtrail-report",
        ],
    ),
];

/// What must not be reachable from the light crates, however deep.
const HEAVY: [&str; 8] =
    ["datafusion", "deltalake", "arrow-array", "parquet", "object_store", "tokio", "reqwest", "aws-config"];

/// What only the lake may name: the tables' format is its own.
const LAKES_OWN: [&str; 2] = ["deltalake", "parquet"];

struct Workspace {
    /// Direct normal dependencies by package name.
    named: BTreeMap<String, BTreeSet<String>>,
    /// Everything reachable, by package name.
    reachable: BTreeMap<String, BTreeSet<String>>,
}

fn workspace() -> Workspace {
    // For this machine only: the packages of other platforms were never downloaded here.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata gives JSON");
    let nodes = metadata["resolve"]["nodes"].as_array().expect("a resolved graph");
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .filter_map(|p| Some((p["id"].as_str()?, p["name"].as_str()?)))
        .collect();
    let graph: BTreeMap<&str, Vec<&str>> =
        nodes.iter().filter_map(|n| Some((n["id"].as_str()?, normal_dependencies(n)))).collect();
    let mut workspace = Workspace { named: BTreeMap::new(), reachable: BTreeMap::new() };
    for (id, name) in names.iter().filter(|(_, name)| ARROWS.iter().any(|(member, _)| member == *name)) {
        let direct = graph[id].iter().map(|d| names[d].to_owned()).collect();
        workspace.named.insert((*name).to_owned(), direct);
        let mut seen = BTreeSet::new();
        let mut open = vec![*id];
        while let Some(next) = open.pop() {
            open.extend(graph[next].iter().filter(|d| seen.insert(names[*d].to_owned())));
        }
        workspace.reachable.insert((*name).to_owned(), seen);
    }
    workspace
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    told.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn normal_dependencies(node: &Value) -> Vec<&str> {
    let dependencies = node["deps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let normal =
        |d: &&Value| d["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k["kind"].is_null()));
    dependencies.iter().filter(normal).filter_map(|d| d["pkg"].as_str()).collect()
}

#[test]
fn arrows_between_crates_point_one_way() {
    let workspace = workspace();
    for (member, allowed) in ARROWS {
        let ours = workspace.named[member].iter().filter(|d| ARROWS.iter().any(|(m, _)| m == d));
        let wrong: Vec<&String> = ours.filter(|d| !allowed.contains(&d.as_str())).collect();
        assert!(wrong.is_empty(), "{member} must not depend on {wrong:?}; only snowtrail joins the middle");
    }
}

#[test]
fn light_crates_reach_nothing_heavy() {
    let workspace = workspace();
    for member in ["snowtrail-model", "snowtrail-trail", "snowtrail-page", "snowtrail-report"] {
        let heavy: Vec<&&str> = HEAVY.iter().filter(|h| workspace.reachable[member].contains(**h)).collect();
        assert!(heavy.is_empty(), "{member} reaches {heavy:?}");
    }
}

#[test]
fn only_the_lake_names_delta_and_parquet_and_only_the_binary_names_aws() {
    let workspace = workspace();
    for (member, named) in &workspace.named {
        let delta: Vec<&String> = named.iter().filter(|d| LAKES_OWN.contains(&d.as_str())).collect();
        assert!(delta.is_empty() || member == "snowtrail-lake", "{member} names {delta:?}");
        let aws: Vec<&String> = named.iter().filter(|d| d.starts_with("aws-")).collect();
        assert!(aws.is_empty() || member == "snowtrail", "{member} names {aws:?}");
    }
}

#[test]
fn engine_versions_agree_with_each_other() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    for package in ["datafusion", "arrow-array", "parquet", "object_store", "deltalake-core"] {
        let line = format!("name = \"{package}\"");
        assert_eq!(
            lock.lines().filter(|l| *l == line).count(),
            1,
            "{package} stands in Cargo.lock in two versions"
        );
    }
}

/// The versions of the packages that a lock file has of one family.
fn locked(lock: &str, families: &[&str]) -> BTreeMap<String, String> {
    let packages = lock.split("[[package]]").filter_map(|package| {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_matches(['"', ' ', '=']).to_owned())
        };
        Some((field("name")?, field("version")?))
    });
    packages.filter(|(name, _)| families.iter().any(|family| name.starts_with(family))).collect()
}

#[test]
fn cluster_has_the_engine_that_plans_for_it() {
    let families = ["datafusion", "arrow", "parquet", "object_store", "ballista-core"];
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect(path);
    let (ours, theirs) = (read("Cargo.lock"), read("deploy/ballista/Cargo.lock"));
    let (ours, theirs) = (locked(&ours, &families), locked(&theirs, &families));
    for (package, version) in &theirs {
        let here = ours.get(package);
        assert!(here.is_none_or(|here| here == version), "{package} {version} on the cluster, {here:?} here");
    }
    for package in ["datafusion", "datafusion-proto", "arrow-ipc", "object_store", "ballista-core"] {
        assert!(ours.contains_key(package) && theirs.contains_key(package), "{package} is in one lock only");
    }
}
