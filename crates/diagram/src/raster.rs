//! A picture of dots of a drawing, in the same font on each machine.

use std::sync::Arc;

use resvg::{tiny_skia, usvg};

/// Dots a unit: sharp on screens of twice the usual density.
const DENSITY: f32 = 2.0;

/// Why a drawing has no picture of dots.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no SVG.
    #[error("the drawing cannot be read: {0}")]
    Drawing(#[from] usvg::Error),
    /// It is too large for the memory.
    #[error("a drawing of {0} × {1} units is too large for a picture of dots")]
    Size(u32, u32),
    /// It cannot be encoded.
    #[error("the picture cannot be written: {0}")]
    Encode(String),
}

/// A drawing of this crate as PNG, two dots for each of its units.
///
/// # Errors
/// When it is no drawing, or too large.
pub fn png(svg: &str) -> Result<Vec<u8>, Error> {
    let mut options = usvg::Options::default();
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    fonts.set_monospace_family("Hack");
    let tree = usvg::Tree::from_str(svg, &options)?;
    let (units, dots) = (tree.size().to_int_size(), tree.size().to_int_size().scale_by(DENSITY));
    let picture = dots.and_then(|dots| tiny_skia::Pixmap::new(dots.width(), dots.height()));
    let mut picture = picture.ok_or(Error::Size(units.width(), units.height()))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(DENSITY, DENSITY), &mut picture.as_mut());
    picture.encode_png().map_err(|error| Error::Encode(error.to_string()))
}
