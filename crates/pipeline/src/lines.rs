//! A stream, cut into lines.

use bytes::{Buf as _, Bytes, BytesMut};

/// What some programs write before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What came of a stream so far, and is no whole line yet.
#[derive(Debug)]
pub struct Lines {
    /// The beginning of a line.
    rest: BytesMut,
    /// Bytes of a line at the most.
    most: usize,
    /// The line that comes was too long already: it is passed over.
    passing: bool,
    /// Whether nothing was cut yet.
    first: bool,
}

/// A line is longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// What a line is handed to.
type Line<'l> = Result<&'l [u8], TooLong>;

impl Lines {
    /// Of lines that have at most so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Lines {
        Lines { rest: BytesMut::new(), most, passing: false, first: true }
    }

    /// Takes the next line off what came and hands it to `each`, without its end; in the place of one that is too long, that it is.
    /// Lines with nothing in them are left out. Whether there may be more.
    pub fn next(&mut self, chunk: &mut Bytes, mut each: impl FnMut(Line<'_>)) -> bool {
        let Some(end) = chunk.iter().position(|byte| *byte == b'\n') else {
            self.keep(chunk, &mut each);
            chunk.clear();
            return false;
        };
        let piece = &chunk[..end];
        if self.rest.is_empty() {
            self.line(piece, &mut each);
        } else {
            self.keep(piece, &mut each);
            let whole = std::mem::take(&mut self.rest);
            self.line(&whole, &mut each);
            // The room is kept for the next.
            self.rest = whole;
            self.rest.clear();
        }
        self.passing = false;
        chunk.advance(end + 1);
        true
    }

    /// Hands over what stands behind the last end of a line.
    pub fn end(&mut self, mut each: impl FnMut(Line<'_>)) {
        let whole = std::mem::take(&mut self.rest);
        self.line(&whole, &mut each);
    }

    /// Keeps a piece of a line, unless it makes it too long.
    fn keep(&mut self, piece: &[u8], each: &mut impl FnMut(Line<'_>)) {
        if self.passing {
            return;
        }
        if self.rest.len() + piece.len() > self.most {
            self.rest.clear();
            self.passing = true;
            self.first = false;
            each(Err(TooLong));
            return;
        }
        self.rest.extend_from_slice(piece);
    }

    /// Hands over a whole line.
    fn line(&mut self, mut line: &[u8], each: &mut impl FnMut(Line<'_>)) {
        if self.passing {
            return;
        }
        if std::mem::take(&mut self.first) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.len() > self.most {
            each(Err(TooLong));
        } else if !line.trim_ascii().is_empty() {
            each(Ok(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&'static str], most: usize) -> Vec<String> {
        let (mut lines, mut found) = (Lines::new(most), Vec::new());
        let mut each = |line: Line<'_>| {
            found.push(line.map_or_else(|_| "too long".to_owned(), |line| String::from_utf8_lossy(line).into()));
        };
        for chunk in chunks {
            let mut chunk = Bytes::from_static(chunk.as_bytes());
            while lines.next(&mut chunk, &mut each) {}
        }
        lines.end(each);
        found
    }

    /// However the text is cut, these are its lines.
    fn is_cut(text: &'static str, most: usize, wanted: &[&str]) {
        assert_eq!(cut(&[text], most), wanted);
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let (before, behind) = text.split_at(at);
            assert_eq!(cut(&[before, behind], most), wanted, "{at}");
        }
        let letters: Vec<&str> = text.char_indices().map(|(at, letter)| &text[at..at + letter.len_utf8()]).collect();
        assert_eq!(cut(&letters, most), wanted);
    }

    #[test]
    fn lines_are_the_same_wherever_the_stream_is_cut() {
        is_cut("{\"a\":1}\n\n  \n{\"b\":2}\r\n{\"c\":3}", 9, &["{\"a\":1}", "{\"b\":2}\r", "{\"c\":3}"]);
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_alone() {
        is_cut(
            "1234\n12345\n\n6\n1234567890123\n12\n12345",
            4,
            &["1234", "too long", "6", "too long", "12", "too long"],
        );
    }

    #[test]
    fn a_byte_order_mark_before_the_first_line_is_none_of_it() {
        is_cut("\u{feff}{}\n\u{feff}{}\n", 9, &["{}", "\u{feff}{}"]);
        is_cut("\u{feff}\n{}", 9, &["{}"]);
    }
}
