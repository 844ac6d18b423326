//! A file, read so that no record of it takes more memory than one may.

use std::io::{BufRead, Error, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are read at once.
pub(super) const CHUNK_BYTES: usize = 256 << 10;
/// What some programs write before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Nothing is bounded yet.
const NOWHERE: u64 = u64::MAX;

/// How far a file is read, and where the record began that is read now.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    bytes: Arc<AtomicU64>,
    begun: Arc<AtomicU64>,
    most: u64,
}

impl Reading {
    /// Of records that have at most so many bytes.
    pub(super) fn new(most: u64) -> Reading {
        let begun = Arc::new(AtomicU64::new(NOWHERE));
        Reading { bytes: Arc::new(AtomicU64::new(0)), begun, most }
    }

    /// Bytes that are read, counted from the file's beginning.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A record begins here.
    pub(super) fn begins(&self, at: u64) {
        self.begun.store(at, Ordering::Relaxed);
    }

    /// Whether what is read now is too long for a record.
    pub(super) fn is_over(&self) -> bool {
        let begun = self.begun.load(Ordering::Relaxed);
        self.bytes().saturating_sub(begun) > self.most.saturating_add(CHUNK_BYTES as u64)
    }
}

/// What is read of a file, unless a record is too long.
pub(super) struct Bounded<R>(pub(super) R, pub(super) Reading);

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.1.is_over() {
            return Err(Error::other("a record is too long"));
        }
        let read = self.0.read(into)?;
        self.1.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = self.0.seek(to)?;
        self.1.bytes.store(at, Ordering::Relaxed);
        Ok(at)
    }
}

/// What a reader of records finds behind a file: a record of its own, unless a quote is open there.
pub(super) const END: &[u8] = LINE.split_at(1).1;
/// The same, on a line of its own.
const LINE: &[u8] = b"\n\0the end of the file\0";

/// A file with its end told.
pub(super) struct Ended<R> {
    file: R,
    /// What is to come of the end.
    left: &'static [u8],
}

impl<R> Ended<R> {
    pub(super) fn new(file: R) -> Ended<R> {
        Ended { file, left: LINE }
    }
}

impl<R: Read> Read for Ended<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.file.read(into)? {
            0 => self.left.read(into),
            read => Ok(read),
        }
    }
}

impl<R: Seek> Seek for Ended<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.left = LINE;
        self.file.seek(to)
    }
}

/// Why a record is refused that has more bytes than one may have.
pub(super) fn too_long(most: u64) -> String {
    format!("it is longer than the {most} bytes that the manifest's `limits.body` allows a record")
}

/// Passes over a byte order mark, where a file begins; how many bytes that is. (The reader of CSV does so by itself.)
pub(super) fn byte_order_mark(reader: &mut impl BufRead) -> std::io::Result<u64> {
    let marked = reader.fill_buf()?.starts_with(BYTE_ORDER_MARK);
    let bytes = if marked { BYTE_ORDER_MARK.len() } else { 0 };
    reader.consume(bytes);
    Ok(bytes as u64)
}

/// Takes the next line into `line`, as far as one may be long; how many bytes it has in the file.
pub(super) fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>, most: u64) -> std::io::Result<u64> {
    line.clear();
    // What is one byte too long is known to be.
    let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(2);
    let mut bytes = 0;
    loop {
        let chunk = reader.fill_buf()?;
        let end = chunk.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let piece = &chunk[..end.unwrap_or(chunk.len())];
        let kept = piece.len().min(room.saturating_sub(line.len()));
        line.extend_from_slice(&piece[..kept]);
        let read = piece.len();
        reader.consume(read);
        bytes += read as u64;
        if end.is_some() || read == 0 {
            return Ok(bytes);
        }
    }
}
