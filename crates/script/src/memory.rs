//! An engine whose memory goes back to a moment: so nothing that a call leaves behind can be seen by another.
//!
//! A [`Heap`] is one QuickJS runtime with one context, and all that they allocate comes from an allocator of their own (`blocks`).
//! When the library and the app's modules have run, [`Heap::keep`] copies that memory; before each call the copy is written back,
//! byte for byte. That is faster than a new context by two orders of magnitude, and leaves no doubt: prototypes, modules' variables,
//! symbols, pending promises, the engine's own tables and counters are what they were, also after a call that ran out of memory or time.
//!
//! # Why the `unsafe` here is sound
//! All state of QuickJS stands in memory from its allocator: it has no variables of its own beside constants and the lock of `Atomics`.
//! So writing the copy back brings it to a state that it was in, with the same pointers, as long as what lives *outside* that memory
//! and points into it, or is pointed at from it, is as it was too:
//! - Handles of Rust on JavaScript values: those of a call cannot outlive [`Heap::run`] (their lifetime `'js` ends with it), and the
//!   [`Persistent`] ones are made before `keep` and live as long as the heap. Calls make none; this crate is the only one that could.
//! - Boxes of Rust that JavaScript objects own (functions of Rust): all are made before `keep` and are reachable from the kept root, which
//!   nothing in a call can change; so none is freed, and none is made in a call.
//! - Tables of `rquickjs`: they are filled when a class is first used, which is before `keep`, since only functions of Rust are one.
//! - The stack: nothing of the engine runs while the memory is written.

#![expect(
    unsafe_code,
    reason = "an allocator, and going back to a copy of its memory; the module's text says why that is sound"
)]

mod blocks;
mod traces;

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rquickjs::allocator::Allocator;
use rquickjs::context::intrinsic;
use rquickjs::{Context, Ctx, Object, Persistent, Runtime};

use blocks::{Blocks, END_BYTES};
use traces::Traces;

/// What of the language there is: all but what needs a host.
type Language = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
    intrinsic::WeakRef,
);

/// How much more than the kept memory may be in use before the engine looks for garbage: most calls end before.
const GARBAGE_BYTES: usize = 4 << 20;

/// A runtime, its context and their memory.
pub(crate) struct Heap {
    context: ManuallyDrop<Context>,
    runtime: ManuallyDrop<Runtime>,
    root: ManuallyDrop<Option<Persistent<Object<'static>>>>,
    traces: ManuallyDrop<Traces>,
    /// Owned; the runtime's allocator has the same pointer.
    blocks: *mut Blocks,
    /// Whether a panic went through it: nobody knows what state it is in.
    broken: bool,
}

// SAFETY: whoever has the heap has all that belongs to it: the handles are inside it, and the allocator's pointer is used by its runtime
// and by itself alone, never at once, since calls need it mutably.
unsafe impl Send for Heap {}

/// The allocator as the runtime has it.
struct Shared(*mut Blocks);

// SAFETY: blocks are aligned and as large as asked for, and told apart by their header; the pointer is valid as long as the runtime, and used by
// one thread at a time.
unsafe impl Allocator for Shared {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        // SAFETY: see above.
        unsafe { (*self.0).allocate(size) }
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        let Some(bytes) = count.checked_mul(size) else { return std::ptr::null_mut() };
        let block = self.alloc(bytes);
        if !block.is_null() {
            // SAFETY: the block has so many bytes.
            unsafe { block.write_bytes(0, bytes) }
        }
        block
    }

    unsafe fn dealloc(&mut self, block: *mut u8) {
        // SAFETY: the caller's.
        unsafe { (*self.0).free(block) }
    }

    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> *mut u8 {
        if block.is_null() {
            return self.alloc(size);
        }
        // SAFETY: the caller's.
        unsafe { (*self.0).resize(block, size) }
    }

    unsafe fn usable_size(block: *mut u8) -> usize {
        // SAFETY: the caller's.
        unsafe { Blocks::size_of(block) }
    }
}

impl Heap {
    /// A heap of at most so much memory, whose calls take at most so much stack; once the time is `over`, it has no more for them, and
    /// they end.
    pub(crate) fn new(
        memory_bytes: usize,
        stack_bytes: usize,
        over: impl Fn() -> bool + Clone + Send + 'static,
    ) -> rquickjs::Result<Heap> {
        let blocks = Blocks::new(memory_bytes, Box::new(over.clone()));
        let end = Arc::clone(&blocks.end);
        let blocks = Box::into_raw(Box::new(blocks));
        let made = Runtime::new_with_alloc(Shared(blocks)).and_then(|runtime| {
            runtime.set_max_stack_size(stack_bytes);
            let context = Context::custom::<Language>(&runtime)?;
            let traces = context.with(|ctx| Traces::of(&ctx, stack_bytes))?;
            let raw = traces.raw.clone();
            // SAFETY: nothing of the engine runs.
            unsafe { (*blocks).traces = Some(raw.clone()) }
            runtime.set_interrupt_handler(Some(Box::new(move || {
                let over = over() && !raw.is_ending();
                if over {
                    end.store(END_BYTES, Ordering::Relaxed);
                    // SAFETY: the engine asks this while it runs, and the heap has the setter as long as it has the runtime.
                    unsafe { raw.end() }
                }
                over
            })));
            Ok((context, runtime, traces))
        });
        match made {
            Ok((context, runtime, traces)) => Ok(Heap {
                context: ManuallyDrop::new(context),
                runtime: ManuallyDrop::new(runtime),
                traces: ManuallyDrop::new(traces),
                root: ManuallyDrop::new(None),
                blocks,
                broken: false,
            }),
            Err(error) => {
                // SAFETY: the runtime is gone, so nobody else has the pointer.
                drop(unsafe { Box::from_raw(blocks) });
                Err(error)
            }
        }
    }

    /// The runtime, for what is set before [`Heap::keep`].
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Whether it wanted more memory than it may have, since it was made or since the last call.
    pub(crate) fn ran_out(&self) -> bool {
        // SAFETY: the engine does not run, or runs what called this; it is a plain flag.
        unsafe { (*self.blocks).ran_out }
    }

    /// Prepares the context with `root`, and remembers the moment after it: what calls begin with. Gives the bytes that each call costs to
    /// go back.
    ///
    /// # Errors
    /// Those of `root`: then there is no moment, and the heap is of no use.
    pub(crate) fn keep<E>(
        &mut self,
        root: impl for<'js> FnOnce(&Ctx<'js>) -> Result<Object<'js>, E>,
    ) -> Result<usize, E> {
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.context.with(|ctx| root(&ctx).map(|root| Persistent::save(&ctx, root)))
        }));
        self.broken |= done.is_err();
        let root = done.unwrap_or_else(|panic| resume_unwind(panic))?;
        self.root = ManuallyDrop::new(Some(root));
        self.runtime.run_gc();
        let used = usize::try_from(self.runtime.memory_usage().malloc_size).unwrap_or(0);
        self.runtime.set_gc_threshold(used + GARBAGE_BYTES);
        // SAFETY: nothing of the engine runs, so nobody else uses the pointer.
        Ok(unsafe { (*self.blocks).keep() })
    }

    /// Runs a part of a call: the first one begins with the kept moment, another one with what the one before left.
    pub(crate) fn run<T>(&mut self, part: impl for<'js> FnOnce(&Ctx<'js>, &Object<'js>) -> T) -> T {
        let root = (*self.root).clone();
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.context.with(|ctx| {
                let root = root.and_then(|root| root.restore(&ctx).ok()).unwrap_or_else(|| ctx.globals());
                part(&ctx, &root)
            })
        }));
        self.broken |= done.is_err();
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Begins a call: goes back to the kept moment, whatever the call before has left. Not at that one's end, since what is written back
    /// here is in the processor's caches when the call needs it.
    pub(crate) fn begin(&mut self) {
        if !self.broken {
            // SAFETY: see the module's text.
            unsafe { (*self.blocks).restore() }
        }
    }

    /// Ends a call, whatever became of it: gives back the memory that it took. Nothing runs before the next one begins.
    pub(crate) fn end(&mut self) {
        if !self.broken {
            // SAFETY: nothing of the engine runs, and nobody has a handle of the call's.
            unsafe { (*self.blocks).release() }
        }
    }

    /// Whether a panic went through it, so that it must not be used again.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        if self.broken {
            // A lock inside may be poisoned: what is leaked here is bounded by how often this program has a bug.
            return;
        }
        // SAFETY: nothing of the engine runs.
        if unsafe { (*self.blocks).ran_out || (*self.blocks).late } {
            // It had no more memory before there was a moment to go back to, and then the engine loses count of what it has. So it is not
            // asked to free it: a few kilobytes of Rust are lost, and nobody has the pointer, since the runtime is never looked at again.
            // SAFETY: see above.
            drop(unsafe { Box::from_raw(self.blocks) });
            return;
        }
        // SAFETY: see the module's text for the first; the handles are dropped once, before what they point into, and then nobody
        // else has the allocator's pointer.
        unsafe {
            (*self.blocks).release();
            (*self.blocks).restore();
            (*self.blocks).traces = None;
            ManuallyDrop::drop(&mut self.root);
            ManuallyDrop::drop(&mut self.traces);
            ManuallyDrop::drop(&mut self.context);
            ManuallyDrop::drop(&mut self.runtime);
            drop(Box::from_raw(self.blocks));
        }
    }
}
