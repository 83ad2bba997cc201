//! Charts as SVG. Each is drawn twice, for a desk and for a phone: scaling one down would make its labels too small to
//! read. A style sheet shows one of them.

mod amounts;
mod axis;
mod bars;
mod heat_map;
mod lanes;
mod matrix;
mod pen;

use maud::Markup;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, TextStyle};
use plotters_backend::BackendColor;

use crate::chart::{Chart, Drawing};
use crate::error::ReportError;
use pen::Ink;

/// For whom a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A desk, or paper.
    Wide,
    /// A phone.
    Narrow,
}

impl Size {
    fn width(self) -> u32 {
        match self {
            Size::Wide => 960,
            Size::Narrow => 344,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Size::Wide => "wide",
            Size::Narrow => "narrow",
        }
    }

    /// Room for names at the left.
    fn names(self) -> u32 {
        match self {
            Size::Wide => 270,
            Size::Narrow => 124,
        }
    }

    /// Characters that fit into that room.
    fn name_chars(self) -> usize {
        match self {
            Size::Wide => 36,
            Size::Narrow => 15,
        }
    }

    /// Ticks of a time axis.
    fn ticks(self) -> i64 {
        match self {
            Size::Wide => 10,
            Size::Narrow => 4,
        }
    }
}

type Result<T> = std::result::Result<T, DrawingAreaErrorKind<std::convert::Infallible>>;

/// Draws a chart. `id` must be unique on the page.
///
/// # Errors
/// When there is no room for it.
pub fn svg(chart: &Chart, id: &str, size: Size) -> std::result::Result<Markup, ReportError> {
    let drawn = match &chart.drawing {
        Drawing::Bars { from, seconds, counts, marks } => bars::draw(*from, *seconds, counts, marks, size),
        Drawing::HeatMap { counts, business } => heat_map::draw(counts, business, size),
        Drawing::Lanes { from, to, lanes } => lanes::draw(*from, *to, lanes, size),
        Drawing::Amounts { amounts } => amounts::draw(amounts, size),
        Drawing::Matrix { rows, columns, cells } => matrix::draw(rows, columns, cells, size),
    };
    let failed = |error: DrawingAreaErrorKind<_>| ReportError::Draw {
        title: chart.title.clone(),
        message: error.to_string(),
    };
    Ok(drawn.map_err(failed)?.svg(id, size.class(), &chart.title, &chart.summary))
}

/// A label's style.
fn label(h_pos: HPos, v_pos: VPos) -> TextStyle<'static> {
    let color = BackendColor { rgb: Ink::Label.color().rgb(), alpha: 1.0 };
    let style = TextStyle::from(("sans-serif", 12).into_font());
    TextStyle { color, ..style }.pos(Pos::new(h_pos, v_pos))
}

/// A label that reads upwards.
fn upright() -> TextStyle<'static> {
    label(HPos::Left, VPos::Center).transform(FontTransform::Rotate270)
}

/// A name in a limited room. Names differ at their ends, so the middle goes.
fn shortened(name: &str, chars_max: usize) -> String {
    let length = name.chars().count();
    if length <= chars_max {
        return name.to_owned();
    }
    let head = chars_max / 4;
    let tail = chars_max.saturating_sub(head + 1);
    let start: String = name.chars().take(head).collect();
    let end: String = name.chars().skip(length.saturating_sub(tail)).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn long_name_keeps_its_ends() {
        assert_eq!(shortened("prod/db", 10), "prod/db");
        assert_eq!(shortened("prod/blizzard-checkout/db", 12), "pro…ckout/db");
    }
}
