//! Where a secret is: the places in which a name or an ARN is one.

use datafusion::prelude::SessionContext;
use snowtrail_page::escape::{KEY_CHARS_MAX, terminal};
use snowtrail_rules::answers::rows;

use crate::output::Usage;

/// Names that are told when there is no such secret.
const KNOWN_MAX: usize = 8;

/// One secret in one account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Account id.
    pub account: String,
    /// Region code.
    pub region: String,
    /// The secret's name.
    pub name: String,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

impl Place {
    /// The places of a name, or the one of an ARN.
    ///
    /// # Errors
    /// When the lake knows no such secret, naming some that it knows.
    pub async fn find(session: &SessionContext, asked: &str) -> anyhow::Result<Vec<Place>> {
        let query = "SELECT account_id, aws_region, secret_name, secret_arn, array_to_string(tags, chr(10)) FROM secrets";
        let all = rows(session, query).await?;
        let is_it =
            |row: &&snowtrail_rules::answers::Row| row.get(2) == Some(asked) || row.get(3) == Some(asked);
        let places: Vec<Place> = all
            .iter()
            .filter(is_it)
            .map(|row| Place {
                account: row.text(0),
                region: row.text(1),
                name: row.text(2),
                tags: row.text(4).lines().filter_map(|tag| tag.split_once('=')).map(owned).collect(),
            })
            .collect();
        if !places.is_empty() {
            return Ok(places);
        }
        let mut known: Vec<String> = all.iter().map(|row| row.text(2)).collect();
        known.sort_by_key(|name| (!name.contains(asked.rsplit('/').next().unwrap_or(asked)), name.clone()));
        known.dedup();
        known.truncate(KNOWN_MAX);
        let shown = |name: &String| format!("\n  {}", terminal(name, KEY_CHARS_MAX));
        Err(anyhow::Error::new(Usage(format!(
            "the lake knows no secret `{}`; it knows{}\n  hint: snowtrail sql \"SELECT secret_name FROM secrets\" lists all",
            terminal(asked, KEY_CHARS_MAX),
            known.iter().map(shown).collect::<String>()
        ))))
    }
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}
