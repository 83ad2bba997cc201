//! The inventory file beside the trail: secrets that nobody touched are there, and the newer word stands.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::snowtrail::{snowtrail, text};

const DB: &str = "arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db-a1B2c3";
const LAMBDA: &str = "arn:aws:lambda:us-west-2:111122223333:function:Snowy-Rotation";

/// A call of Secrets Manager about `prod/db`.
fn call(number: u8, at: &str, name: &str, mut parameters: Value) -> Value {
    parameters["secretId"] = json!("prod/db");
    json!({
        "eventVersion": "1.08", "eventType": "AwsApiCall", "eventSource": "secretsmanager.amazonaws.com",
        "eventID": format!("00000000-0000-4000-8000-0000000000{number:02}"), "eventTime": at, "eventName": name,
        "awsRegion": "us-west-2", "recipientAccountId": "111122223333", "sourceIPAddress": "10.0.0.1",
        "userAgent": "aws-cli", "requestParameters": parameters, "responseElements": null, "readOnly": false,
        "managementEvent": true, "eventCategory": "Management",
        "userIdentity": {
            "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/kim", "accountId": "111122223333",
            "principalId": "AIDA", "userName": "kim", "accessKeyId": "AKIA"
        },
    })
}

fn tag(number: u8, at: &str, key: &str, value: &str) -> Value {
    call(number, at, "TagResource", json!({"tags": [{"key": key, "value": value}]}))
}

/// A trail in which October's tags and schedule of `prod/db` are older than the inventory's, and December's newer.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().expect("a folder") };
        let rotate = |number, at, days| {
            let rules = json!({"automaticallyAfterDays": days});
            call(number, at, "RotateSecret", json!({"rotationRules": rules, "rotateImmediately": false}))
        };
        let records = [
            tag(1, "2026-10-01T00:00:00Z", "Removed", "since"),
            tag(2, "2026-10-01T00:00:01Z", "Team", "old"),
            rotate(3, "2026-10-01T00:00:02Z", 90),
            tag(4, "2026-12-01T00:00:00Z", "Env", "prod"),
        ];
        place.write("trail.json", &json!({"Records": records}).to_string());
        place.write("inventory.json", &json!({"SecretList": [listed(), forgotten()]}).to_string());
        snowtrail(&["ingest", text(&place.at("trail.json")), "--lake", text(&place.lake())]).expect_status(0);
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lake(&self) -> PathBuf {
        self.at("lake")
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.at(name), content).expect("a file");
    }

    fn ask(&self, query: &str) -> Vec<Value> {
        let (lake, inventory) = (self.lake(), self.at("inventory.json"));
        let asked =
            ["sql", query, "--lake", text(&lake), "--inventory", text(&inventory), "--format", "json"];
        snowtrail(&asked).expect_status(0).json()
    }
}

fn listed() -> Value {
    json!({
        "ARN": DB, "Name": "prod/db", "CreatedDate": "2025-01-01T00:00:00Z", "LastChangedDate": "2026-11-01T00:00:00Z",
        "RotationEnabled": true, "RotationRules": {"AutomaticallyAfterDays": 30}, "RotationLambdaARN": LAMBDA,
        "LastRotatedDate": "2026-10-30T00:00:00Z", "Tags": [{"Key": "Team", "Value": "new"}], "KmsKeyId": "alias/prod",
    })
}

fn forgotten() -> Value {
    json!({
        "ARN": "arn:aws:secretsmanager:us-east-1:222233334444:secret:prod/forgotten-Zz9Yy8", "Name": "prod/forgotten",
        "CreatedDate": "2024-01-01T00:00:00Z", "LastChangedDate": "2024-01-01T00:00:00Z",
        "LastAccessedDate": "2024-02-01T00:00:00Z", "OwningService": "rds", "Tags": [{"Key": "Env", "Value": "prod"}],
    })
}

#[test]
fn secret_that_the_trail_never_showed_is_in_the_view() {
    let place = Place::new();
    let rows = place.ask(
        "SELECT account_id, aws_region, secret_arn, created_at, first_seen, reads, last_accessed, owning_service, tags, \
         is_listed FROM secrets WHERE secret_name = 'prod/forgotten'",
    );
    assert_eq!(
        rows,
        [json!({
            "account_id": "222233334444", "aws_region": "us-east-1",
            "secret_arn": "arn:aws:secretsmanager:us-east-1:222233334444:secret:prod/forgotten-Zz9Yy8",
            "created_at": "2024-01-01T00:00:00Z", "first_seen": null, "reads": 0,
            "last_accessed": "2024-02-01T00:00:00Z", "owning_service": "rds", "tags": ["Env=prod"], "is_listed": true,
        })]
    );
}

#[test]
fn newer_word_stands_whoever_said_it() {
    let place = Place::new();
    let query = "SELECT tags, rotation_on, rotation_days, rotation_lambda, last_rotated, secret_arn, kms_key_arn \
                 FROM secrets WHERE secret_name = 'prod/db'";
    let listed = json!({
        // Removed is not listed any more; Env came after the list.
        "tags": ["Env=prod", "Team=new"], "rotation_on": true, "rotation_days": 30, "rotation_lambda": LAMBDA,
        "last_rotated": "2026-10-30T00:00:00Z", "secret_arn": DB, "kms_key_arn": "alias/prod",
    });
    assert_eq!(place.ask(query), [listed]);
    let cancelled = call(5, "2026-12-02T00:00:00Z", "CancelRotateSecret", json!({}));
    place.write("later.json", &json!({"Records": [cancelled]}).to_string());
    snowtrail(&["ingest", text(&place.at("later.json")), "--lake", text(&place.lake())]).expect_status(0);
    let row = &place.ask(query)[0];
    assert_eq!((&row["rotation_on"], &row["rotation_days"]), (&json!(false), &Value::Null));
}

#[test]
fn policy_names_the_inventory_beside_it_and_selects_by_its_tags() {
    let place = Place::new();
    let policy = "[organization]\ninventory = [\"inventory.json\"]\n\n[[secrets]]\ntags = { Env = \"prod\" }\nowner = \"snow\"\n";
    place.write("policy.toml", policy);
    let query = "SELECT secret_name, owner FROM secrets ORDER BY secret_name";
    let (lake, file) = (place.lake(), place.at("policy.toml"));
    let asked = ["sql", query, "--lake", text(&lake), "--policy", text(&file), "--format", "json"];
    let owned = |name: &str| json!({"secret_name": name, "owner": "snow"});
    assert_eq!(snowtrail(&asked).expect_status(0).json(), [owned("prod/db"), owned("prod/forgotten")]);
}

#[test]
fn report_on_access_names_listed_secrets_that_nobody_read() {
    let place = Place::new();
    let (lake, inventory) = (place.lake(), place.at("inventory.json"));
    let asked = ["report", "access", "--lake", text(&lake), "--inventory", text(&inventory)];
    let told = snowtrail(&asked).expect_status(0).stdout;
    let unread = told.split("Secrets that nobody read").last().expect("the section");
    assert!(unread.contains("prod/forgotten"), "{told}");
}

#[test]
fn bad_inventory_is_wrong_use_and_says_what_to_do() {
    let place = Place::new();
    let refused = |file: &Path, status: i32| {
        let lake = place.lake();
        let asked = ["sql", "SELECT 1", "--lake", text(&lake), "--inventory", text(file)];
        snowtrail(&asked).expect_status(status).stderr
    };
    let missing = refused(&place.at("nowhere.json"), 3);
    assert!(missing.contains("aws secretsmanager list-secrets"), "{missing}");
    place.write("value.json", r#"{"Name": "prod/db", "SecretString": "hunter2"}"#);
    let other = refused(&place.at("value.json"), 2);
    assert!(other.contains("neither a page (SecretList) nor a secret (ARN)"), "{other}");
    assert!(!other.contains("hunter2"), "{other}");
}
