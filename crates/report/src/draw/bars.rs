//! Counts over time, with what happened marked on them.

use jiff::Timestamp;
use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, ShapeStyle};

use super::axis::TimeAxis;
use super::pen::{Ink, Paper};
use super::{Result, Size, label};
use crate::chart::{Mark, Tone};
use crate::value::{Value, grouped};

/// Draws them.
pub fn draw(from: Timestamp, seconds: i64, counts: &[u64], marks: &[Mark], size: Size) -> Result<Paper> {
    let paper = Paper::new(size.width(), if size == Size::Wide { 230 } else { 190 });
    let length = i64::try_from(counts.len()).unwrap_or(i64::MAX).saturating_mul(seconds);
    let end = from.as_second().saturating_add(length);
    let to = Timestamp::from_second(end).unwrap_or(Timestamp::MAX);
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    let area = paper.area();
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .margin_top(18)
        .x_label_area_size(24)
        .y_label_area_size(44)
        .build_cartesian_2d(TimeAxis::new(from, to, size.ticks()), 0..most + most / 12 + 1)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().y_labels(5).y_label_formatter(&|count| grouped(*count));
    mesh.label_style(label(HPos::Center, VPos::Center)).axis_style(Ink::Line.color());
    mesh.bold_line_style(Ink::Line.color().mix(0.5)).light_line_style(Ink::Line.color().mix(0.0)).draw()?;
    let bars = counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(at, count)| {
        let start = from.as_second() + i64::try_from(at).unwrap_or_default() * seconds;
        let when = Timestamp::from_second(start).map(Value::Time).unwrap_or(Value::Nothing);
        paper.name(format!("{when}: {}", grouped(*count)));
        // A gap of a tenth between bars.
        let ink = ShapeStyle::from(Ink::Mark(Tone::Plain).color()).filled();
        Rectangle::new([(start + seconds / 20, 0), (start + seconds - seconds / 20, *count)], ink)
    });
    chart.draw_series(bars)?;
    let top = most + most / 12 + 1;
    for mark in marks {
        let at = mark.at.as_second();
        let ink = Ink::Mark(mark.tone).color();
        chart.draw_series([PathElement::new([(at, 0), (at, top)], ink.mix(0.7))])?;
        paper.name(format!("{}: {}", Value::Time(mark.at), mark.label));
        chart.draw_series([Circle::new((at, top), 5, ShapeStyle::from(ink).filled())])?;
    }
    Ok(paper)
}
