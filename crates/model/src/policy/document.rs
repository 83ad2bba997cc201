//! The policy as it was written: a cursor over TOML's own spanned tree.
//!
//! This is the raw half of "raw, then resolved". The tree is walked rather than deserialized with serde because
//! serde stops at the first problem, and a person who mends a policy wants to see them all. A [`Section`] learns
//! which keys exist from the reads that ask for them, so the list of known keys cannot drift from the code.
//! Nothing here knows what a policy means.

use super::duration::parse_duration;
use super::error::{Complaint, PROBLEMS_MAX, PolicyError, Problem, suggestion};
use jiff::SignedDuration;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// The text under examination and what was found wrong with it so far.
pub(super) struct Document<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
    unlisted: Cell<usize>,
}

impl<'t> Document<'t> {
    pub(super) fn new(text: &'t str) -> Document<'t> {
        Document { text, problems: RefCell::default(), unlisted: Cell::new(0) }
    }

    pub(super) fn complain(&self, at: Range<usize>, path: &str, complaint: Complaint) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() >= PROBLEMS_MAX {
            return self.unlisted.set(self.unlisted.get() + 1);
        }
        let (line, column) = self.place(at.start);
        let Complaint { message, hint } = complaint;
        problems.push(Problem { line, column, path: path.to_owned(), message, hint });
    }

    fn place(&self, byte: usize) -> (usize, usize) {
        let before = &self.text.as_bytes()[..byte.min(self.text.len())];
        let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
        let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
        let is_char_start = |b: &&u8| **b & 0xC0 != 0x80;
        (line, 1 + before[line_start..].iter().filter(is_char_start).count())
    }

    /// Gives the resolved value if nothing was wrong, else everything that was.
    pub(super) fn verdict<T>(self, file: &str, resolved: Option<T>) -> Result<T, PolicyError> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        match resolved {
            Some(value) if problems.is_empty() => Ok(value),
            _ => Err(PolicyError { file: file.to_owned(), problems, unlisted: self.unlisted.get() }),
        }
    }
}

/// One table. Ask for its keys with [`Section::get`], then call [`Section::finish`], which refuses all others.
#[must_use = "call `finish`, or unknown keys pass unseen"]
pub(super) struct Section<'t> {
    document: &'t Document<'t>,
    path: String,
    span: Range<usize>,
    table: &'t DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub(super) fn root(document: &'t Document<'t>, table: &'t DeTable<'t>) -> Section<'t> {
        Section { document, path: String::new(), span: 0..0, table, known: Vec::new() }
    }

    /// The value of `key`, if it was written. From now on the key is known.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Field<'t>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let value = self.table.get(key)?;
        Some(Field { document: self.document, path: self.path_of(key), value })
    }

    /// Like [`Section::get`], and says so where the key is missing; `example` shows what to write.
    pub(super) fn require(&mut self, key: &'static str, example: &str) -> Option<Field<'t>> {
        let found = self.get(key);
        if found.is_none() {
            self.complain(
                Complaint::new(format!("`{key}` is missing")).hint(format!("add `{key} = {example}`")),
            );
        }
        found
    }

    /// Every key with its value, for tables whose keys are data. All of them are known from now on.
    pub(super) fn entries(self) -> Vec<(String, Field<'t>)> {
        let field = |key: &str, value| Field { document: self.document, path: self.path_of(key), value };
        self.table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), field(key.get_ref(), value)))
            .collect()
    }

    /// A problem with the table as a whole.
    pub(super) fn complain(&self, complaint: Complaint) {
        self.document.complain(self.span.clone(), &self.path, complaint);
    }

    /// Refuses every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.table.iter().filter(|(key, _)| !self.known.contains(&key.get_ref().as_ref())) {
            let message = format!("unknown key `{}`", key.get_ref().escape_debug());
            let complaint = Complaint { message, hint: suggestion(key.get_ref(), &self.known) };
            self.document.complain(key.span(), &self.path, complaint);
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// One value. Each reading method complains where the type is wrong and then gives nothing.
#[derive(Clone)]
pub(super) struct Field<'t> {
    document: &'t Document<'t>,
    path: String,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Field<'t> {
    pub(super) fn complain(&self, complaint: Complaint) {
        self.document.complain(self.value.span(), &self.path, complaint);
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let value = self.value.get_ref();
        let complaint = Complaint::new(format!("expected {expected}, found {}", name_of_type(value)));
        let written = self.document.text.get(self.value.span()).unwrap_or_default();
        self.complain(match value {
            DeValue::Integer(_) | DeValue::Float(_) if expected == "text" => {
                complaint.hint(format!("put it in quotes: \"{written}\""))
            }
            DeValue::String(_) if expected.starts_with("a list") => {
                complaint.hint(format!("write [{written}]"))
            }
            _ => complaint,
        });
        None
    }

    pub(super) fn text(&self) -> Option<&'t str> {
        self.text_that_is("text")
    }

    /// Text, which the complaint about any other type calls `what`.
    fn text_that_is(&self, what: &str) -> Option<&'t str> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text),
            _ => self.wrong_type(what),
        }
    }

    /// A duration; a bare number is answered with an example, for its unit is anybody's guess.
    pub(super) fn duration(&self) -> Option<SignedDuration> {
        let text = self.text_that_is("a duration such as \"30d\"")?;
        parse_duration(text).map_err(|message| self.complain(Complaint::new(message))).ok()
    }

    /// Text, or one of TOML's own dates and times as its text: both ways of writing a date are natural.
    pub(super) fn text_or_time(&self) -> Option<String> {
        match self.value.get_ref() {
            DeValue::Datetime(time) => Some(time.to_string()),
            _ => self.text().map(str::to_owned),
        }
    }

    /// Text that must not be blank, such as a reason that somebody will look for in a year.
    pub(super) fn words(&self) -> Option<String> {
        let text = self.text()?;
        if text.trim().is_empty() {
            self.complain(Complaint::new("must not be empty"));
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        self.value.get_ref().as_bool().or_else(|| self.wrong_type("true or false"))
    }

    pub(super) fn integer(&self) -> Option<i64> {
        let Some(integer) = self.value.get_ref().as_integer() else {
            return self.wrong_type("a whole number");
        };
        let parsed = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        if parsed.is_none() {
            self.complain(Complaint::new("this number does not fit into 64 bits"));
        }
        parsed
    }

    pub(super) fn float(&self) -> Option<f64> {
        let value = self.value.get_ref();
        let digits = value.as_float().map(|float| float.as_str().to_owned());
        let digits = digits.or_else(|| value.is_integer().then(|| self.integer().map(|i| i.to_string()))?);
        let Some(digits) = digits else { return self.wrong_type("a number") };
        let parsed = digits.parse::<f64>().ok().filter(|float| float.is_finite());
        if parsed.is_none() {
            self.complain(Complaint::new("expected a finite number"));
        }
        parsed
    }

    /// The text, run through `parse`.
    pub(super) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, Complaint>) -> Option<T> {
        let text = self.text()?;
        parse(text).map_err(|complaint| self.complain(complaint)).ok()
    }

    /// The elements of a list.
    pub(super) fn items(&self) -> Vec<Field<'t>> {
        let Some(array) = self.value.get_ref().as_array() else {
            return self.wrong_type("a list").unwrap_or_default();
        };
        self.elements(array)
    }

    fn elements(&self, array: &'t DeArray<'t>) -> Vec<Field<'t>> {
        let field = |(index, value)| Field {
            document: self.document,
            path: format!("{}[{index}]", self.path),
            value,
        };
        array.iter().enumerate().map(field).collect()
    }

    /// The elements of a list of texts, each run through `parse`; what was refused is left out (and complained of).
    pub(super) fn parsed_items<T>(&self, parse: impl Fn(&str) -> Result<T, Complaint>) -> Vec<T> {
        self.items().iter().filter_map(|item| item.parsed(&parse)).collect()
    }

    /// The value as a table.
    pub(super) fn section(&self) -> Option<Section<'t>> {
        let Some(table) = self.value.get_ref().as_table() else { return self.wrong_type("a table") };
        let (document, path, span) = (self.document, self.path.clone(), self.value.span());
        Some(Section { document, path, span, table, known: Vec::new() })
    }

    /// The value as `[[name]]` tables.
    pub(super) fn sections(&self) -> Vec<Section<'t>> {
        if self.value.get_ref().is_table() {
            let message = format!("`{}` is one table, but a list of tables is meant", self.path);
            self.complain(Complaint::new(message).hint(format!("write [[{}]] with two brackets", self.path)));
            return Vec::new();
        }
        self.items().iter().filter_map(Field::section).collect()
    }
}

fn name_of_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
