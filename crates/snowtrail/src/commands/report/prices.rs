//! Prices as a file gives them.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use snowtrail_model::policy::ParameterValue;
use snowtrail_report::{Column, Kind, Table, Value};
use snowtrail_rules::set::shipped_prices;

use super::question::Asking;
use crate::output::Usage;

/// Seconds of the month that storage is priced by: thirty days.
const MONTH_SECONDS: f64 = 30.0 * 86_400.0;

/// US dollars, and where and when they were read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    read_on: String,
    region: String,
    source: String,
    secret_month: f64,
    calls_10000: f64,
    kms_requests_10000: f64,
}

impl Prices {
    /// Those of a file, or those that ship.
    ///
    /// # Errors
    /// When the file cannot be read or is no price list.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Prices> {
        let Some(file) = file else {
            return toml::from_str(shipped_prices()).context("the prices that ship are wrong");
        };
        let name = file.display();
        let text =
            std::fs::read_to_string(file).with_context(|| format!("failed to read prices `{name}`"))?;
        let prices: Prices = toml::from_str(&text)
            .map_err(|error| anyhow::Error::new(Usage(format!("`{name}` is no price list: {error}"))))?;
        let all = [prices.secret_month, prices.calls_10000, prices.kms_requests_10000];
        if all.iter().any(|price| !price.is_finite() || *price < 0.0) {
            return Err(anyhow::Error::new(Usage(format!(
                "`{name}` has a price that is no amount of money"
            ))));
        }
        Ok(prices)
    }

    /// Gives the questions their prices.
    pub fn bind(&self, asking: &mut Asking<'_>) {
        asking.set("usd_a_call", &ParameterValue::Float(self.calls_10000 / 10_000.0));
        asking.set("usd_a_kms_request", &ParameterValue::Float(self.kms_requests_10000 / 10_000.0));
        asking.set("usd_a_secret_second", &ParameterValue::Float(self.secret_month / MONTH_SECONDS));
    }

    /// As a table, with their date.
    pub fn table(&self) -> Table {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind, about: String::new() };
        let row = |what: &str, usd: f64| vec![Value::text(what), Value::Usd(usd), Value::text(&self.read_on)];
        Table {
            name: "prices".to_owned(),
            title: String::new(),
            basis: format!("For {}, from {}. Other prices: --prices FILE.", self.region, self.source),
            empty: String::new(),
            columns: vec![
                column("what", Kind::Text),
                column("usd", Kind::Number),
                column("read_on", Kind::Text),
            ],
            rows: vec![
                row("A secret for a month of thirty days; each replica is one", self.secret_month),
                row("10,000 calls of Secrets Manager", self.calls_10000),
                row("10,000 requests of KMS, free tier not taken off", self.kms_requests_10000),
            ],
        }
    }

    /// When they were read.
    pub fn read_on(&self) -> &str {
        &self.read_on
    }
}
