//! The functions of Rust that the library in JavaScript calls; scripts do not see them.
//!
//! All are made when an instance is built, and none holds a JavaScript value. What needs the host is only noted here
//! ([`State::ask`](crate::state::State::ask)): the host is called between steps of the script, never from inside one.

mod csv;
mod rows;
mod world;

pub(crate) use world::failure;

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use rquickjs::function::IntoJsFunc;
use rquickjs::{Ctx, Exception, Function, Object, Result, TypedArray, Value};
use sha2::{Digest, Sha256};

use crate::state::Shared;

/// Bytes that may be asked for at once.
const RANDOM_BYTES_MAX: usize = 1 << 20;

/// A `Uint8Array`.
type Octets<'js> = TypedArray<'js, u8>;

/// The object of all these functions.
pub(crate) fn functions<'js>(ctx: &Ctx<'js>, shared: &Arc<Shared>) -> Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    world::add(&native, shared)?;
    chance(&native, shared)?;
    set(&native, "sha256", |ctx: Ctx<'js>, data: Octets<'js>| {
        let hash = Sha256::digest(bytes(&data)?);
        Octets::new_copy(ctx, hash)
    })?;
    set(&native, "hmac", |ctx: Ctx<'js>, key: Octets<'js>, data: Octets<'js>| {
        let wrong = |_| Exception::throw_type(&ctx, "that is no key");
        let mut mac = Hmac::<Sha256>::new_from_slice(&bytes(&key)?).map_err(wrong)?;
        mac.update(&bytes(&data)?);
        Octets::new_copy(ctx.clone(), mac.finalize().into_bytes())
    })?;
    set(&native, "equal", |one: Octets<'js>, other: Octets<'js>| -> Result<bool> {
        let (one, other) = (bytes(&one)?, bytes(&other)?);
        let differ = one.iter().zip(&other).fold(0, |differ, (a, b)| differ | (a ^ b));
        Ok(one.len() == other.len() && std::hint::black_box(differ) == 0)
    })?;
    set(&native, "encode", |ctx: Ctx<'js>, text: String| Octets::new_copy(ctx, text))?;
    set(&native, "decode", |ctx: Ctx<'js>, data: Octets<'js>, fatal: bool| {
        let data = bytes(&data)?;
        if fatal && std::str::from_utf8(&data).is_err() {
            return Err(Exception::throw_type(&ctx, "these bytes are no UTF-8"));
        }
        let text = String::from_utf8_lossy(&data);
        Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
    })?;
    set(&native, "csvParse", |ctx: Ctx<'js>, text: String, header: bool, delimiter: String| {
        let json = csv::parse(&text, header, &delimiter).map_err(|error| Exception::throw_type(&ctx, &error))?;
        ctx.json_parse(json)
    })?;
    set(&native, "csvFormat", |ctx: Ctx<'js>, rows: String, delimiter: String| {
        csv::format(&rows, &delimiter).map_err(|error| Exception::throw_type(&ctx, &error))
    })?;
    Ok(native)
}

fn chance<'js>(native: &Object<'js>, shared: &Arc<Shared>) -> Result<()> {
    let state = Arc::clone(shared);
    set(native, "number", move || state.state.lock().random.number())?;
    let state = Arc::clone(shared);
    set(native, "uuid", move || state.state.lock().random.uuid())?;
    let state = Arc::clone(shared);
    set(native, "random", move |ctx: Ctx<'js>, length: f64| {
        if !(0.0..=RANDOM_BYTES_MAX as f64).contains(&length) || length.fract() != 0.0 {
            let message = format!("the number of random bytes is from 0 to {RANDOM_BYTES_MAX}, not {length}");
            return Err(Exception::throw_range(&ctx, &message));
        }
        let mut bytes = vec![0; length as usize];
        state.state.lock().random.fill(&mut bytes);
        Octets::new_copy(ctx, bytes)
    })
}

fn set<'js, P>(native: &Object<'js>, name: &str, function: impl IntoJsFunc<'js, P> + 'js) -> Result<()> {
    native.set(name, Function::new(native.ctx().clone(), function)?.with_name(name)?)
}

/// What a `Uint8Array` holds; it must not be detached.
#[expect(unsafe_code, reason = "the array's bytes are copied before anything of the engine can run")]
fn bytes(array: &Octets<'_>) -> Result<Vec<u8>> {
    // SAFETY: nothing of JavaScript runs while the slice is alive.
    let bytes = unsafe { array.as_bytes() }.map(<[u8]>::to_vec);
    bytes.ok_or(rquickjs::Error::new_from_js("a detached Uint8Array", "bytes"))
}

/// A JavaScript value of JSON text.
pub(crate) fn json<'js>(ctx: &Ctx<'js>, text: &[u8]) -> Result<Value<'js>> {
    ctx.json_parse(text)
}
