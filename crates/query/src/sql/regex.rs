//! Regular expressions in PostgreSQL's syntax: Rust's, taken apart and put together anew, so that both stores find the
//! same. What upper and lower case fold to, and what a class holds, is spelled out; no word here depends on a locale.
//!
//! Whether something matches is all that is asked, so groups capture nothing and greed makes no difference.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

/// The greatest bound of a repetition that PostgreSQL knows.
const BOUND_MAX: u32 = 255;

/// A regular expression of Rust's syntax in PostgreSQL's; with `fold`, upper and lower case are the same.
///
/// # Errors
/// What it holds that PostgreSQL cannot say.
pub(crate) fn postgres_regex(pattern: &str, fold: bool) -> Result<String, String> {
    // The same settings as where SQLite's are compiled.
    let mut parser = ParserBuilder::new().case_insensitive(fold).dot_matches_new_line(true).build();
    let hir = parser.parse(pattern).map_err(|error| error.to_string())?;
    let mut out = String::with_capacity(pattern.len() + 16);
    write(&hir, &mut out)?;
    Ok(out)
}

fn write(hir: &Hir, out: &mut String) -> Result<(), String> {
    match hir.kind() {
        HirKind::Empty => out.push_str("(?:)"),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).map_err(|_| bytes())?;
            text.chars().for_each(|c| character(c, out));
        }
        HirKind::Class(found) => class(&ranges(found)?, false, out),
        HirKind::Look(look) => self::look(*look, out),
        HirKind::Repetition(repetition) => repeat(repetition, out)?,
        HirKind::Capture(capture) => group(&capture.sub, out)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, out))?,
        HirKind::Alternation(parts) => {
            for (n, part) in parts.iter().enumerate() {
                out.push_str(if n == 0 { "(?:" } else { "|" });
                write(part, out)?;
            }
            out.push(')');
        }
    }
    Ok(())
}

fn group(hir: &Hir, out: &mut String) -> Result<(), String> {
    out.push_str("(?:");
    write(hir, out)?;
    out.push(')');
    Ok(())
}

fn bytes() -> String {
    "a byte that is no character".to_owned()
}

fn character(c: char, out: &mut String) {
    match u32::from(c) {
        _ if c.is_alphanumeric() => out.push(c),
        code @ ..=0xffff => out.push_str(&format!("\\u{code:04X}")),
        code => out.push_str(&format!("\\U{code:08X}")),
    }
}

/// The characters of a class, from and to. No text has a NUL, and PostgreSQL does not want one.
fn ranges(class: &Class) -> Result<Vec<(char, char)>, String> {
    let all: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) if class.is_ascii() => {
            class.iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
        Class::Bytes(_) => return Err(bytes()),
    };
    Ok(all.into_iter().filter(|(_, to)| *to > '\0').map(|(from, to)| (from.max('\u{1}'), to)).collect())
}

fn class(ranges: &[(char, char)], negated: bool, out: &mut String) {
    match ranges {
        // Nothing is in it: nothing is beyond the last character.
        [] => return class(&[('\u{1}', char::MAX)], !negated, out),
        [('\u{1}', char::MAX)] if !negated => return out.push('.'),
        _ => {}
    }
    out.push_str(if negated { "[^" } else { "[" });
    for (from, to) in ranges {
        character(*from, out);
        if from != to {
            out.push('-');
            character(*to, out);
        }
    }
    out.push(']');
}

/// Bounds of any size, of pieces that PostgreSQL knows: `x{300,}` is `(?:x{255})x{45}x*`.
fn repeat(repetition: &Repetition, out: &mut String) -> Result<(), String> {
    let (min, max) = (repetition.min, repetition.max);
    if repetition.sub.properties().maximum_len() == Some(0) {
        // What takes no character holds as often as it is asked, and PostgreSQL does not repeat it.
        return if min == 0 { write(&Hir::empty(), out) } else { group(&repetition.sub, out) };
    }
    let mut atom = String::new();
    match repetition.sub.kind() {
        HirKind::Class(_) => write(&repetition.sub, &mut atom)?,
        HirKind::Literal(literal) if literal.0.len() == 1 => write(&repetition.sub, &mut atom)?,
        _ => group(&repetition.sub, &mut atom)?,
    }
    match (min, max) {
        (0, None) => out.push_str(&format!("{atom}*")),
        (1, None) => out.push_str(&format!("{atom}+")),
        (_, None) => {
            times(&atom, min, false, out);
            out.push_str(&format!("{atom}*"));
        }
        (_, Some(max)) => {
            times(&atom, min, false, out);
            times(&atom, max.saturating_sub(min), true, out);
        }
    }
    Ok(())
}

/// So many times, or up to so many.
fn times(atom: &str, count: u32, up_to: bool, out: &mut String) {
    let bounds = |count: u32| if up_to { format!("{{0,{count}}}") } else { format!("{{{count}}}") };
    let (many, rest) = (count / BOUND_MAX, count % BOUND_MAX);
    if many > 0 {
        times(&format!("(?:{atom}{})", bounds(BOUND_MAX)), many, false, out);
    }
    match (rest, up_to) {
        (0, _) => {}
        (1, false) => out.push_str(atom),
        (1, true) => out.push_str(&format!("{atom}?")),
        _ => out.push_str(&format!("{atom}{}", bounds(rest))),
    }
}

fn look(look: Look, out: &mut String) {
    let ascii = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
    match look {
        Look::Start => out.push_str(r"\A"),
        Look::End => out.push_str(r"\Z"),
        Look::StartLF => out.push_str(r"(?:\A|(?<=\u000A))"),
        Look::EndLF => out.push_str(r"(?:\Z|(?=\u000A))"),
        Look::StartCRLF => out.push_str(r"(?:\A|(?<=\u000A)|(?<=\u000D)(?!\u000A))"),
        Look::EndCRLF => out.push_str(r"(?:\Z|(?=\u000D)|(?<!\u000D)(?=\u000A))"),
        Look::WordAscii => boundary(&ascii, &[[true, false], [false, true]], out),
        Look::WordAsciiNegate => boundary(&ascii, &[[true, true], [false, false]], out),
        Look::WordStartAscii => boundary(&ascii, &[[false, true]], out),
        Look::WordEndAscii => boundary(&ascii, &[[true, false]], out),
        Look::WordStartHalfAscii => beside("(?<!", &ascii, out),
        Look::WordEndHalfAscii => beside("(?!", &ascii, out),
        Look::WordUnicode => boundary(&word(), &[[true, false], [false, true]], out),
        Look::WordUnicodeNegate => boundary(&word(), &[[true, true], [false, false]], out),
        Look::WordStartUnicode => boundary(&word(), &[[false, true]], out),
        Look::WordEndUnicode => boundary(&word(), &[[true, false]], out),
        Look::WordStartHalfUnicode => beside("(?<!", &word(), out),
        Look::WordEndHalfUnicode => beside("(?!", &word(), out),
    }
}

/// `\w`, as Rust has it.
fn word() -> Vec<(char, char)> {
    let parsed = regex_syntax::parse(r"\w").ok();
    match parsed.as_ref().map(Hir::kind) {
        Some(HirKind::Class(class)) => ranges(class).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// One of these holds: whether a character of the word stands before, and whether one stands behind.
fn boundary(word: &[(char, char)], cases: &[[bool; 2]], out: &mut String) {
    for (n, [before, behind]) in cases.iter().enumerate() {
        out.push_str(if n == 0 { "(?:" } else { "|" });
        beside(if *before { "(?<=" } else { "(?<!" }, word, out);
        beside(if *behind { "(?=" } else { "(?!" }, word, out);
    }
    out.push(')');
}

fn beside(open: &str, word: &[(char, char)], out: &mut String) {
    out.push_str(open);
    class(word, false, out);
    out.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, fold: bool, expected: &str) {
        assert_eq!(postgres_regex(pattern, fold).as_deref(), Ok(expected), "{pattern}");
    }

    #[test]
    fn what_a_pattern_means_is_spelled_out() {
        check("^a.b$", false, r"\Aa.b\Z");
        check("ab|c(d)", true, "(?:[Aa][Bb]|[Cc](?:[Dd]))");
        check(r"[^x]{2,}", false, "[\\u0001-wy-\\U0010FFFF]{2}[\\u0001-wy-\\U0010FFFF]*");
        check(r"\(é\)+ß?", false, r"\u0028é\u0029+(?:ß)?");
        check("a{300}b{2,600}?", false, "(?:a{255})a{45}b{2}(?:b{0,255}){2}b{0,88}");
        check(r"(?m)^a$", false, r"(?:\A|(?<=\u000A))a(?:\Z|(?=\u000A))");
        check(r"(?-u:\b{start})a", false, r"(?:(?<![0-9A-Z\u005Fa-z])(?=[0-9A-Z\u005Fa-z]))a");
        check(r"[a&&b]|(?:^)*|$+", false, r"(?:[^\u0001-\U0010FFFF]|(?:)|\Z)");
        check("", false, "(?:)");
    }
}
