//! What a file of the pages can be called in a URL.

use percent_encoding::percent_decode_str;

/// The one hidden folder that is meant for everybody (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

/// Whether a path, as it was sent, may name a file: no part of it is hidden or leads up, none is empty but the last, and
/// none means more than one part when it is decoded.
pub(super) fn file(path: &str) -> bool {
    let Some(parts) = path.strip_prefix('/') else { return false };
    let last = parts.split('/').count() - 1;
    parts.split('/').enumerate().all(|(at, part)| {
        if part.is_empty() {
            return at == last;
        }
        let Ok(name) = percent_decode_str(part).decode_utf8() else { return false };
        let is_hidden = name.starts_with('.') && !(at == 0 && name == WELL_KNOWN);
        !is_hidden && !name.contains(['/', '\\', '\0'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_files() {
        for path in ["/", "/a", "/a/", "/a/b.html", "/a.b/c..d", "/%61", "/caf%C3%A9", "/a%20b", "/.well-known/x"] {
            assert!(file(path), "{path}");
        }
    }

    #[test]
    fn ways_out_and_hidden_names_are_not() {
        for path in [
            "",
            "/..",
            "/../a",
            "/a/..",
            "/a/../b",
            "/%2e%2e/a",
            "/%2E%2e",
            "/.%2e/a",
            "/..%2fa",
            "/a%2f..%2fb",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/..%5c",
            "//",
            "//a",
            "/a//b",
            "/.",
            "/./a",
            "/%2e/a",
            "/.git/config",
            "/a/.env",
            "/%2eenv",
            "/a/.well-known/x",
            "/.well-known/.x",
            "/a%00",
            "/%00",
            "/a%00.html",
            "/%ff",
            "/%c0%ae%c0%ae/a",
            "/...",
            "a",
            "a/b",
        ] {
            assert!(!file(path), "{path}");
        }
    }
}
