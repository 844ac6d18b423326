//! What is stored, read and listed: the same items for every server.

use std::io::Write;

/// How many items a list chooses from.
pub(crate) const SEEDED: u64 = 100_000;
/// Into how many categories they fall: a list finds 100 items and answers the first 30.
pub(crate) const CATEGORIES: u64 = 1000;
/// How many items a list answers.
pub(crate) const PAGE: u32 = 30;
/// Whose items they are, and who asks.
pub(crate) const OWNER: &str = "bench";

/// The key of the nth item.
pub(crate) fn key(n: u64) -> String {
    format!("item-{n:09}")
}

/// The category of the nth item.
pub(crate) fn category(n: u64) -> String {
    format!("category-{:03}", n % CATEGORIES)
}

/// The nth item as a JSON object, appended to `to`.
pub(crate) fn write(n: u64, to: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(
        to,
        concat!(
            r#"{{"key":"{key}","title":"What item {n} is about, in a few words","category":"{category}","owner":"{owner}","#,
            r#""amount":{amount},"active":{active},"#,
            r#""data":{{"size":{{"h":{height},"w":{width}}},"tags":["red","small"]}}}}"#
        ),
        key = key(n),
        n = n,
        category = category(n),
        owner = OWNER,
        amount = n * 7 % 1000,
        active = !n.is_multiple_of(4),
        height = n % 90,
        width = n % 70,
    );
}
