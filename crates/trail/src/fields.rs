//! The members of one JSON object of a message or a digest, asked for strictly: what has the wrong type or stands there
//! twice is a problem, not a guess. Null is absent, since S3, EventBridge and CloudTrail write both.

use std::borrow::Cow;

use crate::view::View;

/// What is wrong with one field. It names the field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {what}")]
pub(crate) struct Problem {
    field: &'static str,
    what: Cow<'static, str>,
}

impl Problem {
    pub(crate) fn new(field: &'static str, what: impl Into<Cow<'static, str>>) -> Problem {
        Problem { field, what: what.into() }
    }
}

/// The members of an object, in order.
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, View<'a>)>);

impl<'a> Fields<'a> {
    /// `None` where the value is no object.
    pub(crate) fn of(view: View<'a>) -> Option<Fields<'a>> {
        view.is_object().then(|| Fields(view.members().collect()))
    }

    /// The keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_ref())
    }

    /// Whether something stands under the key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, value)| name == key && !value.is_null())
    }

    /// Whether the key holds a string for which this is true; whatever else stands there is false.
    pub(crate) fn says(&self, key: &str, is: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|(name, value)| name == key && value.text().is_some_and(|text| is(&text)))
    }

    /// The value under the key.
    pub(crate) fn get(&self, key: &'static str) -> Result<Option<View<'a>>, Problem> {
        let mut values = self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| *value);
        let value = values.next();
        if values.next().is_some() {
            return Err(Problem::new(key, "stands there twice"));
        }
        Ok(value.filter(|value| !value.is_null()))
    }

    /// The string under the key.
    pub(crate) fn text(&self, key: &'static str) -> Result<Option<Cow<'a, str>>, Problem> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        value.text().map(Some).ok_or(Problem::new(key, "is not a string"))
    }

    /// The string that must stand under the key, not empty.
    pub(crate) fn required(&self, key: &'static str) -> Result<Cow<'a, str>, Problem> {
        let text = self.text(key)?.ok_or(Problem::new(key, "is missing"))?;
        if text.is_empty() { Err(Problem::new(key, "is empty")) } else { Ok(text) }
    }

    /// The value that must stand under the key and be an object.
    pub(crate) fn object_view(&self, key: &'static str) -> Result<View<'a>, Problem> {
        let value = self.get(key)?.ok_or(Problem::new(key, "is missing"))?;
        if value.is_object() { Ok(value) } else { Err(Problem::new(key, "is not an object")) }
    }

    /// The members of the object that must stand under the key.
    pub(crate) fn object(&self, key: &'static str) -> Result<Fields<'a>, Problem> {
        self.object_view(key).map(|value| Fields(value.members().collect()))
    }

    /// The value that must stand under the key and be an array.
    pub(crate) fn list(&self, key: &'static str) -> Result<View<'a>, Problem> {
        let value = self.get(key)?.ok_or(Problem::new(key, "is missing"))?;
        if value.is_array() { Ok(value) } else { Err(Problem::new(key, "is not a list")) }
    }
}
