//! Commands that a user can copy into a shell.

use std::ffi::OsStr;

/// How this program was started: what the user would type to start it again.
pub(crate) fn program() -> String {
    let name = std::env::args_os().next().unwrap_or_else(|| "pintle".into());
    quote(&name)
}

/// A word as a POSIX shell reads it back.
pub(crate) fn quote(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn plain_words_stay_and_others_are_quoted() {
        assert_eq!(quote("apps/configs"), "apps/configs");
        assert_eq!(quote("sqlite:/tmp/a.db"), "sqlite:/tmp/a.db");
        assert_eq!(quote("my app"), "'my app'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("$(x)"), "'$(x)'");
        assert_eq!(quote(""), "''");
    }
}
