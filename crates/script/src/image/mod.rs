//! `image.png`: points on a picture, drawn from rows of JSON without JavaScript.
//!
//! 1. [`options`] reads what the script asks for, and says what is wrong with it.
//! 2. [`rows`] walks the rows as they stand in memory, one after another, without a tree of values: a million of them are a
//!    matter of some tenths of a second.
//! 3. Each is a square of one colour on a canvas that holds numbers of colours; where squares meet, the later row's is seen.
//! 4. [`encode`] writes the PNG, with a palette wherever 256 colours are enough.

mod encode;
mod options;
mod rows;
#[cfg(test)]
mod tests;

use self::options::Options;

/// Draws a PNG.
///
/// `options` is a JSON object: `width` and `height` (pixels), `x` and `y` (the names of the fields with a row's
/// coordinates), and, where they differ from the defaults, `color` (the name of the field that chooses the colour),
/// `palette` (an object: value → colour), `fallback` (the colour of what the palette does not have; without it such rows are
/// not drawn), `background` (default transparent), `origin` (`{x, y}`: the coordinate in the middle of the picture, default
/// 0, 0), `scale` (pixels a unit, or `{x, y}`; negative ones turn an axis round; default 1; y grows downwards), `size`
/// (pixels a point, default as many as a unit has). A colour is `"#rrggbb"`, `"#rrggbbaa"` or `[r, g, b]`, `[r, g, b, a]`.
///
/// `rows` is a JSON array of objects. A row whose coordinate is null has no place, and is not drawn.
///
/// # Errors
/// What is wrong with an option or with a row, for the one who wrote the script.
pub fn png(options: &str, rows: &[u8]) -> Result<Vec<u8>, String> {
    let options = Options::read(options)?;
    let mut canvas = Canvas::of(&options);
    rows::each(rows, &options, &mut |point| canvas.draw(&options, point))?;
    encode::png(&canvas, &options.colors)
}

/// The number of a colour in [`Options::colors`]; 0 is the background.
type Color = u16;

/// A row that is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    x: f64,
    y: f64,
    color: Color,
}

/// The picture: each pixel's colour.
#[derive(Debug)]
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Color>,
}

impl Canvas {
    fn of(options: &Options) -> Canvas {
        let (width, height) = (options.width, options.height);
        Canvas { width, height, pixels: vec![0; width * height] }
    }

    fn draw(&mut self, options: &Options, point: Point) {
        let across = span(point.x, options.origin.0, options.scale.0, options.size.0, self.width);
        let down = span(point.y, options.origin.1, options.scale.1, options.size.1, self.height);
        for y in down {
            self.pixels[y * self.width..][across.clone()].fill(point.color);
        }
    }
}

/// The pixels of one axis that a point covers, as far as they lie in the picture: `size` of them, with the coordinate in
/// their middle.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "both ends are brought between 0 and the picture's edge, which is some thousands"
)]
fn span(at: f64, origin: f64, scale: f64, size: usize, edge: usize) -> std::ops::Range<usize> {
    let first = (edge as f64 / 2.0 + (at - origin) * scale - (size as f64 - 1.0) / 2.0).floor();
    let inside = |pixel: f64| pixel.clamp(0.0, edge as f64) as usize;
    inside(first)..inside(first + size as f64)
}
