//! `docs/faults.md` promises tests by name; this keeps the promise from going stale.

use crate::snowtrail::root;

#[test]
fn every_test_that_the_table_of_faults_names_exists() {
    let table = std::fs::read_to_string(root().join("docs/faults.md")).expect("the table");
    let rows: Vec<&str> =
        table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #")).collect();
    assert_eq!(rows.len(), 48);
    for row in rows {
        let shown = row.rsplit(" | ").next().unwrap_or_default();
        for name in shown.split('`').skip(1).step_by(2).filter(|name| name.contains("::")) {
            let (module, test) = name.split_once("::").expect("module::test");
            let tests = root().join("crates/snowtrail/tests/it");
            let places = ["aws/", "verify/", ""].map(|folder| tests.join(format!("{folder}{module}.rs")));
            let text = places.iter().find_map(|place| std::fs::read_to_string(place).ok());
            let text = text.unwrap_or_else(|| panic!("no file for {name}"));
            assert!(text.contains(&format!("fn {test}(")), "{name} is not there");
        }
        for path in shown.split('`').skip(1).step_by(2).filter(|name| name.starts_with("crates/")) {
            assert!(root().join(path).exists(), "{path} is not there");
        }
    }
}
