//! What a person typed at the prompt: a query that goes on, a query, or a command with a backslash. Pure.

use std::path::PathBuf;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// The commands, each with what it takes and does, in the order of the help.
pub const COMMANDS: [(&str, &str, &str); 8] = [
    ("\\d", "", "tables and views, and what a row of each is"),
    ("\\d", "NAME", "columns of a table or view: type and meaning"),
    ("\\hunts", "", "saved questions; run one as: snowtrail sql --hunt NAME"),
    ("\\o", "FILE", "the next query's rows into a file: .csv, .json or .parquet, as its name ends"),
    ("\\o", "", "the next query's rows onto the screen after all"),
    ("\\timing", "", "say how long queries take, or stop saying it"),
    ("\\?", "", "this help"),
    ("\\q", "", "leave; so do quit, exit and Ctrl-D"),
];

/// What is to be done once a line is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// Nothing yet: the query goes on.
    Unfinished,
    /// Nothing at all.
    Empty,
    /// Run it.
    Query(String),
    /// List the tables and views.
    Relations,
    /// Describe one of them.
    Relation(String),
    /// List the hunts.
    Hunts,
    /// Where the next rows go; none means the screen.
    Output(Option<PathBuf>),
    /// Tell times, or stop it.
    Timing,
    /// Say what can be typed.
    Help,
    /// Go.
    Leave,
    /// Say that there is no such command.
    Unknown,
}

/// Reads everything that was typed since the last command or query.
pub fn read(typed: &str) -> Typed {
    let trimmed = typed.trim();
    match trimmed {
        "" => return Typed::Empty,
        "quit" | "exit" => return Typed::Leave,
        _ if trimmed.starts_with('\\') => return command(trimmed),
        _ => {}
    }
    if is_complete(trimmed) { Typed::Query(trimmed.to_owned()) } else { Typed::Unfinished }
}

fn command(typed: &str) -> Typed {
    let (word, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    // People who know other prompts end commands with a semicolon too.
    let (word, rest) = (word.trim_end_matches(';'), rest.trim().trim_end_matches(';').trim_end());
    match (word, rest) {
        ("\\d", "") => Typed::Relations,
        ("\\d", name) => Typed::Relation(name.trim_matches('"').to_owned()),
        ("\\hunts", "") => Typed::Hunts,
        ("\\o", "") => Typed::Output(None),
        ("\\o", path) => Typed::Output(Some(PathBuf::from(path))),
        ("\\timing", "") => Typed::Timing,
        ("\\?", "") => Typed::Help,
        ("\\q", "") => Typed::Leave,
        _ => Typed::Unknown,
    }
}

/// Whether the last thing is a semicolon that ends the query, and no part of a text or a comment.
fn is_complete(typed: &str) -> bool {
    match Tokenizer::new(&GenericDialect {}, typed).tokenize() {
        Ok(tokens) => {
            tokens.iter().rfind(|token| !matches!(token, Token::Whitespace(_))) == Some(&Token::SemiColon)
        }
        // A text or a comment goes on; of anything else that is no SQL the engine will say what is wrong.
        Err(error) => {
            let goes_on = ["Unterminated", "Unclosed", "EOF"].iter().any(|word| error.message.contains(word));
            !goes_on && typed.ends_with(';')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_goes_on_until_a_semicolon_that_is_no_part_of_a_text() {
        let query = |typed: &str| Typed::Query(typed.to_owned());
        for (typed, expected) in [
            ("SELECT 1", Typed::Unfinished),
            ("SELECT 1\nFROM events;", query("SELECT 1\nFROM events;")),
            ("SELECT 'a;", Typed::Unfinished),
            ("SELECT 'a;\n';", query("SELECT 'a;\n';")),
            ("SELECT 1 -- that is it;", Typed::Unfinished),
            ("SELECT 1; -- that is it", query("SELECT 1; -- that is it")),
            ("SELECT /* ;", Typed::Unfinished),
            ("  \n ", Typed::Empty),
        ] {
            assert_eq!(read(typed), expected, "{typed}");
        }
    }

    #[test]
    fn commands_need_no_semicolon_and_bear_one() {
        for (typed, expected) in [
            ("\\d", Typed::Relations),
            ("\\d reads;", Typed::Relation("reads".to_owned())),
            ("\\o /tmp/a b.csv", Typed::Output(Some(PathBuf::from("/tmp/a b.csv")))),
            ("\\o", Typed::Output(None)),
            ("\\timing", Typed::Timing),
            ("\\q", Typed::Leave),
            ("exit", Typed::Leave),
            ("\\x", Typed::Unknown),
        ] {
            assert_eq!(read(typed), expected, "{typed}");
        }
    }
}
