//! The traces of errors, which an engine makes no more once it is about to end a call, or has been late by a block.
//!
//! A trace has the names of functions, which may be as long as the memory. Where there is no room for one, the engine throws that there is no
//! memory, in the place of the error that ends the call: this a script can catch, and go on. So that error has no trace: nobody reads it.
//! And reading long names takes long, which a script may have the engine do thousands of times (where the stack ends, say) before it asks
//! whether to end the call. So there is no trace either from the first block that comes late.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rquickjs::{Ctx, Function, Object, Persistent, Result, qjs};

/// What sets how many lines a trace has, as the context had it before any script; scripts have none.
pub(super) struct Traces {
    pub(super) raw: Raw,
    /// Keeps the setter.
    _setter: Persistent<Function<'static>>,
}

/// The same for the engine, which asks whether to end a call where no handle of Rust is, and for its allocator.
#[derive(Clone)]
pub(super) struct Raw {
    ctx: NonNull<qjs::JSContext>,
    setter: qjs::JSValue,
    stack_bytes: usize,
    ending: Arc<AtomicBool>,
}

// SAFETY: whoever calls `Raw::end` has the engine, by that function's terms.
unsafe impl Send for Raw {}

impl Traces {
    pub(super) fn of(ctx: &Ctx<'_>, stack_bytes: usize) -> Result<Traces> {
        let setter: Function = ctx.eval("Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit').set")?;
        ctx.globals().get::<_, Object>("Error")?.remove("stackTraceLimit")?;
        let raw = Raw { ctx: ctx.as_raw(), setter: setter.as_raw(), stack_bytes, ending: Arc::default() };
        Ok(Traces { raw, _setter: Persistent::save(ctx, setter) })
    }
}

impl Raw {
    /// From now on traces are empty, until the memory goes back to its moment.
    ///
    /// # Safety
    /// The engine runs on this thread, and its [`Traces`] are still there.
    pub(super) unsafe fn end(&self) {
        let ctx = self.ctx.as_ptr();
        self.ending.store(true, Ordering::Relaxed);
        // SAFETY: the setter is a function of the engine's own, which runs no script. It keeps the number, which needs no memory; without
        // a limit to the stack it cannot fail where a script has used that up.
        unsafe {
            let runtime = qjs::JS_GetRuntime(ctx);
            qjs::JS_SetMaxStackSize(runtime, 0);
            qjs::JS_Call(ctx, self.setter, self.setter, 1, [qjs::JS_MKVAL(qjs::JS_TAG_INT, 0)].as_mut_ptr());
            qjs::JS_SetMaxStackSize(runtime, self.stack_bytes as _);
        }
        self.ending.store(false, Ordering::Relaxed);
    }

    /// Whether that is going on: a call's end, which takes memory, must then wait, as the allocator may be what is at it.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}
