//! Why a finding has its severity, as far as its rule and its detail say. Pure.

use serde_json::Value;
use snowtrail_rules::Rule;

/// Facts in a finding's detail that rules let decide about severity.
const DECIDING: [&str; 6] =
    ["sensitivity", "decoy", "break_glass", "severity_why", "severity_because", "why"];

/// Sentences: the rule's severity, the facts that decide, and what the rule's description says of this severity.
pub fn why(severity: &str, detail: &Value, rule: Option<&Rule>) -> Vec<String> {
    let mut why = Vec::new();
    why.push(match rule.map(|rule| rule.header.severity.as_str()) {
        None => severity.to_owned(),
        Some(usual) if usual == severity => format!("{severity}, the rule's own"),
        Some(usual) => format!("{severity}, where the rule's own is {usual}"),
    });
    for fact in DECIDING {
        match detail.get(fact) {
            Some(Value::Bool(true)) => why.push(format!("{}: yes", fact.replace('_', " "))),
            Some(Value::String(text)) => why.push(format!("{}: {text}", fact.replace('_', " "))),
            _ => {}
        }
    }
    let description = rule.map(|rule| rule.header.description.as_str()).unwrap_or_default();
    let told = sentences(description).into_iter().filter(|sentence| names(sentence, severity));
    why.extend(told.map(|sentence| format!("the rule says: {sentence}")));
    why
}

fn sentences(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let ends = |word: &&str| word.ends_with('.') && !matches!(*word, "e.g." | "i.e.");
    words.split_inclusive(|word| ends(word)).map(|words| words.join(" ")).collect()
}

fn names(sentence: &str, severity: &str) -> bool {
    let mut words = sentence.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words.any(|word| word == severity)
}

#[cfg(test)]
mod tests {
    use snowtrail_rules::RuleSet;

    use super::*;

    #[test]
    fn rule_detail_and_description_say_why() {
        let rules = RuleSet::shipped().unwrap();
        let rule = &rules.rules["unexpected-reader"];
        let detail =
            serde_json::json!({ "decoy": false, "break_glass": true, "sensitivity": "high", "reads": 1 });
        let why = why("low", &detail, Some(rule));
        assert_eq!(why[..3], ["low, where the rule's own is high", "sensitivity: high", "break glass: yes"]);
        assert!(why[3].starts_with("the rule says: ") && why[3].contains("at low severity"), "{why:?}");
    }

    #[test]
    fn a_rule_that_is_gone_leaves_the_word() {
        assert_eq!(why("high", &Value::Null, None), ["high"]);
    }
}
