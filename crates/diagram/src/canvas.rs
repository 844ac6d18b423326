//! The sheet that is drawn on, and how things look on it.

use std::fmt::Write as _;

/// Units of the sheet, which are points of a screen.
pub(crate) type Units = f32;

/// The size of texts, and of small ones.
pub(crate) const TEXT: Units = 13.0;
pub(crate) const SMALL: Units = 11.0;
/// How wide a character is, as a part of its size: fonts of fixed width agree on it, whichever the reader has.
const WIDTH: f32 = 0.602;
/// From one line to the next.
pub(crate) const LINE: Units = 20.0;
/// Between a box's edge and what stands in it.
pub(crate) const PAD: Units = 12.0;
/// Around everything.
pub(crate) const MARGIN: Units = 24.0;
/// A box's band with its name.
pub(crate) const BAND: Units = 30.0;

pub(crate) const INK: &str = "#1b2733";
pub(crate) const FAINT: &str = "#66788a";
pub(crate) const EDGE: &str = "#b8c4d0";
pub(crate) const ACCENT: &str = "#0b6e75";
const PAPER: &str = "#fbfcfd";
const WHITE: &str = "#ffffff";

/// How wide a text is.
pub(crate) fn width(text: &str, size: Units) -> Units {
    // A text of a diagram is far below what a float counts exactly.
    #[expect(clippy::cast_precision_loss, reason = "names have some tens of characters")]
    let count = text.chars().count() as f32;
    count * size * WIDTH
}

/// A rectangle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: Units,
    pub(crate) y: Units,
    pub(crate) width: Units,
    pub(crate) height: Units,
}

impl Area {
    pub(crate) fn right(&self) -> Units {
        self.x + self.width
    }

    pub(crate) fn bottom(&self) -> Units {
        self.y + self.height
    }

    pub(crate) fn middle(&self) -> Units {
        self.y + self.height / 2.0
    }
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ends {
    /// An arrow at its end.
    Arrow,
    /// Many at its start, one at its end, as diagrams of relations have it.
    ManyToOne,
    /// None or one at its start, one at its end.
    OneToOne,
}

/// A drawing in the making. What is drawn first lies below.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
    right: Units,
    bottom: Units,
}

impl Canvas {
    /// A box with a name in its band.
    pub(crate) fn card(&mut self, area: Area, name: &str, aside: &str, band: &str) {
        let Area { x, y, width: wide, height } = area;
        self.reach(area.right(), area.bottom());
        self.put(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{wide:.1}" height="{height:.1}" rx="6" fill="{WHITE}" stroke="{EDGE}"/>"#
        ));
        // Round above, straight below.
        let (left, right, bottom) = (x, area.right(), y + BAND);
        self.put(format_args!(
            r#"<path d="M{left:.1} {bottom:.1}V{:.1}a6 6 0 0 1 6 -6H{:.1}a6 6 0 0 1 6 6V{bottom:.1}Z" fill="{band}"/>"#,
            y + 6.0,
            right - 6.0,
        ));
        self.write(x + PAD, y + 20.0, name, TEXT, WHITE);
        if !aside.is_empty() {
            self.write(right - PAD - width(aside, SMALL), y + 19.5, aside, SMALL, "#d7e8ea");
        }
    }

    /// A box without a band, dashed: what is not part of the app.
    pub(crate) fn outside(&mut self, area: Area, lines: &[(&str, &str)]) {
        let Area { x, y, width, height } = area;
        self.reach(area.right(), area.bottom());
        self.put(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="6" fill="{WHITE}" stroke="{FAINT}" stroke-dasharray="4 3"/>"#
        ));
        self.lines(area, lines);
    }

    /// A store.
    pub(crate) fn cylinder(&mut self, area: Area, lines: &[(&str, &str)]) {
        let Area { x, y, width, height } = area;
        self.reach(area.right(), area.bottom());
        let (half, deep) = (width / 2.0, 8.0);
        self.put(format_args!(
            r#"<path d="M{x:.1} {:.1}v{:.1}a{half:.1} {deep} 0 0 0 {width:.1} 0v-{:.1}" fill="{WHITE}" stroke="{ACCENT}"/>"#,
            y + deep,
            height - 2.0 * deep,
            height - 2.0 * deep,
        ));
        self.put(format_args!(
            r##"<ellipse cx="{:.1}" cy="{:.1}" rx="{half:.1}" ry="{deep}" fill="#e3f1f2" stroke="{ACCENT}"/>"##,
            x + half,
            y + deep,
        ));
        self.lines(Area { y: y + deep, height: height - deep, ..area }, lines);
    }

    /// Lines in the middle of an area, each with its colour.
    fn lines(&mut self, area: Area, lines: &[(&str, &str)]) {
        let mut y = area.middle() - 16.0 * (index(lines.len()) - 1.0) / 2.0 + 4.0;
        for (text, colour) in lines {
            self.write(area.x + (area.width - width(text, SMALL)) / 2.0, y, text, SMALL, colour);
            y += 16.0;
        }
    }

    /// A text; `y` is its base line.
    pub(crate) fn write(&mut self, x: Units, y: Units, text: &str, size: Units, colour: &str) {
        self.reach(x + width(text, size), y);
        let text = escaped(text);
        self.put(format_args!(r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" fill="{colour}">{text}</text>"#));
    }

    /// A line between two points, which leaves and arrives level.
    pub(crate) fn connect(&mut self, from: (Units, Units), to: (Units, Units), ends: Ends) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let bend = if x1 == x2 { 36.0 } else { (x2 - x1) / 2.0 };
        // At one side of a column, and of itself: out and back.
        let second = if x1 == x2 { x2 + bend } else { x2 - bend };
        self.reach(x1.max(x2).max(x1 + bend), y1.max(y2));
        let markers = match ends {
            Ends::Arrow => r#" marker-end="url(#arrow)""#,
            Ends::ManyToOne => r#" marker-start="url(#many)" marker-end="url(#one)""#,
            Ends::OneToOne => r#" marker-start="url(#one)" marker-end="url(#one)""#,
        };
        self.put(format_args!(
            r#"<path d="M{x1:.1} {y1:.1}C{:.1} {y1:.1} {second:.1} {y2:.1} {x2:.1} {y2:.1}" fill="none" stroke="{FAINT}" stroke-width="1.3"{markers}/>"#,
            x1 + bend,
        ));
    }

    /// A thin line across a box.
    pub(crate) fn rule(&mut self, area: Area, y: Units) {
        self.put(format_args!(
            r##"<path d="M{:.1} {y:.1}H{:.1}" stroke="#e4eaef"/>"##,
            area.x + 0.5,
            area.right() - 0.5
        ));
    }

    fn reach(&mut self, right: Units, bottom: Units) {
        self.right = self.right.max(right);
        self.bottom = self.bottom.max(bottom);
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // A text takes whatever is written to it.
        let _ = writeln!(self.body, "  {element}");
    }

    /// The picture, as tall and wide as what is on it.
    pub(crate) fn finish(self, title: &str) -> String {
        let (width, height) = ((self.right + MARGIN).ceil(), (self.bottom + MARGIN).ceil());
        let (title, body) = (escaped(title), self.body);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" font-family="Hack, ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace">
  <title>{title}</title>
  <defs>
    <marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5L8 4L0 7.5Z" fill="{FAINT}"/></marker>
    <marker id="many" viewBox="0 0 10 10" refX="0" refY="5" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path d="M10 5L0 0.5M10 5L0 9.5" fill="none" stroke="{FAINT}" stroke-width="1.3"/></marker>
    <marker id="one" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M2 0.5V9.5" stroke="{FAINT}" stroke-width="1.3"/></marker>
  </defs>
  <rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>
{body}</svg>
"##
        )
    }
}

/// A count as a number of the sheet.
#[expect(clippy::cast_precision_loss, reason = "lines and boxes, not millions")]
pub(crate) fn index(count: usize) -> f32 {
    count as f32
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
