//! A lazy look at JSON text that the scanner has already found valid: members, elements, strings, on demand.
//!
//! No tree and no copies, because most of a record is never asked for. It validates nothing: on text that is not
//! JSON it gives nonsense or nothing, but never panics and never loops.

use std::borrow::Cow;

use crate::text::{end_of_string, unescape};

/// Most objects inside records have no more members than this; larger ones grow.
const OBJECT_MEMBERS: usize = 8;

/// One JSON value, as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View<'a>(&'a str);

impl<'a> View<'a> {
    /// Of validated text; white space around the value is fine.
    pub(crate) fn new(text: &'a str) -> View<'a> {
        View(text.trim_matches([' ', '\n', '\r', '\t']))
    }

    /// Of the exact text of a value, as the scanner noted it.
    pub(crate) fn exact(text: &'a str) -> View<'a> {
        View(text)
    }

    /// The value's text.
    pub(crate) fn raw(self) -> &'a str {
        self.0
    }

    fn first(self) -> u8 {
        self.0.as_bytes().first().copied().unwrap_or(0)
    }

    pub(crate) fn is_null(self) -> bool {
        self.first() == b'n'
    }

    pub(crate) fn is_object(self) -> bool {
        self.first() == b'{'
    }

    pub(crate) fn is_array(self) -> bool {
        self.first() == b'['
    }

    pub(crate) fn is_string(self) -> bool {
        self.first() == b'"'
    }

    /// The string's text with escapes undone; `None` where the value is no string.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self.0.as_bytes() {
            [b'"', inner @ .., b'"'] => self.0.get(1..=inner.len()).map(unescape),
            _ => None,
        }
    }

    /// The string's text where it is not empty.
    pub(crate) fn filled(self) -> Option<String> {
        self.text().filter(|text| !text.is_empty()).map(Cow::into_owned)
    }

    /// A boolean, or a string that spells one: CloudTrail writes both.
    pub(crate) fn bool(self) -> Option<bool> {
        match self.0.trim_matches('"') {
            "true" | "True" => Some(true),
            "false" | "False" => Some(false),
            _ => None,
        }
    }

    /// A whole number, or a string that spells one.
    pub(crate) fn int(self) -> Option<i32> {
        self.0.trim_matches('"').parse().ok()
    }

    /// The members, if this is an object.
    pub(crate) fn members(self) -> Members<'a> {
        Members { text: self.0, at: usize::from(self.is_object()), open: self.is_object() }
    }

    /// The elements, if this is an array.
    pub(crate) fn elements(self) -> Elements<'a> {
        Elements { text: self.0, at: usize::from(self.is_array()), open: self.is_array() }
    }

    /// The members, collected for repeated look-ups; empty for anything that is no object.
    pub(crate) fn object(self) -> Object<'a> {
        let mut members = Vec::with_capacity(if self.is_object() { OBJECT_MEMBERS } else { 0 });
        members.extend(self.members());
        Object(members)
    }

    /// The strings of an array, or the one string itself.
    pub(crate) fn strings(self) -> Vec<String> {
        if self.is_string() {
            return self.text().map(Cow::into_owned).into_iter().collect();
        }
        self.elements().filter_map(|element| element.text().map(Cow::into_owned)).collect()
    }
}

/// An object's members, for repeated look-ups. The first of two members of one name is the one that is found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, View<'a>)>);

impl<'a> Object<'a> {
    /// The value under exactly this key, unless it is null.
    pub(crate) fn get(&self, key: &str) -> Option<View<'a>> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, view)| *view).filter(|view| !view.is_null())
    }

    /// The value under this key whatever its case (`arn`, `aRN`, `ARN`), unless it is null.
    pub(crate) fn get_any_case(&self, key: &str) -> Option<View<'a>> {
        let found = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, view)| *view).filter(|view| !view.is_null())
    }

    /// The non-empty string under this key, whatever the key's case.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.get_any_case(key)?.filled()
    }

    /// The object under this key, whatever the key's case; empty where there is none.
    pub(crate) fn object(&self, key: &str) -> Object<'a> {
        self.get_any_case(key).map(View::object).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Iterates an object.
pub(crate) struct Members<'a> {
    text: &'a str,
    at: usize,
    open: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, View<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.open {
            return None;
        }
        self.open = false;
        let key_start = skip_separators(self.text, self.at);
        let key_end = end_of_value(self.text.as_bytes(), key_start)?;
        let key = View(self.text.get(key_start..key_end)?).text()?;
        let start = skip_separators(self.text, key_end);
        let end = end_of_value(self.text.as_bytes(), start)?;
        let value = View(self.text.get(start..end)?);
        (self.at, self.open) = (end, true);
        Some((key, value))
    }
}

/// Iterates an array.
pub(crate) struct Elements<'a> {
    text: &'a str,
    at: usize,
    open: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = View<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.open {
            return None;
        }
        self.open = false;
        let start = skip_separators(self.text, self.at);
        let end = end_of_value(self.text.as_bytes(), start)?;
        let value = View(self.text.get(start..end)?);
        (self.at, self.open) = (end, true);
        Some(value)
    }
}

fn skip_separators(text: &str, mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t' | b',' | b':') = text.as_bytes().get(at) {
        at += 1;
    }
    at
}

/// The end of the value that starts at `at`; `None` where none does (a closing bracket, the end).
pub(crate) fn end_of_value(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => end_of_string(bytes, at + 1).ok(),
        b'{' | b'[' => end_of_nested(bytes, at),
        b'}' | b']' => None,
        _ => {
            let rest = bytes.get(at..)?;
            let length =
                rest.iter().position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'));
            Some(at + length.unwrap_or(rest.len()))
        }
    }
}

fn end_of_nested(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0u64;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = end_of_string(bytes, at + 1).ok()?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_come_in_order_with_escapes_undone() {
        let view = View::new(r#" { "a\"b" : [1, "two", {"x":[]}, null ] ,"c":true } "#);
        let object = view.object();
        let list = object.get("a\"b").unwrap();
        let raws: Vec<&str> = list.elements().map(View::raw).collect();
        assert_eq!(raws, ["1", "\"two\"", "{\"x\":[]}", "null"]);
        assert_eq!(object.get("c").and_then(View::bool), Some(true));
        assert_eq!(list.strings(), ["two"]);
    }

    #[test]
    fn keys_are_found_whatever_their_case_and_null_is_absent() {
        let object = View::new(r#"{"aRN":"x","name":null}"#).object();
        assert_eq!(object.text("arn").as_deref(), Some("x"));
        assert!(object.get_any_case("Name").is_none());
    }

    #[test]
    fn nonsense_gives_nothing_and_does_not_hang() {
        for text in ["", "{", "{\"a\"", "[", "{]", "[}", "{\"a\":}", "\"", "nul", "{,,,", "[[[["] {
            let view = View::new(text);
            assert!(view.members().count() + view.elements().count() < 5, "{text}");
            let _ = (view.text(), view.bool(), view.int());
        }
    }
}
