//! Other people's captures, where they are: every record is an event, out of scope, or a reject with a reason, and
//! only files on the committed list may hold a reject.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::decode;

/// Path below the corpus = why its rejects are right.
const LIST: &str = include_str!("../corpus-rejects.toml");

#[test]
fn only_listed_files_of_the_corpus_hold_a_reject() {
    let Some(corpus) = std::env::var_os("SNOWTRAIL_CORPUS").map(PathBuf::from) else {
        println!("skipped: SNOWTRAIL_CORPUS names no folder of captures");
        return;
    };
    let listed: BTreeMap<String, String> = toml::from_str(LIST).unwrap();
    let mut files = Vec::new();
    collect(&corpus, &mut files);
    assert!(!files.is_empty(), "no file in {}", corpus.display());
    let (mut records, mut events, mut holding) = (0, 0, BTreeMap::new());
    for path in files {
        let outcome = decode(fs::read(&path).unwrap());
        records += outcome.summary.records;
        events += outcome.summary.events;
        if !outcome.rejects.is_empty() {
            let told: Vec<_> =
                outcome.rejects.iter().map(|r| format!("{}: {}", r.reason.as_str(), r.detail)).collect();
            holding.insert(path.strip_prefix(&corpus).unwrap().display().to_string(), told);
        }
    }
    let unlisted: Vec<_> = holding.iter().filter(|(path, _)| !listed.contains_key(*path)).collect();
    assert!(unlisted.is_empty(), "rejects in files that are not listed: {unlisted:#?}");
    let idle: Vec<_> = listed.keys().filter(|path| !holding.contains_key(*path)).collect();
    assert!(idle.is_empty(), "listed without a reject: {idle:#?}");
    println!("{records} records, {events} events");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, files);
        } else if name != "README.md" && name != "index.jsonl" && !name.ends_with(".meta.ndjson") {
            files.push(path);
        }
    }
}
