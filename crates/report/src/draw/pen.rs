//! The pen: where the drawing library's shapes become SVG.
//!
//! The library's own SVG backend writes fixed colours and no text alternatives. This one writes a class for each ink, so
//! that style sheets decide on light, dark and paper, and a `<title>` in each mark that was named. Text is escaped by the
//! template library, as everywhere.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{FontTransform, RGBColor};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};

use snowtrail_page::escape::escape_inline;

use crate::chart::Tone;

/// What a shape is drawn in. The library carries colours; here a colour is only the number of an ink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// A mark of this tone.
    Mark(Tone),
    /// Axes and grid.
    Line,
    /// A frame around what is declared.
    Frame,
    /// Labels.
    Label,
    /// The ground beneath marks.
    Ground,
}

const INKS: [(Ink, &str); 9] = [
    (Ink::Mark(Tone::Plain), "plain"),
    (Ink::Mark(Tone::Quiet), "quiet"),
    (Ink::Mark(Tone::Good), "good"),
    (Ink::Mark(Tone::Warn), "warn"),
    (Ink::Mark(Tone::Bad), "bad"),
    (Ink::Line, "line"),
    (Ink::Frame, "frame"),
    (Ink::Label, "label"),
    (Ink::Ground, "ground"),
];

impl Ink {
    /// The colour that stands for the ink.
    pub fn color(self) -> RGBColor {
        let number = INKS.iter().position(|(ink, _)| *ink == self).unwrap_or_default();
        RGBColor(u8::try_from(number).unwrap_or_default(), 0, 0)
    }
}

fn class(color: BackendColor) -> &'static str {
    INKS.get(usize::from(color.rgb.0)).map_or("plain", |(_, class)| class)
}

/// What was drawn so far, and what the next mark is called.
#[derive(Debug, Default)]
struct Sheet {
    shapes: String,
    next: Option<String>,
}

/// A sheet to draw on, of a size in pixels.
#[derive(Debug, Clone)]
pub struct Paper {
    size: (u32, u32),
    sheet: Rc<RefCell<Sheet>>,
}

/// The area of a paper that the library draws in.
pub type Area = DrawingArea<Pen, Shift>;

impl Paper {
    /// An empty sheet.
    pub fn new(width: u32, height: u32) -> Paper {
        Paper { size: (width, height), sheet: Rc::default() }
    }

    /// The whole of it, for the library.
    pub fn area(&self) -> Area {
        Pen(self.clone()).into_drawing_area()
    }

    /// Names the mark that is drawn next. The library draws each shape of a series as it takes it, so a series names
    /// its marks while it makes them.
    pub fn name(&self, title: impl Into<String>) {
        self.sheet.borrow_mut().next = Some(title.into());
    }

    /// The drawing, with its title and a description for those who cannot see it. `id` must be unique on the page.
    pub fn svg(&self, id: &str, class: &str, title: &str, description: &str) -> Markup {
        let (width, height) = self.size;
        let sheet = self.sheet.borrow();
        html! {
            svg class=(class) viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) role="img"
                aria-labelledby={ (id) "-title " (id) "-text" } xmlns="http://www.w3.org/2000/svg" {
                title id={ (id) "-title" } { (escape_inline(title)) }
                desc id={ (id) "-text" } { (escape_inline(description)) }
                (PreEscaped(sheet.shapes.as_str()))
            }
        }
    }

    fn put(&self, shape: impl FnOnce(Markup) -> Markup) {
        let mut sheet = self.sheet.borrow_mut();
        let title = sheet.next.take();
        let title = html! { @if let Some(title) = &title { title { (escape_inline(title)) } } };
        sheet.shapes.push_str(&shape(title).into_string());
    }
}

/// The backend: writes what the library draws onto the paper.
#[derive(Debug)]
pub struct Pen(Paper);

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

fn opacity(color: BackendColor) -> Option<String> {
    (color.alpha < 1.0).then(|| format!("{:.2}", color.alpha))
}

fn style_class(color: BackendColor, fill: bool) -> String {
    format!("{} {}", if fill { "fill" } else { "stroke" }, class(color))
}

impl DrawingBackend for Pen {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.0.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        self.draw_rect(point, (point.0 + 1, point.1 + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (x, y) = (from.0.min(to.0), from.1.min(to.1));
        let (width, height) = (from.0.abs_diff(to.0), from.1.abs_diff(to.1));
        let color = style.color();
        if color.alpha > 0.0 {
            self.0.put(|title| {
                html! {
                    rect class=(style_class(color, fill)) x=(x) y=(y) width=(width) height=(height)
                        opacity=[opacity(color)] { (title) }
                }
            });
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let color = style.color();
        if color.alpha > 0.0 {
            let points = path.into_iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ");
            self.0.put(|title| {
                html! {
                    polyline class=(style_class(color, false)) points=(points) opacity=[opacity(color)] { (title) }
                }
            });
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let color = style.color();
        self.0.put(|title| {
            html! {
                circle class=(style_class(color, fill)) cx=(center.0) cy=(center.1) r=(radius)
                    opacity=[opacity(color)] { (title) }
            }
        });
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let color = style.color();
        let points = path.into_iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ");
        self.0.put(|title| {
            html! {
                polygon class=(style_class(color, true)) points=(points) opacity=[opacity(color)] { (title) }
            }
        });
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let baseline = match style.anchor().v_pos {
            VPos::Top => "hanging",
            VPos::Center => "central",
            VPos::Bottom => "auto",
        };
        let turned = matches!(style.transform(), FontTransform::Rotate270);
        let turn = turned.then(|| format!("rotate(-90 {x} {y})"));
        let color = style.color();
        self.0.put(|title| {
            html! {
                text class=(class(color)) x=(x) y=(y) font-size={ (style.size()) } text-anchor=(anchor)
                    dominant-baseline=(baseline) transform=[turn] { (title) (escape_inline(text)) }
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use plotters::element::{Circle, Text};

    use super::*;

    #[test]
    fn marks_carry_titles_and_nothing_that_a_caller_wrote_is_markup() {
        let paper = Paper::new(100, 50);
        let area = paper.area();
        paper.name("<script>alert(1)</script>");
        area.draw(&Circle::new((10, 10), 3, Ink::Mark(Tone::Bad).color())).expect("drawn");
        area.draw(&Text::new("\"><img src=x>", (1, 1), ("sans-serif", 11))).expect("drawn");
        let svg = paper.svg("a", "wide", "<b>", "&").into_string();
        assert!(svg.contains("<title>&lt;script&gt;alert(1)&lt;/script&gt;</title></circle>"), "{svg}");
        assert!(svg.contains("class=\"stroke bad\""), "{svg}");
        assert!(!svg.contains("<img") && !svg.contains("<b>"), "{svg}");
    }
}
