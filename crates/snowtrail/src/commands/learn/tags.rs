//! What a secret's tags say about its contract. Pure.

use snowtrail_model::policy::{SecretKind, Sensitivity};

use super::contract::{Contract, Stated};

/// Tags that name an owner, the most telling first; compared without case.
const OWNER_TAGS: [&str; 4] = ["owner", "team", "service", "application"];
/// Tags that name a sensitivity.
const SENSITIVITY_TAGS: [&str; 3] = ["sensitivity", "classification", "criticality"];
/// Tags that name a kind.
const KIND_TAGS: [&str; 4] = ["type", "secrettype", "secret-type", "kind"];
/// Other words for the policy's kinds.
const KIND_WORDS: [(&str, &str); 10] = [
    ("db", "database"),
    ("rds", "database"),
    ("aurora", "database"),
    ("postgres", "database"),
    ("postgresql", "database"),
    ("mysql", "database"),
    ("token", "api-token"),
    ("api-key", "api-token"),
    ("apikey", "api-token"),
    ("oauth-client", "oauth"),
];

/// States owner, sensitivity and type where a tag does.
pub fn state(tags: &[(String, String)], contract: &mut Contract) {
    contract.owner = find(tags, &OWNER_TAGS, |value| Some(value.to_owned()));
    let word = |known: &[&str], value: &str| known.iter().find(|w| **w == value).map(|w| (*w).to_owned());
    contract.sensitivity =
        find(tags, &SENSITIVITY_TAGS, |value| word(Sensitivity::WORDS, &value.to_lowercase()));
    contract.kind = find(tags, &KIND_TAGS, |value| {
        let value = value.to_lowercase();
        let other = KIND_WORDS.iter().find(|(said, _)| *said == value).map(|(_, means)| (*means).to_owned());
        word(SecretKind::WORDS, &value).or(other)
    });
}

fn find(tags: &[(String, String)], keys: &[&str], read: impl Fn(&str) -> Option<String>) -> Option<Stated> {
    keys.iter().find_map(|wanted| {
        let tag =
            tags.iter().find(|(key, value)| key.to_lowercase() == *wanted && !value.trim().is_empty())?;
        Some(Stated { value: read(&tag.1)?, why: format!("tag {}={}", tag.0, tag.1) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(tags: &[(&str, &str)]) -> [Option<String>; 3] {
        let tags: Vec<(String, String)> =
            tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut contract = Contract::default();
        state(&tags, &mut contract);
        [contract.owner, contract.sensitivity, contract.kind].map(|stated| stated.map(|s| s.value))
    }

    #[test]
    fn tags_name_owner_sensitivity_and_type() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            stated(&[("Service", "cart"), ("Team", "checkout"), ("Sensitivity", "High"), ("Type", "rds")]),
            [text("checkout"), text("high"), text("database")]
        );
        assert_eq!(stated(&[("Owner", " "), ("Sensitivity", "secret"), ("Type", "x")]), [None, None, None]);
    }
}
