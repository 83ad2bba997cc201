//! The members of one object of a body, asked for strictly: what has the wrong type or stands there twice is a problem,
//! not a guess. Null is absent, since S3 and EventBridge write both.

use std::borrow::Cow;

use crate::view::View;

/// What is wrong with one field. It names the field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {what}")]
pub(super) struct Problem {
    field: &'static str,
    what: Cow<'static, str>,
}

impl Problem {
    pub(super) fn new(field: &'static str, what: impl Into<Cow<'static, str>>) -> Problem {
        Problem { field, what: what.into() }
    }
}

/// The members of an object, in order.
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, View<'a>)>);

impl<'a> Fields<'a> {
    /// `None` where the value is no object.
    pub(super) fn of(view: View<'a>) -> Option<Fields<'a>> {
        view.is_object().then(|| Fields(view.members().collect()))
    }

    /// The keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_ref())
    }

    /// Whether something stands under the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, value)| name == key && !value.is_null())
    }

    /// Whether the key holds a string for which this is true; whatever else stands there is false.
    pub(super) fn says(&self, key: &str, is: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|(name, value)| name == key && value.text().is_some_and(|text| is(&text)))
    }

    /// The value under the key.
    pub(super) fn get(&self, key: &'static str) -> Result<Option<View<'a>>, Problem> {
        let mut values = self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| *value);
        let value = values.next();
        if values.next().is_some() {
            return Err(Problem::new(key, "stands there twice"));
        }
        Ok(value.filter(|value| !value.is_null()))
    }

    /// The string under the key.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<Cow<'a, str>>, Problem> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        value.text().map(Some).ok_or(Problem::new(key, "is not a string"))
    }

    /// The string that must stand under the key, not empty.
    pub(super) fn required(&self, key: &'static str) -> Result<Cow<'a, str>, Problem> {
        let text = self.text(key)?.ok_or(Problem::new(key, "is missing"))?;
        if text.is_empty() { Err(Problem::new(key, "is empty")) } else { Ok(text) }
    }

    /// The value that must stand under the key and be an object.
    pub(super) fn object_view(&self, key: &'static str) -> Result<View<'a>, Problem> {
        let value = self.get(key)?.ok_or(Problem::new(key, "is missing"))?;
        if value.is_object() { Ok(value) } else { Err(Problem::new(key, "is not an object")) }
    }

    /// The members of the object that must stand under the key.
    pub(super) fn object(&self, key: &'static str) -> Result<Fields<'a>, Problem> {
        self.object_view(key).map(|value| Fields(value.members().collect()))
    }

    /// The value that must stand under the key and be an array.
    pub(super) fn list(&self, key: &'static str) -> Result<View<'a>, Problem> {
        let value = self.get(key)?.ok_or(Problem::new(key, "is missing"))?;
        if value.is_array() { Ok(value) } else { Err(Problem::new(key, "is not a list")) }
    }
}
