//! What happened to several things side by side on one axis of time.

use jiff::Timestamp;
use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, ShapeStyle};

use super::axis::TimeAxis;
use super::pen::{Ink, Paper};
use super::{Result, Size, label, shortened};
use crate::chart::Lane;
use crate::value::Value;

/// Pixels of a lane.
const LANE: u32 = 24;

/// Draws them.
pub fn draw(from: Timestamp, to: Timestamp, lanes: &[Lane], size: Size) -> Result<Paper> {
    let count = u32::try_from(lanes.len()).unwrap_or(u32::MAX);
    let paper = Paper::new(size.width(), count.saturating_mul(LANE).saturating_add(40));
    let area = paper.area();
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .x_label_area_size(24)
        .margin_left(size.names())
        .build_cartesian_2d(
            TimeAxis::new(from, to, size.ticks()),
            i32::try_from(count).unwrap_or(1).max(1)..0,
        )?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().disable_y_axis().y_labels(0).label_style(label(HPos::Center, VPos::Top));
    mesh.axis_style(Ink::Line.color()).bold_line_style(Ink::Line.color().mix(0.5));
    mesh.light_line_style(Ink::Line.color().mix(0.0)).draw()?;
    for (row, lane) in lanes.iter().enumerate() {
        let row = i32::try_from(row).unwrap_or_default();
        let (left, top) = chart.backend_coord(&(from.as_second(), row));
        let (right, bottom) = chart.backend_coord(&(to.as_second(), row + 1));
        let middle = (top + bottom) / 2;
        area.draw(&PathElement::new([(left, middle), (right, middle)], Ink::Line.color().mix(0.6)))?;
        paper.name(&lane.label);
        let name = shortened(&lane.label, size.name_chars());
        area.draw(&Text::new(name, (left - 8, middle), label(HPos::Right, VPos::Center)))?;
        for span in &lane.spans {
            let (start, _) = chart.backend_coord(&(span.from.as_second(), row));
            let (end, _) = chart.backend_coord(&(span.to.as_second(), row));
            let ink = ShapeStyle::from(Ink::Mark(span.tone).color().mix(0.55)).filled();
            paper.name(format!("{}, {} to {}", span.label, Value::Time(span.from), Value::Time(span.to)));
            area.draw(&Rectangle::new([(start, middle - 5), (end.max(start + 2), middle + 5)], ink))?;
        }
        for mark in &lane.marks {
            let (at, _) = chart.backend_coord(&(mark.at.as_second(), row));
            paper.name(format!("{}: {}", Value::Time(mark.at), mark.label));
            let ink = ShapeStyle::from(Ink::Mark(mark.tone).color()).filled();
            area.draw(&Circle::new((at, middle), 6, ink))?;
        }
    }
    Ok(paper)
}
