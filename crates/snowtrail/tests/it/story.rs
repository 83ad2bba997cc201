//! The README's first command tells the story's incidents, each by its rule, and nothing else.

use crate::snowtrail::{count, keys, snowtrail, text};

const REPLAY: [&str; 4] = ["replay", "testdata/story", "--policy", "testdata/story/policy.toml"];

#[test]
fn story_is_told_as_it_was_composed() {
    let said = snowtrail(&[&REPLAY[..], &["--format", "json"]].concat()).expect_status(0);
    let told: Vec<String> = said
        .json()
        .iter()
        .map(|f| {
            let word = |column: &str| f[column].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} {} {}",
                word("window_start"),
                word("severity"),
                word("rule"),
                word("secret_name"),
                word("principal")
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn findings_for_people_fit_a_screen() {
    insta::assert_snapshot!(snowtrail(&REPLAY).expect_status(0).stdout);
}

#[test]
fn pages_say_who_what_when_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pages, lake) = (folder.path().join("pages.txt"), folder.path().join("lake"));
    let publish = format!("file:{}", text(&pages));
    // As of an hour after the rotation failed: that page is news, what came before it is summed up.
    let arguments = ["--now", "2026-11-06T12:00:00Z", "--lake", text(&lake), "--publish", &publish];
    snowtrail(&[&REPLAY[..], &arguments].concat()).expect_status(0);
    let told = std::fs::read_to_string(&pages).expect("pages").replace(text(&lake), "./lake");
    insta::assert_snapshot!(told);
}

#[test]
fn second_detection_changes_nothing_and_pages_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pages, lake) = (folder.path().join("pages.txt"), folder.path().join("lake"));
    let publish = format!("file:{}", text(&pages));
    snowtrail(&["ingest", "testdata/story", "--lake", text(&lake)]).expect_status(0);
    let detect = [
        "detect",
        "--lake",
        text(&lake),
        "--policy",
        REPLAY[3],
        "--now",
        "2026-11-11T08:00:00Z",
        "--publish",
        &publish,
        "--format",
        "json",
    ];
    let first = snowtrail(&detect).expect_status(0);
    let (revisions, sent) =
        (count(&lake, "SELECT count(*) FROM findings_history"), std::fs::read(&pages).expect("pages"));
    let second = snowtrail(&detect).expect_status(0);
    assert_eq!(keys(&first), keys(&second));
    assert_eq!(count(&lake, "SELECT count(*) FROM findings_history"), revisions);
    assert_eq!(std::fs::read(&pages).expect("pages"), sent);
}

#[test]
fn fail_on_tells_by_the_exit_status() {
    let with = |more: &[&str]| snowtrail(&[&REPLAY[..], &["--format", "csv"], more].concat());
    with(&["--fail-on", "critical"]).expect_status(1);
    // Before the one critical finding, which is of the 7th.
    with(&["--fail-on", "critical", "--now", "2026-11-06T12:00:00Z"]).expect_status(0);
    with(&["--fail-on", "high", "--now", "2026-11-06T12:00:00Z"]).expect_status(1);
}
