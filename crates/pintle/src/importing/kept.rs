//! A file whose bytes are kept while somebody else reads them one by one: of a value that was passed over, and may be no UTF-8, that is how
//! its text is had.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What of a file was read.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    bytes: Rc<Cell<u64>>,
    /// The value that is read, as far as one may be long.
    kept: Rc<RefCell<Vec<u8>>>,
    most: usize,
}

impl Kept {
    /// Of a file that was read up to here, and values that have at most so many bytes: of a longer one more than that is kept, and not all.
    pub(super) fn behind(bytes: u64, most: u64) -> Kept {
        let most = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1);
        Kept { bytes: Rc::new(Cell::new(bytes)), kept: Rc::default(), most }
    }

    /// Bytes from the file's beginning on.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// The next value begins.
    pub(super) fn begins(&self) {
        self.kept.borrow_mut().clear();
    }

    /// The value that ends here.
    pub(super) fn last<T>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        read(&self.kept.borrow())
    }

    fn take(&self, bytes: &[u8]) {
        self.bytes.set(self.bytes.get() + bytes.len() as u64);
        let mut kept = self.kept.borrow_mut();
        for byte in bytes {
            // What stands between two values.
            let before = kept.is_empty() && (byte.is_ascii_whitespace() || *byte == b',');
            if !before && kept.len() < self.most {
                kept.push(*byte);
            }
        }
    }
}

/// The file.
pub(super) struct Keeping<R>(pub(super) R, pub(super) Kept);

impl<R: std::io::Read> std::io::Read for Keeping<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(into)?;
        self.1.take(&into[..read]);
        Ok(read)
    }
}
