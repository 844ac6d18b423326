//! What an app sets beside its data: who may call from where, how much, how durably.

use std::time::Duration;

/// Which web pages of other origins may call (CORS).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins such as `https://example.com`; `*` alone is any. Empty: none.
    pub origins: Vec<String>,
    /// Whether cookies and the like may be sent; not together with `*`.
    pub credentials: bool,
    /// How long a browser may keep the answer to its preflight.
    pub max_age: Option<Duration>,
}

/// What a request may ask for at the most; each has its own clear error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body. Default 1 MiB.
    pub body_bytes: u64,
    /// Bytes of a URL. Default 8 KiB.
    pub url_bytes: u64,
    /// Levels of arrays and objects in a body. Default 32.
    pub depth: u32,
    /// Rows that one answer of `/rest/v1` may hold; `None` is any number. Default none, as PostgREST.
    pub rows: Option<u64>,
    /// How long a request may take. Default 30 s.
    pub timeout: Duration,
    /// Bytes that answers of routes with `cache` may take together. Default 64 MiB: thousands of ordinary answers, in a server
    /// that otherwise needs about as much.
    pub cache_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes: 1 << 20,
            url_bytes: 8 << 10,
            depth: 32,
            rows: None,
            timeout: Duration::from_secs(30),
            cache_bytes: 64 << 20,
        }
    }
}

/// When a write is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// After its sync: an answered write survives a power cut.
    #[default]
    Full,
    /// After its commit: a power cut may lose the last moments; a crash of the process does not.
    Relaxed,
}
