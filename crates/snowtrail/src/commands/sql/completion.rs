//! What can follow what was typed: tables and views, the columns of those that the query names, keywords. Pure.
//!
//! Reads words, not SQL: it works on queries that are half written. The columns of a query in brackets or of a common
//! table expression are not known to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::commands::sql::typed::COMMANDS;

/// Keywords that are offered, in the order of a query.
const KEYWORDS: [&str; 42] = [
    "EXPLAIN",
    "WITH",
    "SELECT",
    "DISTINCT",
    "FROM",
    "JOIN",
    "LEFT JOIN",
    "ANTI JOIN",
    "CROSS JOIN",
    "ON",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS",
    "NULL",
    "LIKE",
    "ILIKE",
    "BETWEEN",
    "EXISTS",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "AS",
    "GROUP BY",
    "HAVING",
    "WINDOW",
    "OVER",
    "PARTITION BY",
    "ORDER BY",
    "ASC",
    "DESC",
    "NULLS LAST",
    "LIMIT",
    "UNION ALL",
    "INTERVAL",
    "TIMESTAMP",
    "DATE",
    "VALUES",
];

/// Words that may follow a table's name and are no alias.
const NO_ALIAS: [&str; 16] = [
    "on", "where", "join", "left", "right", "inner", "full", "cross", "anti", "semi", "group", "order",
    "having", "limit", "union", "window",
];

/// Column names that SQL takes for a keyword unless they are quoted.
const QUOTED: [&str; 1] = ["grant"];

/// What there is to complete to.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Columns of each table and view.
    pub relations: BTreeMap<String, Vec<String>>,
    /// Functions.
    pub functions: Vec<String>,
}

impl Names {
    /// Where the word at `at` begins, and what it may become, best first.
    pub fn complete(&self, typed: &str, at: usize) -> (usize, Vec<String>) {
        let before = typed.get(..at).unwrap_or(typed);
        let start =
            before.rfind(|c: char| !is_part_of_name(c)).map_or(0, |found| found + char_bytes(before, found));
        let (before, word) = before.split_at(start);
        if before.trim_start().starts_with('\\') {
            return self.command(before, start, word);
        }
        if is_in_text(before) {
            return (start, Vec::new());
        }
        if let Some(qualified) = before.strip_suffix('.') {
            return (start, self.columns_of(last_word(qualified), typed, word));
        }
        if matches!(last_word(before.trim_end()).to_ascii_lowercase().as_str(), "from" | "join") {
            return (start, matching(self.relations.keys().map(String::as_str), word));
        }
        (start, self.anything(typed, word))
    }

    /// Columns of a table or its alias; of everything, while the query names no table yet: the columns come first.
    fn columns_of(&self, qualifier: &str, typed: &str, word: &str) -> Vec<String> {
        let named = self.named(typed);
        let known = named.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(qualifier));
        let is_open = named.is_empty() && !word.is_empty();
        let meant = |name: &String| known.map_or(is_open, |(_, relation)| relation == name);
        let columns = self.relations.iter().filter(|(name, _)| meant(name)).flat_map(|(_, columns)| columns);
        let mut found = matching(columns.map(String::as_str), word);
        if is_open {
            found.sort();
            found.dedup();
        }
        found
    }

    fn command(&self, before: &str, start: usize, word: &str) -> (usize, Vec<String>) {
        match before.trim_start() {
            "\\" => {
                let mut names: Vec<&str> = COMMANDS.iter().map(|(name, ..)| &name[1..]).collect();
                names.dedup();
                (start, matching(names.into_iter(), word))
            }
            rest if rest.trim_end() == "\\d" => {
                (start, matching(self.relations.keys().map(String::as_str), word))
            }
            _ => (start, Vec::new()),
        }
    }

    /// Columns of what the query names (of everything, where it names nothing yet), then tables, keywords, functions.
    fn anything(&self, typed: &str, word: &str) -> Vec<String> {
        if word.is_empty() {
            return Vec::new();
        }
        let named: BTreeSet<String> = self.named(typed).into_iter().map(|(_, relation)| relation).collect();
        let in_sight = self.relations.iter().filter(|(name, _)| named.is_empty() || named.contains(*name));
        let columns: BTreeSet<&str> = in_sight.flat_map(|(_, columns)| columns).map(String::as_str).collect();
        let mut found = matching(columns.into_iter(), word);
        found.extend(matching(self.relations.keys().map(String::as_str), word));
        let is_lower = word.chars().all(|c| !c.is_ascii_uppercase());
        let keywords = matching(KEYWORDS.into_iter(), word);
        found.extend(keywords.into_iter().map(|k| if is_lower { k.to_ascii_lowercase() } else { k }));
        found.extend(matching(self.functions.iter().map(String::as_str), word).into_iter().map(|f| f + "("));
        let mut seen = BTreeSet::new();
        found.retain(|candidate| seen.insert(candidate.clone()));
        found
    }

    /// The tables and views that a query names, each under its own name and under its alias.
    fn named(&self, typed: &str) -> Vec<(String, String)> {
        let words: Vec<&str> = typed.split(|c: char| !is_part_of_name(c)).filter(|w| !w.is_empty()).collect();
        let mut named = Vec::new();
        for (i, word) in words.iter().enumerate() {
            let relation = word.to_ascii_lowercase();
            let follows = i.checked_sub(1).and_then(|i| words.get(i)).map(|w| w.to_ascii_lowercase());
            if !self.relations.contains_key(&relation) || !matches!(follows.as_deref(), Some("from" | "join"))
            {
                continue;
            }
            let mut next = words[i + 1..].iter().skip_while(|w| w.eq_ignore_ascii_case("as"));
            if let Some(alias) = next.next().filter(|w| !NO_ALIAS.contains(&w.to_ascii_lowercase().as_str()))
            {
                named.push(((*alias).to_owned(), relation.clone()));
            }
            named.push((relation.clone(), relation));
        }
        named
    }
}

fn matching<'n>(names: impl Iterator<Item = &'n str>, word: &str) -> Vec<String> {
    let begins = |name: &&str| name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    names
        .filter(begins)
        .map(|n| if QUOTED.contains(&n) { format!("\"{n}\"") } else { n.to_owned() })
        .collect()
}

fn is_part_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn char_bytes(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

fn last_word(text: &str) -> &str {
    text.rsplit(|c: char| !is_part_of_name(c)).next().unwrap_or_default()
}

/// Whether a text begun by a quote goes on.
fn is_in_text(before: &str) -> bool {
    before.matches('\'').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let columns = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Names {
            relations: BTreeMap::from([
                ("events".to_owned(), columns(&["event_id", "event_time", "grant", "principal"])),
                ("reads".to_owned(), columns(&["event_time", "principal", "secret_name"])),
                ("rejects".to_owned(), columns(&["reason"])),
            ]),
            functions: columns(&["count", "regexp_like"]),
        }
    }

    /// Completes at the `|`.
    fn complete(typed: &str) -> Vec<String> {
        let at = typed.find('|').unwrap();
        let (start, found) = names().complete(&typed.replace('|', ""), at);
        assert!(typed.is_char_boundary(start) && start <= at);
        found
    }

    #[test]
    fn after_from_and_join_come_tables() {
        assert_eq!(complete("SELECT * FROM re|"), ["reads", "rejects"]);
        assert_eq!(complete("select * from events join |"), ["events", "reads", "rejects"]);
    }

    #[test]
    fn after_a_dot_come_the_columns_of_the_table_or_its_alias() {
        assert_eq!(complete("SELECT r.s| FROM reads r"), ["secret_name"]);
        assert_eq!(complete("SELECT r.| FROM reads AS r WHERE"), ["event_time", "principal", "secret_name"]);
        assert_eq!(complete("SELECT e.event_| FROM reads r JOIN events e ON"), ["event_id", "event_time"]);
        assert_eq!(complete("SELECT reads.p| FROM reads WHERE"), ["principal"]);
        assert_eq!(complete("SELECT e.gr| FROM events e"), ["\"grant\""]);
        assert!(complete("SELECT x.| FROM reads r").is_empty());
        assert!(complete("SELECT x.s| FROM reads r").is_empty());
        assert_eq!(complete("SELECT x.s|"), ["secret_name"]);
    }

    #[test]
    fn elsewhere_come_columns_of_what_is_named_then_tables_keywords_functions() {
        assert_eq!(complete("SELECT re|"), ["reason", "reads", "rejects", "regexp_like("]);
        assert_eq!(complete("SELECT sec| FROM reads"), ["secret_name"]);
        assert!(complete("SELECT reas| FROM reads").is_empty());
        assert_eq!(complete("SELECT * FROM reads wh|"), ["where", "when"]);
        assert_eq!(complete("SELECT * FROM reads GRO|"), ["GROUP BY"]);
        assert_eq!(complete("SELECT cou|"), ["count("]);
        assert!(complete("SELECT |").is_empty());
    }

    #[test]
    fn nothing_comes_inside_a_text_and_no_letter_is_cut() {
        assert!(complete("SELECT 'it''s re|").is_empty());
        assert_eq!(complete("SELECT 'ä' , secret_n|"), ["secret_name"]);
        assert!(complete("SELECT äre|").len() <= 4);
    }

    #[test]
    fn commands_are_completed_too() {
        assert_eq!(complete("\\t|"), ["timing"]);
        assert_eq!(complete("\\d re|"), ["reads", "rejects"]);
        assert!(complete("\\q |").is_empty());
    }
}
