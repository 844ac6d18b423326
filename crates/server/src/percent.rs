//! What stands percent-encoded in a URL, read strictly: a `%` that means nothing was meant to.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Why a text cannot be percent-decoded: what is wrong, and what would be right.
pub(crate) type Undecoded = (&'static str, &'static str);
pub(crate) type Decoded<'t> = Result<Cow<'t, str>, Undecoded>;

const STRAY: Undecoded = ("holds a % that no two hexadecimal digits follow", "write a % itself as %25");
/// Bytes that are no text.
pub(crate) const NO_UTF_8: Undecoded =
    ("holds bytes that are no UTF-8", "percent-encode the UTF-8 bytes of each character: é is %C3%A9");

/// A part of a path.
pub(crate) fn of_path(text: &str) -> Decoded<'_> {
    decoded(Cow::Borrowed(text))
}

/// A part of a query string, where `+` is a space.
pub(crate) fn of_query(text: &str) -> Decoded<'_> {
    decoded(if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) })
}

fn decoded(text: Cow<'_, str>) -> Decoded<'_> {
    if !text.contains('%') {
        return Ok(text);
    }
    let is_escape = |after: &str| after.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(is_escape) {
        return Err(STRAY);
    }
    percent_decode(text.as_bytes()).decode_utf8().map(|text| Cow::Owned(text.into_owned())).map_err(|_| NO_UTF_8)
}
