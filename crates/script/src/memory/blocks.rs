//! The allocator of one engine: it remembers a moment, and can go back to it.
//!
//! Small blocks stand in chunks, one after another, and freed ones are kept by size for the next that fits. Big ones are the
//! system's. [`Blocks::keep`] copies all that is in use; [`Blocks::release`] gives back what came later, and [`Blocks::restore`] writes the copy back
//! where it was.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::traces::Raw;

/// Bytes before each block: its size.
const HEADER_BYTES: usize = size_of::<usize>();
/// What QuickJS aligns its blocks to.
const ALIGN: usize = 8;
/// Bytes of a chunk.
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes, with the header, of the largest block in a chunk.
const SMALL_BYTES_MAX: usize = 32 << 10;
/// Sizes of small blocks: each 64 bytes up to this, each 512 up to the largest. Most are QuickJS's own chunks, of about 4 KiB.
const FINE_BYTES_MAX: usize = 8 << 10;
const FINE: usize = FINE_BYTES_MAX / 64;
const SIZES: usize = FINE + (SMALL_BYTES_MAX - FINE_BYTES_MAX) / 512;

/// Memory from the system.
struct Chunk {
    start: NonNull<u8>,
    bytes: usize,
    /// How many of them are blocks, once the chunk is full.
    used: usize,
}

impl Chunk {
    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(bytes, ALIGN).ok()
    }

    fn new(bytes: usize) -> Option<Chunk> {
        let layout = Chunk::layout(bytes).filter(|layout| layout.size() > 0)?;
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc(layout) })?;
        Some(Chunk { start, bytes, used: bytes })
    }

    /// The same with another size: what fits of its content is kept. `None` leaves it as it was.
    fn resize(&mut self, bytes: usize) -> Option<()> {
        let old = Chunk::layout(self.bytes)?;
        let new = Chunk::layout(bytes).filter(|layout| layout.size() > 0)?;
        // SAFETY: it was allocated with `old`, and the new size is a layout's and not zero.
        self.start = NonNull::new(unsafe { realloc(self.start.as_ptr(), old, new.size()) })?;
        self.bytes = bytes;
        Some(())
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(layout) = Chunk::layout(self.bytes) {
            // SAFETY: it was allocated with this layout, and nobody else frees it.
            unsafe { dealloc(self.start.as_ptr(), layout) }
        }
    }
}

/// Where the next blocks come from.
#[derive(Clone, Copy)]
struct Places {
    /// Where the last chunk is still free, and its end.
    next: *mut u8,
    end: *mut u8,
    /// The freed blocks of each size; each holds the address of the next.
    free: [*mut u8; SIZES],
    /// Bytes handed out.
    used: usize,
}

/// The moment to go back to.
struct Kept {
    places: Places,
    /// How many of the chunks there were.
    chunks: usize,
    /// The big blocks that there were: held until this moment is over.
    _big: Vec<Chunk>,
    /// What stood in the chunks, where it was in use, and in the big blocks.
    images: Vec<Image>,
}

/// What stood at a place.
struct Image {
    start: *mut u8,
    content: Vec<MaybeUninit<u8>>,
}

/// The allocator.
pub(super) struct Blocks {
    places: Places,
    chunks: Vec<Chunk>,
    /// Big blocks by their address, but those of the kept moment.
    big: BTreeMap<usize, Chunk>,
    kept: Option<Kept>,
    limit: usize,
    /// Whether more was wanted than there may be.
    pub(super) ran_out: bool,
    /// Whether the time is over.
    over: Box<dyn Fn() -> bool>,
    /// Whether a block was refused since the time was over.
    pub(super) late: bool,
    /// What it ends with the first of them.
    pub(super) traces: Option<Raw>,
    /// Bytes that are left for the call's end, once the engine is about to end it.
    pub(super) end: Arc<AtomicUsize>,
}

/// Bytes of a block that is worth a look at the clock: functions of the engine that work long without one, as the product of large BigInts does,
/// begin with a block for what they make.
const TIMED_BYTES_MIN: usize = 512;
/// Bytes for the error by which the engine ends a call whose time is over, whatever else is refused: what it throws where there is no room for that,
/// a script could catch, and go on.
pub(super) const END_BYTES: usize = 64 << 10;

/// The size that a small block of so many bytes (with its header) has, and its place among the sizes.
fn small(bytes: usize) -> (usize, usize) {
    if bytes <= FINE_BYTES_MAX {
        let at = bytes.div_ceil(64);
        (at * 64, at - 1)
    } else {
        let at = (bytes - FINE_BYTES_MAX).div_ceil(512);
        (FINE_BYTES_MAX + at * 512, FINE + at - 1)
    }
}

impl Blocks {
    /// An allocator that hands out at most `limit` bytes, and no larger block once the time is `over`.
    pub(super) fn new(limit: usize, over: Box<dyn Fn() -> bool>) -> Blocks {
        let places = Places { next: ptr::null_mut(), end: ptr::null_mut(), free: [ptr::null_mut(); SIZES], used: 0 };
        Blocks {
            places,
            chunks: Vec::new(),
            big: BTreeMap::new(),
            kept: None,
            limit,
            ran_out: false,
            over,
            late: false,
            traces: None,
            end: Arc::default(),
        }
    }

    /// Whether a block is for the call's end.
    fn is_of_the_end(&self, size: usize) -> bool {
        self.end.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(size)).is_ok()
    }

    /// Whether a block of so many bytes comes too late.
    fn is_late(&mut self, size: usize) -> bool {
        let late = size >= TIMED_BYTES_MIN && (self.over)() && !self.is_of_the_end(size);
        if late && !self.late {
            self.late = true;
            // SAFETY: it is the engine that wants the block, and these are taken away before the heap's traces go. The setter keeps a number in
            // the place of another one, so it comes back here for no block.
            self.traces.iter().for_each(|traces| unsafe { traces.end() });
        }
        late
    }

    /// A block of `size` bytes, or null where the limit or the system has no more, or the time is over.
    pub(super) fn allocate(&mut self, size: usize) -> *mut u8 {
        if self.is_late(size) { ptr::null_mut() } else { self.take(size) }
    }

    /// The same at any time.
    fn take(&mut self, size: usize) -> *mut u8 {
        if size > self.limit.saturating_sub(self.places.used) && !self.is_of_the_end(size) {
            self.ran_out = true;
            return ptr::null_mut();
        }
        // No overflow: the limit is far below what a `usize` holds.
        let bytes = size.next_multiple_of(ALIGN) + HEADER_BYTES;
        let (start, bytes) = if bytes <= SMALL_BYTES_MAX {
            let (bytes, at) = small(bytes);
            (self.take_small(bytes, at), bytes)
        } else {
            let chunk = Chunk::new(bytes);
            let start = chunk.as_ref().map_or(ptr::null_mut(), |chunk| chunk.start.as_ptr());
            self.big.extend(chunk.map(|chunk| (start.addr(), chunk)));
            (start, bytes)
        };
        if start.is_null() {
            self.ran_out = true;
            return start;
        }
        self.places.used += bytes - HEADER_BYTES;
        // SAFETY: `start` has `bytes` bytes, at least the header's, and is aligned for it.
        unsafe {
            start.cast::<usize>().write(bytes - HEADER_BYTES);
            start.add(HEADER_BYTES)
        }
    }

    fn take_small(&mut self, bytes: usize, at: usize) -> *mut u8 {
        let free = self.places.free[at];
        if !free.is_null() {
            // SAFETY: a freed block has the address of the next where its content was.
            self.places.free[at] = unsafe { free.add(HEADER_BYTES).cast::<*mut u8>().read() };
            return free;
        }
        if self.places.end.addr() - self.places.next.addr() < bytes && !self.grow() {
            return ptr::null_mut();
        }
        let start = self.places.next;
        // SAFETY: there are so many bytes before the chunk's end.
        self.places.next = unsafe { start.add(bytes) };
        start
    }

    fn grow(&mut self) -> bool {
        let Some(chunk) = Chunk::new(CHUNK_BYTES) else { return false };
        self.fill_up();
        self.places.next = chunk.start.as_ptr();
        // SAFETY: the end of what was allocated.
        self.places.end = unsafe { self.places.next.add(CHUNK_BYTES) };
        self.chunks.push(chunk);
        true
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// `block` is one of this allocator's, and not taken back yet.
    pub(super) unsafe fn free(&mut self, block: *mut u8) {
        // SAFETY: each block has its header before it, and was made in `allocate`.
        let (start, size) = unsafe { (block.sub(HEADER_BYTES), Blocks::size_of(block)) };
        self.places.used -= size;
        if size + HEADER_BYTES > SMALL_BYTES_MAX {
            // One of the kept moment is not there: it stays until that is over.
            self.big.remove(&start.addr());
            return;
        }
        let (_, at) = small(size + HEADER_BYTES);
        // SAFETY: the smallest block has room for an address.
        unsafe { block.cast::<*mut u8>().write(self.places.free[at]) };
        self.places.free[at] = start;
    }

    /// The same block with another size, perhaps elsewhere; null leaves it as it was.
    ///
    /// # Safety
    /// As for [`Blocks::free`].
    pub(super) unsafe fn resize(&mut self, block: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: the caller's.
        let old = unsafe { Blocks::size_of(block) };
        if size <= old && old + HEADER_BYTES <= SMALL_BYTES_MAX {
            return block;
        }
        if size > old && self.is_late(size) {
            return ptr::null_mut();
        }
        let address = block.addr() - HEADER_BYTES;
        let bytes = size.saturating_add(ALIGN + HEADER_BYTES) & !(ALIGN - 1);
        if bytes > SMALL_BYTES_MAX
            && size <= self.limit.saturating_sub(self.places.used - old)
            && let Some(mut chunk) = self.big.remove(&address)
        {
            let resized = chunk.resize(bytes).is_some();
            let (start, now) = (chunk.start.as_ptr(), chunk.bytes - HEADER_BYTES);
            self.big.insert(start.addr(), chunk);
            self.places.used = self.places.used - old + now;
            self.ran_out |= !resized;
            // SAFETY: the header and the content are where `Chunk::resize` left them.
            return unsafe {
                start.cast::<usize>().write(now);
                if resized { start.add(HEADER_BYTES) } else { ptr::null_mut() }
            };
        }
        let new = self.take(size);
        if !new.is_null() {
            // SAFETY: both are blocks of at least so many bytes, and not the same.
            unsafe {
                ptr::copy_nonoverlapping(block, new, old.min(size));
                self.free(block);
            }
        }
        new
    }

    /// The bytes of a block.
    ///
    /// # Safety
    /// `block` is one of such an allocator's.
    pub(super) unsafe fn size_of(block: *mut u8) -> usize {
        // SAFETY: each block has its header before it.
        unsafe { block.sub(HEADER_BYTES).cast::<usize>().read() }
    }

    /// Notes how far the last chunk is used.
    fn fill_up(&mut self) {
        if let Some(last) = self.chunks.last_mut() {
            last.used = self.places.next.addr() - last.start.addr().get();
        }
    }

    /// Remembers this moment. Gives the bytes that are copied at each [`Blocks::restore`].
    pub(super) fn keep(&mut self) -> usize {
        self.fill_up();
        let images: Vec<Image> = self.chunks.iter().flat_map(|chunk| self.images(chunk)).collect();
        // What calls make stands in a chunk of its own, which stays: most need no more.
        self.grow();
        let big: Vec<Chunk> = std::mem::take(&mut self.big).into_values().collect();
        let big_images = big.iter().map(|chunk| Image::of(chunk.start.as_ptr(), chunk.bytes));
        let images: Vec<Image> = images.into_iter().chain(big_images).collect();
        let bytes = images.iter().map(|image| image.content.len()).sum();
        self.kept = Some(Kept { places: self.places, chunks: self.chunks.len(), _big: big, images });
        bytes
    }

    /// What of a chunk is in use: of a freed block its header and the address of the next.
    fn images(&self, chunk: &Chunk) -> Vec<Image> {
        let mut free = BTreeSet::new();
        for mut block in self.places.free {
            while !block.is_null() {
                free.insert(block.addr());
                // SAFETY: as in `take_small`.
                block = unsafe { block.add(HEADER_BYTES).cast::<*mut u8>().read() };
            }
        }
        let mut images = Vec::new();
        let (mut from, mut at) = (0, 0);
        while at < chunk.used {
            // SAFETY: blocks stand one after another up to `used`, each with its size before it.
            let start = unsafe { chunk.start.as_ptr().add(at) };
            let bytes = HEADER_BYTES + unsafe { start.cast::<usize>().read() };
            if free.contains(&start.addr()) {
                images.push((from, at + HEADER_BYTES + size_of::<*mut u8>()));
                from = at + bytes;
            }
            at += bytes;
        }
        images.push((from, chunk.used));
        // SAFETY: both ends are in the chunk.
        let image =
            |(from, to): (usize, usize)| Image::of(unsafe { chunk.start.as_ptr().add(from) }, to.saturating_sub(from));
        images.into_iter().map(image).collect()
    }

    /// Gives back what came after the moment of [`Blocks::keep`]; without one, nothing happens.
    ///
    /// # Safety
    /// Nobody uses a block that is younger than that moment, and nothing of the engine runs before [`Blocks::restore`].
    pub(super) unsafe fn release(&mut self) {
        let Some(kept) = &self.kept else { return };
        self.places = kept.places;
        self.big.clear();
        self.chunks.truncate(kept.chunks);
        self.ran_out = false;
        self.late = false;
        self.end.store(0, Ordering::Relaxed);
    }

    /// Writes back what stood there at the moment of [`Blocks::keep`]; without one, nothing happens.
    ///
    /// # Safety
    /// [`Blocks::release`] was called since something else ran, and nobody relies on what a kept block holds by now.
    pub(super) unsafe fn restore(&mut self) {
        let Some(kept) = &self.kept else { return };
        for Image { start, content } in &kept.images {
            // SAFETY: it was copied from there, and the chunk still stands.
            unsafe { ptr::copy_nonoverlapping(content.as_ptr(), start.cast(), content.len()) }
        }
    }
}

impl Image {
    /// What stands at a place, also what nobody has written yet.
    fn of(start: *mut u8, bytes: usize) -> Image {
        let mut content = vec![MaybeUninit::uninit(); bytes];
        // SAFETY: the callers have so many bytes there, and these are others.
        unsafe { ptr::copy_nonoverlapping(start.cast(), content.as_mut_ptr(), bytes) };
        Image { start, content }
    }
}
