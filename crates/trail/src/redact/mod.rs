//! Secret values never reach a table: what looks like one is replaced before a record or a reject leaves this crate.
//!
//! Two kinds of marks, both data (`scope.toml`): keys whose value is a secret (`secretString`, `…password`), and
//! texts that are a credential wherever they stand (`ghp_…`, a PEM header). One search over the raw text decides
//! whether a record needs the slow, rewriting path; nearly none does. AWS's own placeholder stays, since it says that
//! nothing was there. STS writes the `sessionToken` that it hands out into every AssumeRole record: it is removed too,
//! but does not flag the record, or every role session would be flagged.

mod loose;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::memmem;

use self::loose::{is_harmless, replace_loose_keys, without_ascii_code_points};
use crate::scope::{CallEntry, RedactionEntry, ValueEntry};
use crate::text::{end_of_string, unescape};
use crate::view::end_of_value;

/// What stands in place of a secret value.
pub const REDACTED: &str = "REDACTED_BY_SNOWTRAIL";

/// AWS's own placeholder.
const HIDDEN_BY_AWS: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The call that a text belongs to: some keys hold a secret in one call only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallName<'a> {
    pub(crate) source: &'a str,
    pub(crate) name: &'a str,
}

/// Finds and replaces secret values.
#[derive(Debug, Clone)]
pub(crate) struct Redactor {
    /// Lower case.
    keys: Vec<String>,
    key_finder: AhoCorasick,
    calls: Vec<(CallEntry, AhoCorasick)>,
    values: Vec<ValueEntry>,
    value_finder: AhoCorasick,
}

impl Redactor {
    pub(crate) fn new(entry: RedactionEntry) -> Result<Redactor, String> {
        let keys: Vec<String> = entry.keys.iter().map(|key| key.to_ascii_lowercase()).collect();
        let starts: Vec<&str> = entry.values.iter().map(|value| value.start.as_str()).collect();
        if keys.iter().any(String::is_empty) || starts.iter().any(|start| start.is_empty()) {
            return Err("an empty word would match everything".to_owned());
        }
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&starts);
        let value_finder = finder.map_err(|error| error.to_string())?;
        let calls = entry.calls.into_iter().map(|call| Ok((call.clone(), key_finder(&call.keys)?)));
        let calls = calls.collect::<Result<Vec<_>, String>>()?;
        Ok(Redactor { key_finder: key_finder(&keys)?, keys, calls, values: entry.values, value_finder })
    }

    /// Whether the raw JSON of a record may hold a credential's text. Escapes by code point hide anything, so they
    /// count as suspicious.
    pub(crate) fn suspects_values(&self, raw: &str) -> bool {
        self.value_finder.is_match(raw) || has_code_point_escape(raw)
    }

    /// JSON text without secret values and, where it was pretty-printed, without line breaks. `suspect` is the answer
    /// of [`Redactor::suspects_values`] for the record; `flag` is set where something was replaced.
    pub(crate) fn json(&self, raw: &str, call: CallName<'_>, suspect: bool, flag: &mut bool) -> String {
        let call_keys = self.call_keys(call);
        let is_pretty = memchr::memchr(b'\n', raw.as_bytes()).is_some();
        if !suspect && !is_pretty && call_keys.is_empty() && !self.key_finder.is_match(raw) {
            return raw.to_owned();
        }
        let rewrite =
            Rewrite { redactor: self, call, call_keys, raw, out: String::with_capacity(raw.len()), flag };
        rewrite.run()
    }

    /// The text with every credential in it replaced; `None` where there is none.
    pub(crate) fn text(&self, text: &str) -> Option<String> {
        self.replace_values(text, |_| text.len(), true)
    }

    /// The first bytes of something rejected, as text, without secret values. The bytes may be anything, so this works
    /// on the look of keys and quotes, at whatever level of escaping, and rather removes too much.
    pub(crate) fn excerpt(&self, bytes: &[u8], bytes_max: usize) -> String {
        // More than is kept, so that a key whose name would be cut is still seen.
        let margin = bytes.get(..bytes_max + bytes_max / 4).unwrap_or(bytes);
        let text = String::from_utf8_lossy(margin);
        let text =
            if has_code_point_escape(&text) { without_ascii_code_points(&text) } else { text.into_owned() };
        let mut text = self.loose(&text);
        for (call, finder) in &self.calls {
            if text.contains(call.name.as_str()) {
                text = replace_loose_keys(&text, finder).unwrap_or(text);
            }
        }
        text.truncate(text.floor_char_boundary(bytes_max));
        text
    }

    /// Secret values in text that only looks like JSON.
    fn loose(&self, text: &str) -> String {
        let keyed = replace_loose_keys(text, &self.key_finder);
        let keyed = keyed.as_deref().unwrap_or(text);
        let to_quote =
            |at: usize| keyed.get(at..).and_then(|rest| rest.find('"')).map_or(keyed.len(), |q| at + q);
        self.replace_values(keyed, to_quote, false).unwrap_or_else(|| keyed.to_owned())
    }

    fn call_keys(&self, call: CallName<'_>) -> &[String] {
        let found =
            self.calls.iter().find(|(entry, _)| entry.source == call.source && entry.name == call.name);
        found.map_or(&[], |(entry, _)| entry.keys.as_slice())
    }

    fn is_secret_key(&self, key: &str, call_keys: &[String]) -> bool {
        let lower = key.to_ascii_lowercase();
        self.keys.iter().any(|secret| lower.ends_with(secret.as_str()))
            || call_keys.iter().any(|secret| secret.eq_ignore_ascii_case(key))
    }

    /// Replaces credentials; `whole_end` says how far one reaches that takes the whole string with it.
    fn replace_values(
        &self,
        text: &str,
        whole_end: impl Fn(usize) -> usize,
        from_start: bool,
    ) -> Option<String> {
        let (mut out, mut kept) = (String::new(), 0);
        for found in self.value_finder.find_iter(text) {
            let Some(entry) = self.values.get(found.pattern().as_usize()) else { continue };
            if found.start() < kept {
                continue;
            }
            let (start, end) = if entry.whole {
                (if from_start { 0 } else { found.start() }, whole_end(found.end()))
            } else {
                let Some(end) = end_of_credential(text, found.end(), entry) else { continue };
                (found.start(), end)
            };
            out.push_str(text.get(kept..start).unwrap_or(""));
            out.push_str(REDACTED);
            kept = end;
        }
        (kept > 0).then(|| out + text.get(kept..).unwrap_or(""))
    }
}

fn key_finder(keys: &[String]) -> Result<AhoCorasick, String> {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(keys)
        .map_err(|error| error.to_string())
}

fn has_code_point_escape(raw: &str) -> bool {
    memmem::find(raw.as_bytes(), b"\\u").is_some()
}

/// The end of the credential whose start ends at `at`; `None` where too little follows.
fn end_of_credential(text: &str, at: usize, entry: &ValueEntry) -> Option<usize> {
    let rest = text.get(at..)?;
    let gap = if entry.assigned {
        rest.len() - rest.trim_start_matches(['=', ':', ' ', '"', '\'', '\\']).len()
    } else {
        0
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./+=".contains(c);
    let follow = rest.get(gap..)?;
    let length = follow.find(|c| !is_part(c)).unwrap_or(follow.len());
    (length >= entry.follow_min).then_some(at + gap + length)
}

/// One pass over validated JSON text, token by token.
struct Rewrite<'a> {
    redactor: &'a Redactor,
    call: CallName<'a>,
    call_keys: &'a [String],
    raw: &'a str,
    out: String,
    flag: &'a mut bool,
}

impl Rewrite<'_> {
    fn run(mut self) -> String {
        let mut at = 0;
        while let Some(&byte) = self.raw.as_bytes().get(at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => at += 1,
                b'"' => at = self.string(at),
                _ => {
                    // Outside strings JSON is ASCII.
                    self.out.push(char::from(byte));
                    at += 1;
                }
            }
        }
        self.out
    }

    /// Copies a string (and the secret value behind it, replaced); says where to go on.
    fn string(&mut self, start: usize) -> usize {
        let bytes = self.raw.as_bytes();
        let end = end_of_string(bytes, start + 1).unwrap_or(bytes.len());
        let text = unescape(self.raw.get(start + 1..end.saturating_sub(1)).unwrap_or(""));
        match self.redactor.text(&text).or_else(|| self.nested(&text)) {
            None => self.out.push_str(self.raw.get(start..end).unwrap_or("")),
            Some(clean) => {
                *self.flag = true;
                push_quoted(&mut self.out, &clean);
            }
        }
        let colon = self.skip_space(end);
        if bytes.get(colon) != Some(&b':') {
            return end;
        }
        let value = self.skip_space(colon + 1);
        if !self.redactor.is_secret_key(&text, self.call_keys) {
            return end;
        }
        self.secret(&text, value)
    }

    /// Replaces the value at `start`, unless it says nothing.
    fn secret(&mut self, key: &str, start: usize) -> usize {
        self.out.push(':');
        let Some(end) = end_of_value(self.raw.as_bytes(), start) else { return start };
        let value = self.raw.get(start..end).unwrap_or("");
        if is_harmless(value.trim_matches('"')) {
            self.out.push_str(value);
            return end;
        }
        let is_expected = self.call.source == "sts.amazonaws.com" && key.eq_ignore_ascii_case("sessionToken");
        *self.flag |= !is_expected;
        push_quoted(&mut self.out, REDACTED);
        end
    }

    /// JSON inside a string: a key there is a key too.
    fn nested(&self, text: &str) -> Option<String> {
        let is_json_like = text.trim_start().starts_with(['{', '[']);
        if !is_json_like {
            return None;
        }
        let clean = self.redactor.loose(text);
        (clean != text).then_some(clean)
    }

    fn skip_space(&self, mut at: usize) -> usize {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.raw.as_bytes().get(at) {
            at += 1;
        }
        at
    }
}

/// Appends a JSON string.
fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use crate::Scope;

    use super::*;

    fn json(source: &str, name: &str, raw: &str) -> (String, bool) {
        let scope = Scope::shipped();
        let redactor = scope.redactor();
        let mut flag = false;
        let text = redactor.json(raw, CallName { source, name }, redactor.suspects_values(raw), &mut flag);
        (text, flag)
    }

    #[test]
    fn secret_values_are_replaced_and_the_rest_stays_as_it_was() {
        for (raw, expected) in [
            (
                r#"{"secretId":"a","SecretString":"hunter2"}"#,
                r#"{"secretId":"a","SecretString":"REDACTED_BY_SNOWTRAIL"}"#,
            ),
            (
                r#"{"secret\u0053tring":{"a":["x"]},"b":1}"#,
                r#"{"secret\u0053tring":"REDACTED_BY_SNOWTRAIL","b":1}"#,
            ),
            (r#"{"masterUserPassword" : 1234 }"#, r#"{"masterUserPassword":"REDACTED_BY_SNOWTRAIL"}"#),
            (
                r#"{"description":"my ghp_0123456789abcdefghijABCDEF here"}"#,
                r#"{"description":"my REDACTED_BY_SNOWTRAIL here"}"#,
            ),
            (r#"{"d":"\u0067hp_0123456789abcdefghijABCDEF"}"#, r#"{"d":"REDACTED_BY_SNOWTRAIL"}"#),
            (r#"{"d":"x -----BEGIN RSA PRIVATE KEY-----\nMIIE\n"}"#, r#"{"d":"REDACTED_BY_SNOWTRAIL"}"#),
            (
                r#"{"d":"{\"a\":1,\"password\":\"hunter2\"}"}"#,
                r#"{"d":"{\"a\":1,\"password\":\"REDACTED_BY_SNOWTRAIL\"}"}"#,
            ),
            (
                r#"{"d":"aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCY"}"#,
                r#"{"d":"REDACTED_BY_SNOWTRAIL"}"#,
            ),
        ] {
            assert_eq!(
                json("secretsmanager.amazonaws.com", "CreateSecret", raw),
                (expected.to_owned(), true),
                "{raw}"
            );
        }
    }

    #[test]
    fn what_is_no_secret_stays_unflagged() {
        for raw in [
            r#"{"secretId":"a","versionStage":"AWSCURRENT"}"#,
            r#"{"passwordLength":32,"excludePunctuation":true}"#,
            r#"{"value":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#,
            r#"{"password":null,"requirePassword":true,"secretString":""}"#,
            r#"{"operations":["GenerateDataKeyWithoutPlaintext"],"note":"ghp_short"}"#,
        ] {
            assert_eq!(json("ssm.amazonaws.com", "PutParameter", raw), (raw.to_owned(), false), "{raw}");
        }
    }

    #[test]
    fn put_parameters_value_is_a_secret_and_others_values_are_not() {
        let raw = r#"{"name":"n","value":"hunter2"}"#;
        assert!(json("ssm.amazonaws.com", "PutParameter", raw).1);
        assert!(!json("ssm.amazonaws.com", "DescribeParameters", raw).1);
    }

    #[test]
    fn session_tokens_of_sts_go_without_a_flag() {
        let raw = r#"{"credentials":{"sessionToken":"FwoGZXIvYXdzEXAMPLE","expiration":"x"}}"#;
        let (text, flag) = json("sts.amazonaws.com", "AssumeRole", raw);
        assert_eq!((text.contains("FwoG"), flag), (false, false));
    }

    #[test]
    fn pretty_printed_text_loses_its_line_breaks_only() {
        let raw = "{\n  \"a b\" : [ 1,\n \"c d\" ]\n}";
        assert_eq!(json("kms.amazonaws.com", "Decrypt", raw), (r#"{"a b":[1,"c d"]}"#.to_owned(), false));
    }

    #[test]
    fn excerpts_hold_no_secret_whatever_is_broken_around_it() {
        let scope = Scope::shipped();
        for text in [
            r#"{"requestParameters":{"secretString":"hunter2"#,
            r#"{"secretString":"a \" hunter2","x":"#,
            r#"{"message":"{\"secretString\":\"hunter2\",\"x\":1"#,
            r#"{"message":"{\"secretString\":\"{\\\"password\\\":\\\"hunter2\\\"}\",\"x\":1}"}"#,
            r#"{"eventName":"PutParameter","requestParameters":{"value":"hunter2"}"#,
            r#"{"secret\u0053tring":"hunter2""#,
            r#"{"plaintext":["hunter2"]}"#,
        ] {
            let excerpt = scope.redactor().excerpt(text.as_bytes(), 4096);
            assert!(!excerpt.contains("hunter2") && excerpt.contains(REDACTED), "{excerpt}");
        }
        assert_eq!(scope.redactor().excerpt(&[0xff; 9000], 4096).len(), 4095);
    }
}
