//! The body of a create: its type checks most of it, a few lines the rest.

use serde::Deserialize;
use serde_json::value::RawValue;

/// An item as it is posted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewItem {
    pub(super) key: String,
    pub(super) title: String,
    pub(super) category: String,
    pub(super) owner: String,
    pub(super) amount: i64,
    #[serde(default = "yes")]
    pub(super) active: bool,
    pub(super) data: Option<Box<RawValue>>,
}

fn yes() -> bool {
    true
}

impl NewItem {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(body: &[u8]) -> Result<NewItem, String> {
        let item: NewItem = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if item.key.is_empty() || item.key.len() > 64 || !item.key.bytes().all(letters) {
            return Err("`key` is at most 64 of a-z, 0-9 and -".to_owned());
        }
        if item.title.is_empty() || item.title.chars().count() > 200 {
            return Err("`title` has 1 to 200 characters".to_owned());
        }
        if item.category.chars().count() > 40 {
            return Err("`category` has at most 40 characters".to_owned());
        }
        if !(0..=1_000_000_000).contains(&item.amount) {
            return Err("`amount` is from 0 to 1000000000".to_owned());
        }
        Ok(item)
    }
}
