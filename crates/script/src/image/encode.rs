//! The PNG of a canvas.

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use super::options::Rgba;
use super::{Canvas, Color};

/// Colours that a PNG's palette holds.
const PALETTE_MAX: usize = 256;

pub(super) fn png(canvas: &Canvas, colors: &[Rgba]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    write(canvas, colors, &mut bytes).map_err(|error| format!("image.png: {error}"))?;
    Ok(bytes)
}

fn write(canvas: &Canvas, colors: &[Rgba], bytes: &mut Vec<u8>) -> Result<(), png::EncodingError> {
    // The edges are checked to be small.
    let edge = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let mut encoder = Encoder::new(bytes, edge(canvas.width), edge(canvas.height));
    encoder.set_compression(Compression::Balanced);
    let data = if colors.len() <= PALETTE_MAX {
        let bits = bits(colors.len());
        encoder.set_color(ColorType::Indexed);
        // Numbers of colours that stand beside each other have no likeness that a filter could use.
        encoder.set_filter(Filter::NoFilter);
        encoder.set_depth(depth(bits));
        encoder.set_palette(colors.iter().flat_map(|color| &color[..3]).copied().collect::<Vec<u8>>());
        if colors.iter().any(|color| color[3] != u8::MAX) {
            encoder.set_trns(colors.iter().map(|color| color[3]).collect::<Vec<u8>>());
        }
        packed(canvas, bits)
    } else {
        encoder.set_color(ColorType::Rgba);
        encoder.set_depth(BitDepth::Eight);
        canvas.pixels.iter().flat_map(|color| colors[usize::from(*color)]).collect()
    };
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&data)?;
    writer.finish()
}

/// The bits that number so many colours.
fn bits(colors: usize) -> usize {
    match colors {
        ..3 => 1,
        3..5 => 2,
        5..17 => 4,
        _ => 8,
    }
}

fn depth(bits: usize) -> BitDepth {
    match bits {
        1 => BitDepth::One,
        2 => BitDepth::Two,
        4 => BitDepth::Four,
        _ => BitDepth::Eight,
    }
}

/// The colours' numbers, so many bits each, the first in the highest bits; each line begins with a byte of its own.
fn packed(canvas: &Canvas, bits: usize) -> Vec<u8> {
    let in_byte = 8 / bits;
    let mut data = Vec::with_capacity(canvas.width.div_ceil(in_byte) * canvas.height);
    for line in canvas.pixels.chunks_exact(canvas.width) {
        data.extend(line.chunks(in_byte).map(|colors| byte(colors, bits)));
    }
    data
}

fn byte(colors: &[Color], bits: usize) -> u8 {
    let shifted = colors.iter().enumerate().map(|(at, color)| color << (8 - bits * (at + 1)));
    // Numbers have no more bits than they were given.
    u8::try_from(shifted.fold(0, |all, color| all | color)).unwrap_or(u8::MAX)
}
