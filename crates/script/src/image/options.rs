//! What a script asks `image.png` for.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Color;

/// Pixels of a picture at the most: 32 MiB of memory while it is drawn, which a picture of a map has use for.
const PIXELS_MAX: usize = 16 << 20;
/// Pixels of an edge at the most: what viewers show.
const EDGE_MAX: usize = 1 << 14;
/// Pixels of a point's edge at the most, so that no row takes long to draw.
const SIZE_MAX: usize = 256;
/// Colours of a palette at the most.
const COLORS_MAX: usize = 4096;
/// What may be asked for.
const KNOWN: [&str; 11] =
    ["width", "height", "background", "x", "y", "color", "palette", "fallback", "origin", "scale", "size"];

/// Red, green, blue, and how much of what lies below is covered.
pub(super) type Rgba = [u8; 4];

/// The options, checked.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) color: Option<String>,
    /// The palette's values, as texts: a number or a boolean as JSON writes it.
    pub(super) palette: HashMap<String, Color>,
    pub(super) fallback: Option<Color>,
    /// Every colour that the picture may have, each once; the first is the background's.
    pub(super) colors: Vec<Rgba>,
    pub(super) origin: (f64, f64),
    pub(super) scale: (f64, f64),
    pub(super) size: (usize, usize),
}

impl Options {
    pub(super) fn read(text: &str) -> Result<Options, String> {
        let given: Value = serde_json::from_str(text).map_err(|error| format!("image.png: {error}"))?;
        let Value::Object(given) = given else {
            return Err(format!("image.png takes an object of options, not {}", shown(&given)));
        };
        if let Some(strange) = given.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            let known = KNOWN.join("`, `");
            return Err(format!("image.png: there is no option `{strange}`; there are `rows`, `{known}`"));
        }
        let (width, height) = (edge(&given, "width")?, edge(&given, "height")?);
        if width * height > PIXELS_MAX {
            let pixels = width * height;
            return Err(format!("image.png: {width} × {height} are {pixels} pixels, at most {PIXELS_MAX} are drawn"));
        }
        let mut colors = vec![given.get("background").map_or(Ok([0; 4]), |value| rgba("background", value))?];
        let color = name(&given, "color")?;
        let palette = palette(&given, &mut colors)?;
        let fallback = given.get("fallback").map(|value| rgba("fallback", value)).transpose()?;
        let fallback = fallback.map(|fallback| number(fallback, &mut colors));
        if color.is_some() && palette.is_empty() && fallback.is_none() {
            return Err(
                "image.png: `color` names a field, so `palette` must say which value has which colour".to_owned()
            );
        }
        if color.is_none() && fallback.is_none() {
            let message =
                "image.png: say which colour the points have: `color` and `palette`, or `fallback` for all of them";
            return Err(message.to_owned());
        }
        let scale = pair(&given, "scale", (1.0, 1.0), true)?;
        if scale.0 == 0.0 || scale.1 == 0.0 {
            return Err("image.png: `scale` is a number of pixels a unit, and 0 would leave nothing to see".to_owned());
        }
        Ok(Options {
            width,
            height,
            x: name(&given, "x")?.ok_or_else(|| missing("x"))?,
            y: name(&given, "y")?.ok_or_else(|| missing("y"))?,
            color,
            palette,
            fallback,
            colors,
            origin: pair(&given, "origin", (0.0, 0.0), false)?,
            size: size(&given, scale)?,
            scale,
        })
    }
}

fn missing(name: &str) -> String {
    format!("image.png: `{name}` is missing: the name of the field with a row's {name} coordinate")
}

/// A value as a message repeats it.
pub(super) fn shown(value: &Value) -> String {
    const SHOWN_MAX: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn whole(value: &Value, most: usize) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|number| (1..=most).contains(number))
}

fn edge(given: &Map<String, Value>, name: &str) -> Result<usize, String> {
    let value = given.get(name).ok_or_else(|| format!("image.png: `{name}` is missing: a number of pixels"))?;
    whole(value, EDGE_MAX).ok_or_else(|| {
        format!("image.png: `{name}` must be a whole number of pixels from 1 to {EDGE_MAX}, not {}", shown(value))
    })
}

/// A field's name.
fn name(given: &Map<String, Value>, option: &str) -> Result<Option<String>, String> {
    match given.get(option) {
        None => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.clone())),
        Some(other) => Err(format!("image.png: `{option}` must be the name of a field, not {}", shown(other))),
    }
}

/// Two numbers, for x and y; `one` takes a single one for both.
fn pair(given: &Map<String, Value>, option: &str, default: (f64, f64), one: bool) -> Result<(f64, f64), String> {
    let Some(value) = given.get(option) else { return Ok(default) };
    let finite = |value: &Value| value.as_f64().filter(|number| number.is_finite());
    let found = match value {
        Value::Object(both) if both.len() == 2 => both.get("x").and_then(finite).zip(both.get("y").and_then(finite)),
        single if one => finite(single).map(|number| (number, number)),
        _ => None,
    };
    found.ok_or_else(|| {
        let form = if one { "a number, or `{ x, y }` with two" } else { "`{ x, y }` with two numbers" };
        format!("image.png: `{option}` must be {form}, not {}", shown(value))
    })
}

/// The edges of a point; by default as many pixels as a unit has, so that neighbours touch.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "brought between 1 and the largest size, which is small"
)]
fn size(given: &Map<String, Value>, scale: (f64, f64)) -> Result<(usize, usize), String> {
    match given.get("size") {
        None => {
            let touching = |scale: f64| scale.abs().ceil().clamp(1.0, SIZE_MAX as f64) as usize;
            Ok((touching(scale.0), touching(scale.1)))
        }
        Some(value) => whole(value, SIZE_MAX).map(|size| (size, size)).ok_or_else(|| {
            format!("image.png: `size` must be a whole number of pixels from 1 to {SIZE_MAX}, not {}", shown(value))
        }),
    }
}

fn palette(given: &Map<String, Value>, colors: &mut Vec<Rgba>) -> Result<HashMap<String, Color>, String> {
    let palette = match given.get("palette") {
        None => return Ok(HashMap::new()),
        Some(Value::Object(palette)) => palette,
        Some(other) => {
            return Err(format!("image.png: `palette` must be an object of colours by value, not {}", shown(other)));
        }
    };
    if !given.contains_key("color") {
        return Err(
            "image.png: `palette` needs `color`: the name of the field whose values it has colours for".to_owned()
        );
    }
    if palette.len() > COLORS_MAX {
        return Err(format!("image.png: `palette` has {} values, at most {COLORS_MAX} are taken", palette.len()));
    }
    let mut numbers = HashMap::with_capacity(palette.len());
    for (value, color) in palette {
        let color = rgba(&format!("palette.{value}"), color)?;
        numbers.insert(value.clone(), number(color, colors));
    }
    Ok(numbers)
}

/// A colour's number, which it gets the first time.
fn number(color: Rgba, colors: &mut Vec<Rgba>) -> Color {
    let at = colors.iter().position(|known| *known == color).unwrap_or_else(|| {
        colors.push(color);
        colors.len() - 1
    });
    // The palette is bounded far below.
    Color::try_from(at).unwrap_or(0)
}

fn rgba(option: &str, value: &Value) -> Result<Rgba, String> {
    let found = match value {
        Value::String(text) => hex(text),
        Value::Array(parts) => {
            let bytes: Option<Vec<u8>> =
                parts.iter().map(|part| part.as_u64().and_then(|part| u8::try_from(part).ok())).collect();
            bytes.and_then(|bytes| opaque(&bytes))
        }
        _ => None,
    };
    found.ok_or_else(|| {
        let shown = shown(value);
        format!("image.png: `{option}` must be a colour, as \"#33cc33\" or [51, 204, 51] (a fourth is how opaque it is), not {shown}")
    })
}

fn hex(text: &str) -> Option<Rgba> {
    let digits = text.strip_prefix('#').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2));
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    opaque(&bytes?)
}

fn opaque(bytes: &[u8]) -> Option<Rgba> {
    match *bytes {
        [red, green, blue] => Some([red, green, blue, u8::MAX]),
        [red, green, blue, alpha] => Some([red, green, blue, alpha]),
        _ => None,
    }
}
