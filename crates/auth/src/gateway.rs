//! What a gateway tells a service of a request, and the proof that it was the gateway: a header `t=SECONDS,v1=HEX`, an
//! HMAC-SHA256 over all that is told and the time, under a secret that both know.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{push_hex, same};

/// Characters that a secret has at the least: 32 hex digits are 128 bits.
pub const SECRET_CHARS_MIN: usize = 32;
/// How far a signature's time may be from the service's own, in seconds: clocks differ, and a request that somebody saw on
/// its way must not be good for ever.
pub const AGE_SECONDS_MAX: u64 = 60;

/// The secret that a gateway and its services share. No `Debug` shows it.
#[derive(Clone)]
pub struct GatewayKey(Hmac<Sha256>);

/// What a gateway vouches for.
#[derive(Debug, Clone, Copy)]
pub struct Passed<'a> {
    /// The method.
    pub method: &'a str,
    /// The path with the parameters, as the service gets them.
    pub target: &'a str,
    /// The request's id.
    pub id: &'a [u8],
    /// The value of `Forwarded`: who asks, how, and for which host.
    pub forwarded: &'a [u8],
}

impl GatewayKey {
    /// Reads a secret.
    ///
    /// # Errors
    /// When it is too short to be one, as the end of a sentence that names it.
    pub fn new(secret: &str) -> Result<GatewayKey, String> {
        let count = secret.chars().count();
        if count < SECRET_CHARS_MIN {
            return Err(format!("has {count} characters, a secret of a gateway has {SECRET_CHARS_MIN} at the least"));
        }
        Hmac::new_from_slice(secret.as_bytes()).map(GatewayKey).map_err(|error| format!("is no key: {error}"))
    }

    /// The header's value for a request that is passed on now, in seconds since 1970.
    #[must_use]
    pub fn sign(&self, passed: Passed<'_>, now: u64) -> String {
        let mut mac = self.0.clone();
        let time = now.to_string();
        let parts = [passed.method.as_bytes(), passed.target.as_bytes(), passed.id, passed.forwarded, time.as_bytes()];
        for part in parts {
            // With its length, so that nothing can be moved from one part to the next.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut text = format!("t={time},v1=");
        push_hex(&mut text, &mac.finalize().into_bytes());
        text
    }

    /// Whether a header's value is what [`GatewayKey::sign`] made for this request, and not long ago. There is one form of
    /// it: what differs in a byte is refused.
    #[must_use]
    pub fn verify(&self, header: &str, passed: Passed<'_>, now: u64) -> bool {
        let time = header.strip_prefix("t=").and_then(|rest| rest.split_once(',')).map(|(time, _)| time);
        let Some(time) = time.and_then(|time| time.parse::<u64>().ok()) else { return false };
        now.abs_diff(time) <= AGE_SECONDS_MAX && same(header, &self.sign(passed, time))
    }
}

impl std::fmt::Debug for GatewayKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GatewayKey")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const NOW: u64 = 1_800_000_000;

    fn key() -> GatewayKey {
        GatewayKey::new(SECRET).unwrap()
    }

    #[test]
    fn a_short_secret_is_refused_without_showing_it() {
        let refused = GatewayKey::new("hunter2").unwrap_err();
        assert_eq!(refused, "has 7 characters, a secret of a gateway has 32 at the least");
        assert_eq!(format!("{:?}", key()), "GatewayKey");
    }

    #[test]
    fn the_signature_is_the_one_that_others_can_compute() {
        let passed = Passed { method: "GET", target: "/a?b=c", id: b"id", forwarded: b"for=127.0.0.1" };
        let signed = key().sign(passed, NOW);
        // Python: hmac.new(secret, b"".join(len(p).to_bytes(8, "big") + p for p in parts), "sha256").hexdigest()
        assert_eq!(signed, "t=1800000000,v1=faf2365a1cf774b791e5d4bfb0e1deb52930f4023474f80016ab1d096a84f207");
    }

    proptest! {
        #[test]
        fn what_is_signed_holds_for_a_minute_and_under_its_secret_alone(
            method in "[A-Z]{1,8}", target in "/[!-~]{0,40}", id in ".{0,20}", forwarded in ".{0,60}",
            age in 0..3 * AGE_SECONDS_MAX, other in "[a-z]{32}",
        ) {
            let passed = Passed { method: &method, target: &target, id: id.as_bytes(), forwarded: forwarded.as_bytes() };
            let signed = key().sign(passed, NOW);
            let fresh = age <= AGE_SECONDS_MAX;
            prop_assert_eq!(key().verify(&signed, passed, NOW + age), fresh);
            prop_assert_eq!(key().verify(&signed, passed, NOW - age), fresh);
            prop_assert!(!GatewayKey::new(&other).unwrap().verify(&signed, passed, NOW));
        }

        #[test]
        fn any_changed_byte_is_refused(
            parts in prop::collection::vec("[ -~]{1,20}", 4), which in 0..5_usize, at in any::<prop::sample::Index>(),
            by in 1..=255_u8,
        ) {
            let passed = |parts: &[Vec<u8>]| -> Option<(String, String)> {
                Some((String::from_utf8(parts[0].clone()).ok()?, String::from_utf8(parts[1].clone()).ok()?))
            };
            let verified = |signed: &str, parts: &[Vec<u8>]| -> Option<bool> {
                let (method, target) = passed(parts)?;
                let given = Passed { method: &method, target: &target, id: &parts[2], forwarded: &parts[3] };
                Some(key().verify(signed, given, NOW))
            };
            let mut parts: Vec<Vec<u8>> = parts.into_iter().map(String::into_bytes).collect();
            let (method, target) = passed(&parts).unwrap();
            let signed = key().sign(Passed { method: &method, target: &target, id: &parts[2], forwarded: &parts[3] }, NOW);
            prop_assert_eq!(verified(&signed, &parts), Some(true));
            // Of what is told, or of the header itself.
            let mut header = signed.into_bytes();
            let changed = if which == 4 { &mut header } else { &mut parts[which] };
            let at = at.index(changed.len());
            changed[at] ^= by;
            // What is no text cannot be asked.
            if let Ok(header) = String::from_utf8(header) {
                prop_assert_ne!(verified(&header, &parts), Some(true));
            }
        }

        #[test]
        fn nothing_moves_from_one_part_to_the_next(text in "[a-z]{2,20}", at in 1..20_usize) {
            let at = at.min(text.len() - 1);
            let whole = Passed { method: "GET", target: "/", id: text.as_bytes(), forwarded: b"" };
            let (id, forwarded) = text.as_bytes().split_at(at);
            let parted = Passed { id, forwarded, ..whole };
            prop_assert!(!key().verify(&key().sign(whole, NOW), parted, NOW));
        }

        #[test]
        fn any_text_is_no_signature(text in ".{0,100}") {
            let passed = Passed { method: "GET", target: "/", id: b"", forwarded: b"" };
            prop_assert!(!key().verify(&text, passed, NOW));
        }
    }
}
