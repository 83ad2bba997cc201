//! Hours of a week, darker where more was read; another hue outside the declared business hours.

use std::ops::Range;

use plotters::chart::ChartBuilder;
use plotters::element::{Rectangle, Text};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, ShapeStyle};

use super::pen::{Ink, Paper};
use super::{Result, Size, label};
use crate::chart::{DAYS, HOURS, Tone};
use crate::value::grouped;

/// Days from the top to the bottom.
const DOWN: Range<i32> = Range { start: 7, end: 0 };

/// Draws it.
pub fn draw(counts: &[[u64; HOURS]; 7], business: &[[bool; HOURS]; 7], size: Size) -> Result<Paper> {
    let paper = Paper::new(size.width(), if size == Size::Wide { 236 } else { 176 });
    let most = counts.iter().flatten().copied().max().unwrap_or_default().max(1);
    let area = paper.area();
    let mut chart = ChartBuilder::on(&area)
        .margin(4)
        .set_left_and_bottom_label_area_size(0)
        .margin_left(40)
        .margin_bottom(24)
        .build_cartesian_2d(0i32..24, DOWN)?;
    let mut cells = Vec::new();
    for (day, (counts, business)) in counts.iter().zip(business).enumerate() {
        for (hour, (count, is_business)) in counts.iter().zip(business).enumerate() {
            let (x, y) = (i32::try_from(hour).unwrap_or_default(), i32::try_from(day).unwrap_or_default());
            cells.push((x, y, *count, *is_business));
        }
    }
    chart.draw_series(cells.iter().map(|(x, y, count, is_business)| {
        let kind = if *is_business { "business hour" } else { "outside business hours" };
        let day = usize::try_from(*y).ok().and_then(|day| DAYS.get(day)).copied().unwrap_or_default();
        paper.name(format!("{day} {x:02}:00, {kind}: {}", grouped(*count)));
        let tone = if *is_business { Tone::Plain } else { Tone::Warn };
        // The square root: one read at night must be seen beside a thousand at noon.
        let alpha = 0.15 + 0.85 * (*count as f64 / most as f64).sqrt();
        let ink = if *count == 0 { Ink::Ground.color().mix(1.0) } else { Ink::Mark(tone).color().mix(alpha) };
        let mut cell = Rectangle::new([(*x, *y), (x + 1, y + 1)], ShapeStyle::from(ink).filled());
        cell.set_margin(1, 1, 1, 1);
        cell
    }))?;
    let hours = cells.iter().filter(|(_, _, _, is_business)| *is_business);
    chart.draw_series(
        hours.map(|(x, y, _, _)| Rectangle::new([(*x, *y), (x + 1, y + 1)], Ink::Frame.color())),
    )?;
    for (day, name) in DAYS.iter().enumerate() {
        let (_, top) = chart.backend_coord(&(0, i32::try_from(day).unwrap_or_default()));
        let (_, bottom) = chart.backend_coord(&(0, i32::try_from(day + 1).unwrap_or_default()));
        area.draw(&Text::new(*name, (34, (top + bottom) / 2), label(HPos::Right, VPos::Center)))?;
    }
    for hour in (0..24).step_by(if size == Size::Wide { 2 } else { 6 }) {
        let (x, y) = chart.backend_coord(&(hour, 7));
        area.draw(&Text::new(format!("{hour:02}"), (x, y + 6), label(HPos::Left, VPos::Top)))?;
    }
    Ok(paper)
}
