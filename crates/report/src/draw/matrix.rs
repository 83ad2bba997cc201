//! Who does what with which: rows, columns, and a square where they meet.

use plotters::chart::ChartBuilder;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, ShapeStyle};

use super::pen::{Ink, Paper};
use super::{Result, Size, label, shortened, upright};
use crate::chart::Tone;
use crate::value::grouped;

/// Pixels of a row.
const ROW: u32 = 22;
/// Room for the columns' names, which read upwards.
const HEADS: u32 = 188;
/// Characters that fit into that room.
const HEAD_CHARS: usize = 24;

/// Draws it.
pub fn draw(
    rows: &[String],
    columns: &[String],
    cells: &[Vec<Option<(u64, Tone)>>],
    size: Size,
) -> Result<Paper> {
    let across = u32::try_from(columns.len()).unwrap_or(u32::MAX).max(1);
    let down = u32::try_from(rows.len()).unwrap_or(u32::MAX).max(1);
    // Few columns are no wider than they need be: a square is easier to look up than a plank.
    let room = size.width().saturating_sub(size.names() + 12);
    let spare = room.saturating_sub(across.saturating_mul(40));
    let paper = Paper::new(size.width(), down.saturating_mul(ROW).saturating_add(HEADS + 8));
    let most = cells.iter().flatten().flatten().map(|(count, _)| *count).max().unwrap_or_default().max(1);
    let area = paper.area();
    let range = |count: u32| i32::try_from(count).unwrap_or(1);
    let chart = ChartBuilder::on(&area)
        .margin(4)
        .margin_top(HEADS)
        .margin_left(size.names())
        .margin_right(spare + 8)
        .build_cartesian_2d(0..range(across), range(down)..0)?;
    let (left, top) = chart.backend_coord(&(0, 0));
    let (right, _) = chart.backend_coord(&(range(across), 0));
    for (at, name) in columns.iter().enumerate() {
        let (start, _) = chart.backend_coord(&(i32::try_from(at).unwrap_or_default(), 0));
        let (end, _) = chart.backend_coord(&(i32::try_from(at + 1).unwrap_or_default(), 0));
        paper.name(name);
        area.draw(&Text::new(shortened(name, HEAD_CHARS), ((start + end) / 2, top - 6), upright()))?;
    }
    for (row, (name, cells)) in rows.iter().zip(cells).enumerate() {
        let row = i32::try_from(row).unwrap_or_default();
        let (_, top) = chart.backend_coord(&(0, row));
        let (_, bottom) = chart.backend_coord(&(0, row + 1));
        area.draw(&PathElement::new([(left, bottom), (right, bottom)], Ink::Line.color().mix(0.5)))?;
        paper.name(name);
        let shown = shortened(name, size.name_chars());
        area.draw(&Text::new(shown, (left - 8, (top + bottom) / 2), label(HPos::Right, VPos::Center)))?;
        for (at, (column, cell)) in columns.iter().zip(cells).enumerate() {
            let Some((count, tone)) = cell else { continue };
            let at = i32::try_from(at).unwrap_or_default();
            paper.name(format!("{column} ← {name}: {}", grouped(*count)));
            // What is bad news must be seen however seldom it is.
            let least = if matches!(tone, Tone::Warn | Tone::Bad) { 0.8 } else { 0.35 };
            let alpha = least + (1.0 - least) * (*count as f64 / most as f64).sqrt();
            let ink = ShapeStyle::from(Ink::Mark(*tone).color().mix(alpha)).filled();
            let (start, _) = chart.backend_coord(&(at, row));
            let (end, _) = chart.backend_coord(&(at + 1, row));
            area.draw(&Rectangle::new([(start + 1, top + 2), (end - 1, bottom - 1)], ink))?;
        }
    }
    Ok(paper)
}
