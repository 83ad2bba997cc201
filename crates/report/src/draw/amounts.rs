//! Amounts as bars of their own, with the value at the end of each.

use plotters::chart::ChartBuilder;
use plotters::element::{Rectangle, Text};
use plotters::style::ShapeStyle;
use plotters::style::text_anchor::{HPos, VPos};

use super::pen::{Ink, Paper};
use super::{Result, Size, label, shortened};
use crate::chart::Amount;

/// Pixels of a bar and the space around it.
const BAR: u32 = 24;
/// Room for the value behind the longest bar.
const VALUES: u32 = 92;

/// Draws them.
pub fn draw(amounts: &[Amount], size: Size) -> Result<Paper> {
    let count = u32::try_from(amounts.len()).unwrap_or(u32::MAX);
    let paper = Paper::new(size.width(), count.saturating_mul(BAR).saturating_add(12));
    let most = amounts.iter().map(|amount| amount.size).fold(f64::MIN_POSITIVE, f64::max);
    let area = paper.area();
    let chart = ChartBuilder::on(&area)
        .margin(6)
        .margin_left(size.names())
        .margin_right(VALUES)
        .build_cartesian_2d(0.0..most, i32::try_from(count).unwrap_or(1).max(1)..0)?;
    for (row, amount) in amounts.iter().enumerate() {
        let row = i32::try_from(row).unwrap_or_default();
        let (left, top) = chart.backend_coord(&(0.0, row));
        let (right, bottom) = chart.backend_coord(&(amount.size, row + 1));
        let middle = (top + bottom) / 2;
        paper.name(&amount.label);
        let name = shortened(&amount.label, size.name_chars());
        area.draw(&Text::new(name, (left - 8, middle), label(HPos::Right, VPos::Center)))?;
        paper.name(format!("{}: {}", amount.label, amount.value));
        let ink = ShapeStyle::from(Ink::Mark(amount.tone).color()).filled();
        area.draw(&Rectangle::new([(left, middle - 7), (right.max(left + 2), middle + 7)], ink))?;
        let value = amount.value.to_string();
        area.draw(&Text::new(value, (right.max(left + 2) + 8, middle), label(HPos::Left, VPos::Center)))?;
    }
    Ok(paper)
}
