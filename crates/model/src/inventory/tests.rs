//! Facts about inventory files: every shape that they come in, and what each slip is answered with.

use proptest::prelude::*;

use super::*;

const ARN: &str = "arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db-a1B2c3";

fn entry(fields: &str) -> String {
    format!(r#"{{"ARN": "{ARN}", "Name": "prod/db"{fields}}}"#)
}

fn read(text: &str) -> Result<Inventory, InventoryError> {
    let mut inventory = Inventory::default();
    inventory.read(text, "secrets.json").map(|()| inventory)
}

fn refusal(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn page_of_the_command_line_gives_every_fact() {
    let inventory = read(
        r#"{"SecretList": [{
            "ARN": "arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db-a1B2c3", "Name": "prod/db",
            "Description": "a database", "KmsKeyId": "alias/prod", "RotationEnabled": true,
            "RotationLambdaARN": "arn:aws:lambda:us-west-2:111122223333:function:Snowy-Rotation",
            "RotationRules": {"AutomaticallyAfterDays": 30, "ScheduleExpression": "rate(30 days)"},
            "LastRotatedDate": "2026-09-01T02:00:00.125000-07:00", "LastChangedDate": 1788253200.5,
            "LastAccessedDate": "2026-10-01T17:00:00-07:00", "CreatedDate": "2025-01-01T00:00:00Z",
            "Tags": [{"Key": "Team", "Value": "snow"}, {"Key": "Env", "Value": "prod"}],
            "SecretVersionsToStages": {"v1": ["AWSPREVIOUS"], "v2": ["AWSCURRENT", "own"]},
            "PrimaryRegion": "us-west-2", "OwningService": "rds"
        }]}"#,
    );
    let inventory = inventory.unwrap();
    let secret = inventory.secrets().next().unwrap();
    assert_eq!((secret.account_id.as_str(), secret.aws_region.as_str()), ("111122223333", "us-west-2"));
    assert_eq!((secret.name.as_str(), secret.arn.as_str()), ("prod/db", ARN));
    assert_eq!(secret.as_of, at("2026-09-01T09:00:00.5Z"));
    assert_eq!(secret.last_rotated_at, Some(at("2026-09-01T09:00:00.125Z")));
    assert_eq!(secret.last_accessed_at, Some(at("2026-10-02T00:00:00Z")));
    assert_eq!(secret.created_at, Some(at("2025-01-01T00:00:00Z")));
    assert_eq!((secret.rotation_enabled, secret.rotation_days), (true, Some(30)));
    assert_eq!(secret.rotation_schedule.as_deref(), Some("rate(30 days)"));
    assert_eq!(secret.current_version.as_deref(), Some("v2"));
    let pairs = [("Env", "prod"), ("Team", "snow")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(secret.tags, pairs);
    assert_eq!(
        (secret.kms_key.as_deref(), secret.owning_service.as_deref()),
        (Some("alias/prod"), Some("rds"))
    );
}

#[test]
fn pages_come_alone_in_a_row_in_a_list_or_wrapped() {
    let one = entry("");
    let other = one.replace("prod/db", "prod/web").replace("us-west-2", "us-east-1");
    let (first, second) =
        (format!(r#"{{"SecretList": [{one}]}}"#), format!(r#"{{"SecretList": [{other}]}}"#));
    let more = first.replacen('{', r#"{"NextToken": "abc", "#, 1);
    for text in [
        format!(r#"{{"SecretList": [{one}, {other}]}}"#),
        format!("{more}\n{second}"),
        format!("[{more}, {second}]"),
        format!(r#"{{"111122223333": {{"us-west-2": {first}, "us-east-1": {second}}}}}"#),
        format!("[{one}, {other}]"),
        format!("{one}\n{other}\n"),
    ] {
        let inventory = read(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let names: Vec<&str> = inventory.secrets().map(|secret| secret.name.as_str()).collect();
        assert_eq!(names, ["prod/web", "prod/db"], "{text}");
    }
}

#[test]
fn every_slip_says_where_it_is_and_what_to_do() {
    let page = |entries: &str| format!(r#"{{"SecretList": [{entries}]}}"#);
    let cut = format!(r#"{{"NextToken": "x", "SecretList": [{}]}}"#, entry(""));
    let told = [
        String::new(),
        "{\"SecretList\": [".to_owned(),
        "secret,arn\n".to_owned(),
        r#"{"SecretString": "hunter2"}"#.to_owned(),
        r#"{"SecretList": {}}"#.to_owned(),
        page(r#"{"Name": "prod/db"}"#),
        page(r#""prod/db""#),
        page(&entry("").replace("-a1B2c3", "")),
        page(&entry("").replace(r#""Name": "prod/db""#, r#""Name": "prod/web""#)),
        page(&entry(r#", "CreatedDate": "yesterday""#)),
        page(&entry(r#", "RotationRules": {"AutomaticallyAfterDays": -1}"#)),
        page(&entry(r#", "Tags": {"Team": "snow"}"#)),
        page(&entry(r#", "RotationEnabled": "yes""#)),
        cut,
    ]
    .map(|text| refusal(&text))
    .join("\n\n");
    assert!(!told.contains("hunter2"), "a value came out");
    insta::assert_snapshot!(told);
}

#[test]
fn problems_beyond_what_anybody_reads_are_counted() {
    let entries = vec!["1"; PROBLEMS_MAX + 5].join(",");
    assert!(refusal(&format!(r#"{{"SecretList": [{entries}]}}"#)).ends_with("\n  and 5 more"));
}

#[test]
fn rotation_after_no_days_is_none() {
    let of = |days: u16| entry(&format!(r#", "RotationRules": {{"AutomaticallyAfterDays": {days}}}"#));
    let days = |text: &str| read(text).unwrap().secrets().next().and_then(|secret| secret.rotation_days);
    assert_eq!((days(&of(0)), days(&of(1_000))), (None, Some(1_000)));
}

#[test]
fn refused_file_adds_nothing() {
    let mut inventory = Inventory::default();
    inventory.read(&format!("[{}, {{}}]", entry("")), "secrets.json").unwrap_err();
    assert!(inventory.is_empty());
}

#[test]
fn later_entry_stands_whatever_the_order() {
    let of = |changed: &str| entry(&format!(r#", "LastChangedDate": "{changed}", "KmsKeyId": "{changed}""#));
    let (old, new) = (of("2026-01-01T00:00:00Z"), of("2026-02-01T00:00:00Z"));
    for files in [[&old, &new], [&new, &old]] {
        let mut inventory = Inventory::default();
        files.iter().for_each(|file| inventory.read(file, "secrets.json").unwrap());
        let keys: Vec<_> = inventory.secrets().map(|secret| secret.kms_key.clone().unwrap()).collect();
        assert_eq!(keys, ["2026-02-01T00:00:00Z"]);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in r#"[\[\]{}",:0-9a-zA-Z]{0,60}"#) {
        let _ = read(&text);
    }

    #[test]
    fn no_value_of_a_field_makes_the_reader_panic(
        key in "CreatedDate|LastChangedDate|Tags|RotationRules|KmsKeyId|SecretVersionsToStages|RotationEnabled",
        value in r#"(null|true|-?[0-9]{1,30}(\.[0-9]{1,3})?|"[a-zA-Z0-9:.\-]{0,30}"|\[\]|\[1\]|\{"a": 1\})"#,
    ) {
        let _ = read(&format!(r#"{{"SecretList": [{}]}}"#, entry(&format!(r#", "{key}": {value}"#))));
    }
}
