//! What stands in a cell: typed, so that people get words and machines get numbers from the same report.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Number, Value as Json};

/// One value. Text may be an attacker's.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not known, or none.
    Nothing,
    /// A name, a word, a sentence.
    Text(String),
    /// How many.
    Count(u64),
    /// US dollars.
    Usd(f64),
    /// A part of a whole, 0 to 1.
    Share(f64),
    /// A moment. People see minutes, machines all of it; UTC.
    Time(Timestamp),
    /// A length of time.
    Length(SignedDuration),
    /// Yes or no.
    Flag(bool),
}

impl Value {
    /// Text, or nothing where it is empty.
    pub fn text(text: impl Into<String>) -> Value {
        let text = text.into();
        if text.is_empty() { Value::Nothing } else { Value::Text(text) }
    }

    /// For machines that read text: numbers without separators, times in full, seconds, true and false.
    pub fn plain(&self) -> String {
        match self {
            Value::Nothing => String::new(),
            Value::Text(text) => text.clone(),
            Value::Count(count) => count.to_string(),
            Value::Usd(usd) => format!("{usd:.6}"),
            Value::Share(share) => format!("{share:.4}"),
            Value::Time(at) => at.to_string(),
            Value::Length(length) => length.as_secs().to_string(),
            Value::Flag(flag) => flag.to_string(),
        }
    }

    /// For machines that read JSON. Lengths are seconds.
    pub fn json(&self) -> Json {
        let float = |number: f64| Number::from_f64(number).map_or(Json::Null, Json::Number);
        match self {
            Value::Nothing => Json::Null,
            Value::Count(count) => Json::from(*count),
            // A millionth of a dollar is one twentieth of the cheapest call: more digits are noise of the machine's.
            Value::Usd(usd) => float((usd * 1e6).round() / 1e6),
            Value::Share(share) => float((share * 1e4).round() / 1e4),
            Value::Length(length) => Json::from(length.as_secs()),
            Value::Flag(flag) => Json::from(*flag),
            Value::Text(_) | Value::Time(_) => Json::from(self.plain()),
        }
    }
}

/// For people.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nothing => f.write_str("–"),
            Value::Text(text) => f.write_str(text),
            Value::Count(count) => f.write_str(&grouped(*count)),
            Value::Usd(usd) => f.write_str(&dollars(*usd)),
            Value::Share(share) => write!(f, "{:.0} %", share * 100.0),
            Value::Time(at) => write!(f, "{}", at.strftime("%Y-%m-%d %H:%MZ")),
            Value::Length(length) => f.write_str(&length_in_words(*length)),
            Value::Flag(true) => f.write_str("yes"),
            Value::Flag(false) => f.write_str("no"),
        }
    }
}

/// `12,345`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Cents where there are any; below that as many digits as it takes to see that it is not nothing.
fn dollars(usd: f64) -> String {
    match usd.abs() {
        0.0 => "$0".to_owned(),
        small if small < 0.000_1 => "under $0.0001".to_owned(),
        small if small < 0.1 => format!("${usd:.4}"),
        large if large >= 1_000.0 => {
            // Rounded to whole dollars and not negative, so the cast keeps it; a float beyond u64 is no bill.
            format!("${}", grouped(usd.round().max(0.0) as u64))
        }
        _ => format!("${usd:.2}"),
    }
}

/// The two largest units: `3 d 4 h`, `12 min`, `40 s`.
pub(crate) fn length_in_words(length: SignedDuration) -> String {
    let seconds = length.as_secs().unsigned_abs();
    let sign = if length.is_negative() { "−" } else { "" };
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let first = units.iter().position(|(_, size)| seconds >= *size).unwrap_or(units.len() - 1);
    let mut rest = seconds;
    let mut words = Vec::new();
    for (name, size) in units.iter().skip(first).take(2) {
        if rest / size > 0 || words.is_empty() {
            words.push(format!("{} {name}", grouped(rest / size)));
        }
        rest %= size;
    }
    format!("{sign}{}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_words_and_machines_numbers() {
        let check = |value: Value, people: &str, plain: &str, json: &str| {
            assert_eq!(value.to_string(), people);
            assert_eq!(value.plain(), plain);
            assert_eq!(value.json().to_string(), json);
        };
        check(Value::Nothing, "–", "", "null");
        check(Value::Count(1_234_567), "1,234,567", "1234567", "1234567");
        check(Value::Usd(0.012_34), "$0.0123", "0.012340", "0.01234");
        check(Value::Usd(0.000_01), "under $0.0001", "0.000010", "0.00001");
        check(Value::Usd(12_345.6), "$12,346", "12345.600000", "12345.6");
        check(Value::Share(0.256), "26 %", "0.2560", "0.256");
        let length = |seconds| Value::Length(SignedDuration::from_secs(seconds));
        check(length(273_600), "3 d 4 h", "273600", "273600");
        check(length(720), "12 min", "720", "720");
        check(length(0), "0 s", "0", "0");
        check(length(-90), "−1 min 30 s", "-90", "-90");
        let at = "2026-11-04T21:04:09Z".parse().expect("a time");
        check(Value::Time(at), "2026-11-04 21:04Z", "2026-11-04T21:04:09Z", "\"2026-11-04T21:04:09Z\"");
        check(Value::Flag(true), "yes", "true", "true");
    }
}
