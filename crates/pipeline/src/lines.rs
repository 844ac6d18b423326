//! A stream, cut into lines.

use bytes::{Buf as _, Bytes, BytesMut};

/// What came of a stream so far, and is no whole line yet.
#[derive(Debug)]
pub struct Lines {
    /// The beginning of a line.
    rest: BytesMut,
    /// Bytes of a line at the most.
    most: usize,
}

/// A line is longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl Lines {
    /// Of lines that have at most so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Lines {
        Lines { rest: BytesMut::new(), most }
    }

    /// Hands each line that is whole now to `each`, without its end. Lines with nothing in them are left out.
    ///
    /// # Errors
    /// At a line that is too long; what comes behind it cannot be told from it any more.
    pub fn push(&mut self, mut chunk: Bytes, mut each: impl FnMut(&[u8])) -> Result<(), TooLong> {
        if !self.rest.is_empty() {
            let end = chunk.iter().position(|byte| *byte == b'\n');
            self.rest.extend_from_slice(&chunk[..end.unwrap_or(chunk.len())]);
            if self.rest.len() > self.most {
                return Err(TooLong);
            }
            let Some(end) = end else { return Ok(()) };
            line(&self.rest, &mut each);
            self.rest.clear();
            chunk.advance(end + 1);
        }
        let mut left = &chunk[..];
        while let Some(end) = left.iter().position(|byte| *byte == b'\n') {
            if end > self.most {
                return Err(TooLong);
            }
            line(&left[..end], &mut each);
            left = &left[end + 1..];
        }
        if left.len() > self.most {
            return Err(TooLong);
        }
        self.rest.extend_from_slice(left);
        Ok(())
    }

    /// Hands over what stands behind the last end of a line.
    pub fn end(&mut self, mut each: impl FnMut(&[u8])) {
        line(&self.rest, &mut each);
        self.rest.clear();
    }
}

fn line(bytes: &[u8], each: &mut impl FnMut(&[u8])) {
    if !bytes.trim_ascii().is_empty() {
        each(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&'static str], most: usize) -> Result<Vec<String>, TooLong> {
        let (mut lines, mut found) = (Lines::new(most), Vec::new());
        for chunk in chunks {
            lines
                .push(Bytes::from_static(chunk.as_bytes()), |line| found.push(String::from_utf8_lossy(line).into()))?;
        }
        lines.end(|line| found.push(String::from_utf8_lossy(line).into()));
        Ok(found)
    }

    #[test]
    fn lines_are_the_same_wherever_the_stream_is_cut() {
        let text = "{\"a\":1}\n\n  \n{\"b\":2}\r\n{\"c\":3}";
        let whole = cut(&[text], 9).unwrap();
        assert_eq!(whole, ["{\"a\":1}", "{\"b\":2}\r", "{\"c\":3}"]);
        for at in 0..text.len() {
            let (before, behind) = text.split_at(at);
            assert_eq!(cut(&[before, behind], 9).unwrap(), whole, "{at}");
        }
        let bytes: Vec<&str> = (0..text.len()).map(|at| &text[at..=at]).collect();
        assert_eq!(cut(&bytes, 9).unwrap(), whole);
    }

    #[test]
    fn a_line_that_is_too_long_ends_the_stream_wherever_it_is_cut() {
        for chunks in [&["12345\n"][..], &["123", "45\n"], &["1\n12345"], &["1\n1234", "5"]] {
            assert_eq!(cut(chunks, 4), Err(TooLong), "{chunks:?}");
        }
        assert_eq!(cut(&["1234\n1234"], 4).unwrap(), ["1234", "1234"]);
    }
}
