//! What is wrong with a policy file: every problem at once, each with its place and what to do about it.
//!
//! Printing is left to the caller; [`PolicyError`]'s `Display` is the text that a terminal shows.

use std::fmt;

/// Problems listed in one error. What comes after them is counted, not shown: a file with more is not a policy.
pub const PROBLEMS_MAX: usize = 100;

/// A policy file that was refused, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    /// The file's name as the user gave it.
    pub file: String,
    /// What is wrong, in the order of the file; at most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// How many more there were.
    pub unlisted: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Where in the document, such as `secrets[0].readers[2]` (counted from 0); empty for the file itself.
    pub path: String,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl PolicyError {
    /// Keeps the first problem of each line. A slip of syntax makes the parser stumble over the rest of its line,
    /// and only the first complaint is about the slip.
    pub(super) fn first_of_each_line(mut self) -> PolicyError {
        self.problems.dedup_by_key(|problem| problem.line);
        self
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len() + self.unlisted;
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "policy `{}` has {count} {noun}", self.file)?;
        for problem in &self.problems {
            write!(f, "\n{}:{problem}", self.file)?;
        }
        if self.unlisted > 0 {
            write!(f, "\nand {} more", self.unlisted)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// What a parser of one value says when it refuses; the document adds the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>) -> Complaint {
        Complaint { message: message.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Complaint {
        Complaint { hint: Some(hint.into()), ..self }
    }
}

/// The known word nearest to what was written, if one is near enough to be what was meant.
pub(super) fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Words longer than any that we know cannot be slips of one; comparing them would cost their length squared.
    const WRITTEN_BYTES_MAX: usize = 100;
    if written.len() > WRITTEN_BYTES_MAX {
        return None;
    }
    let distance_max = 1 + written.chars().count() / 3;
    let scored = known.into_iter().map(|word| (strsim::osa_distance(written, word), word));
    scored.filter(|(distance, _)| *distance <= distance_max).min().map(|(_, word)| word)
}

/// "did you mean …?" for the nearest word, the list of all words where none is near; none where no word is known.
pub fn suggestion(written: &str, known: &[&str]) -> Option<String> {
    if known.is_empty() {
        return None;
    }
    Some(match nearest(written, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known here: {}", known.join(", ")),
    })
}
