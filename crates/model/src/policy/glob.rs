//! Patterns of the policy: `*` is any run of characters, `/` included, `?` is any one; everything else is itself.
//!
//! Names of secrets may hold characters that shells and regular expressions give a meaning (`[`, `{`, `!`). Here
//! they have none: a policy that silently meant something else than it says would be worse than a weak language.

use super::error::Complaint;
use globset::{GlobBuilder, GlobMatcher};
use std::fmt;

/// Length of one pattern in bytes. A longer one is refused: no name on AWS comes near.
pub const GLOB_BYTES_MAX: usize = 2_048;

/// A compiled pattern. Two are equal if they were written alike.
#[derive(Clone)]
pub struct Glob {
    text: String,
    matcher: GlobMatcher,
}

impl Glob {
    /// Compiles a pattern. Refuses the empty pattern, control characters and patterns over [`GLOB_BYTES_MAX`].
    pub fn new(text: &str) -> Result<Glob, String> {
        if text.is_empty() {
            return Err("an empty pattern matches nothing; use \"*\" for everything".to_owned());
        }
        if text.len() > GLOB_BYTES_MAX {
            return Err(format!("the pattern is longer than {GLOB_BYTES_MAX} bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err("the pattern holds a control character".to_owned());
        }
        let glob = GlobBuilder::new(&only_star_and_question_mark(text))
            .literal_separator(false)
            .backslash_escape(true)
            .build()
            .map_err(|error| format!("`{text}` is no pattern: {}", error.kind()))?;
        Ok(Glob { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    /// Whether the whole of `name` matches. Upper and lower case differ.
    pub fn matches(&self, name: &str) -> bool {
        self.matcher.is_match(name)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn parse(text: &str) -> Result<Glob, Complaint> {
        Glob::new(text).map_err(Complaint::new)
    }
}

/// Takes the meaning from everything but `*` and `?`. Runs of `*` become one: `**` would be a word of its own.
fn only_star_and_question_mark(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '*' if pattern.ends_with('*') && !pattern.ends_with("\\*") => {}
            '[' | ']' | '{' | '}' | '!' | ',' | '\\' => pattern.extend(['\\', c]),
            _ => pattern.push(c),
        }
    }
    pattern
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.text)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Glob) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, name: &str, expected: bool) {
        assert_eq!(Glob::new(pattern).unwrap().matches(name), expected, "{pattern} on {name}");
    }

    #[test]
    fn star_crosses_slashes_and_matches_nothing_too() {
        check("prod/*", "prod/blizzard/db/password", true);
        check("prod/*", "prod/", true);
        check("prod/*", "stage/prod/x", false);
        check("*/db", "prod/blizzard/db", true);
        check("*", "", true);
        check("**", "a/b/c", true);
        check("a/**/b", "a/b", false);
        check("a/**/b", "a/x/y/b", true);
        check("a?c", "a/c", true);
        check("a?c", "ac", false);
    }

    #[test]
    fn every_other_character_is_itself() {
        for name in ["a[bc]", "{a,b}", "!x", "a\\b", "a\\*", "x]y", "a.b+c(d)$^|", "[", "{", "}", "[!a]"] {
            let pattern = name.replace('*', "?");
            check(&pattern, name, true);
        }
        check("a[bc]", "ab", false);
        check("{a,b}", "a", false);
        check("a.b", "axb", false);
        check("Prod/*", "prod/db", false);
        check("a\\*", "a\\bcd", true);
        check("a\\**", "a\\", true);
    }

    #[test]
    fn patterns_that_cannot_be_meant_are_refused() {
        assert!(Glob::new("").unwrap_err().contains("use \"*\""));
        assert!(Glob::new("a\nb").is_err());
        assert!(Glob::new(&"a".repeat(GLOB_BYTES_MAX + 1)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn text_without_wildcards_matches_itself_only(name in "[^*?\\p{Cc}]{1,40}", other in "[^\\p{Cc}]{0,40}") {
            let glob = Glob::new(&name).unwrap();
            proptest::prop_assert!(glob.matches(&name));
            proptest::prop_assert_eq!(glob.matches(&other), name == other);
        }

        #[test]
        fn any_visible_text_compiles(text in "[^\\p{Cc}]{1,60}") {
            proptest::prop_assert!(Glob::new(&text).is_ok());
        }
    }
}
