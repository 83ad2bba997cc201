//! IAM policy documents of roles, as far as they grant something about secrets and their keys.
//!
//! Sources: IAM User Guide, "JSON policy element reference" (Action, NotAction, Resource; `*` and `?` in both; actions
//! without regard to case). Conditions, permission boundaries and Deny statements are not weighed: what is listed as granted
//! may be less than that, never more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value as Json;
use snowtrail_model::policy::Glob;

use crate::output::Usage;

/// Bytes of one document. IAM's own largest has 10,240 characters; a larger file is something else.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// One pair of an action and a resource that a statement allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// The statement: its Sid, or its number.
    pub statement: String,
    /// The action, maybe a pattern.
    pub action: String,
    /// The resource, maybe a pattern.
    pub resource: String,
}

/// The grants of each role, by its name.
#[derive(Debug, Default)]
pub struct Grants(BTreeMap<String, Vec<Grant>>);

impl Grants {
    /// Reads `FOLDER/ROLE.json` and `FOLDER/ROLE/*.json`.
    ///
    /// # Errors
    /// When a file cannot be read or is no policy document.
    pub fn read(folder: &Path) -> anyhow::Result<Grants> {
        let mut grants = Grants::default();
        for path in entries(folder)? {
            let role = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let files = if path.is_dir() { entries(&path)? } else { vec![path] };
            for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "json")) {
                grants.0.entry(role.clone()).or_default().extend(document(file)?);
            }
        }
        if grants.0.is_empty() {
            let message = format!(
                "`{}` holds no policy document; put ROLE.json or ROLE/*.json there",
                folder.display()
            );
            return Err(anyhow::Error::new(Usage(message)));
        }
        Ok(grants)
    }

    /// What a role is granted; none where there is no document of it. The role is known by the last part of its ARN.
    pub fn of(&self, principal: &str) -> Option<&[Grant]> {
        self.0.get(principal.rsplit('/').next().unwrap_or(principal)).map(Vec::as_slice)
    }

    /// The roles that there are documents of.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Grant {
    /// Whether it allows an action on a resource.
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        matches(&self.action.to_lowercase(), &action.to_lowercase()) && matches(&self.resource, resource)
    }

    /// Whether it is a pattern that may allow more than one thing.
    pub fn is_wide(&self) -> bool {
        let is_pattern = |text: &str| text.contains(['*', '?']);
        // The six characters that end a secret's ARN are random: a pattern for these is as narrow as can be.
        let resource = self.resource.trim_end_matches("-??????").trim_end_matches("-*");
        is_pattern(&self.action) || (is_pattern(resource) && !is_without_resource(&self.action))
    }
}

/// Actions that IAM knows no resource of: `*` is all that they can be granted on.
fn is_without_resource(action: &str) -> bool {
    let of = [
        "secretsmanager:batchgetsecretvalue",
        "secretsmanager:listsecrets",
        "secretsmanager:getrandompassword",
    ];
    of.contains(&action.to_lowercase().as_str())
}

fn matches(pattern: &str, text: &str) -> bool {
    Glob::new(pattern).is_ok_and(|glob| glob.matches(text))
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let failed = || format!("failed to read the folder `{}`", folder.display());
    let mut paths = Vec::new();
    for entry in folder.read_dir().with_context(failed)? {
        paths.push(entry.with_context(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn document(file: &Path) -> anyhow::Result<Vec<Grant>> {
    let name = file.display();
    let failed = || format!("failed to read policy document `{name}`");
    if file.metadata().with_context(failed)?.len() > DOCUMENT_BYTES_MAX {
        return Err(anyhow::Error::new(Usage(format!("`{name}` is too large to be a policy document"))));
    }
    let text = std::fs::read_to_string(file).with_context(failed)?;
    let json: Json = serde_json::from_str(&text)
        .map_err(|error| anyhow::Error::new(Usage(format!("`{name}` is no policy document: {error}"))))?;
    // What the AWS CLI prints wraps the document: get-role-policy, get-policy-version.
    let document = [&json["PolicyDocument"], &json["PolicyVersion"]["Document"], &json];
    let statements =
        document.into_iter().map(|document| &document["Statement"]).find(|found| !found.is_null());
    let Some(statements) = statements else {
        return Err(anyhow::Error::new(Usage(format!(
            "`{name}` is no policy document: it has no Statement"
        ))));
    };
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(list(statements).into_iter().enumerate().flat_map(|(at, one)| grants(one, at + 1, &stem)).collect())
}

fn grants(statement: &Json, number: usize, file: &str) -> Vec<Grant> {
    if statement["Effect"].as_str() != Some("Allow") {
        return Vec::new();
    }
    let name = statement["Sid"].as_str().map_or_else(|| format!("{file} #{number}"), str::to_owned);
    // What is not excluded is granted: as wide as can be, and told as such.
    let texts = |key: &str, not: &str| match (statement.get(key), statement.get(not)) {
        (Some(value), _) => list(value).into_iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        (None, Some(_)) => vec!["*".to_owned()],
        (None, None) => Vec::new(),
    };
    let actions: Vec<String> = texts("Action", "NotAction");
    let resources: Vec<String> = texts("Resource", "NotResource");
    let concerns = |action: &&String| {
        let service = action.split(':').next().unwrap_or_default().to_lowercase();
        ["secretsmanager", "kms"].iter().any(|known| matches(&service, known))
    };
    let pairs = actions
        .iter()
        .filter(concerns)
        .flat_map(|action| resources.iter().map(|resource| (action.clone(), resource.clone())));
    pairs.map(|(action, resource)| Grant { statement: name.clone(), action, resource }).collect()
}

/// A list, or one alone.
fn list(value: &Json) -> Vec<&Json> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_from_documents_and_from_what_the_cli_prints() {
        let folder = tempfile::tempdir().expect("a folder");
        let role = folder.path().join("Snowy-Cart-TaskRole");
        std::fs::create_dir(&role).expect("a folder");
        let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).expect("written");
        let inline = r#"{"Statement":{"Sid":"Read","Effect":"Allow","Action":"secretsmanager:Get*","Resource":["a","b"]}}"#;
        write("Snowy-Cart-TaskRole/inline.json", inline);
        let printed = r#"{"PolicyDocument":{"Statement":[
            {"Effect":"Allow","NotAction":"iam:*","Resource":"*"},
            {"Effect":"Deny","Action":"*","Resource":"*"},
            {"Effect":"Allow","Action":["s3:GetObject"],"Resource":"*"}]}}"#;
        write("Icicle-Role.json", printed);
        let grants = Grants::read(folder.path()).expect("grants");
        let cart = grants.of("arn:aws:iam::111122223333:role/Snowy-Cart-TaskRole").expect("grants");
        assert_eq!(cart.len(), 2);
        assert!(
            cart[0].allows("secretsmanager:GetSecretValue", "a")
                && !cart[0].allows("secretsmanager:PutSecretValue", "a")
        );
        let icicle = grants.of("Icicle-Role").expect("grants");
        assert_eq!(icicle.len(), 1);
        assert!(icicle[0].is_wide());
        assert!(grants.of("nobody").is_none());
    }

    #[test]
    fn random_end_of_a_secret_is_no_width() {
        let grant = |action: &str, resource: &str| Grant {
            statement: String::new(),
            action: action.to_owned(),
            resource: resource.to_owned(),
        };
        let secret = "arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db";
        assert!(!grant("secretsmanager:GetSecretValue", &format!("{secret}-??????")).is_wide());
        assert!(!grant("secretsmanager:ListSecrets", "*").is_wide());
        assert!(grant("secretsmanager:GetSecretValue", &format!("{secret}*")).is_wide());
        assert!(grant("secretsmanager:*", secret).is_wide());
    }
}
