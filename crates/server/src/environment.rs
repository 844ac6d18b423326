//! What an app is told by its environment: the variables that its manifest names, and no others.

use std::collections::BTreeMap;
use std::fmt;

/// The variables that are set, by name. Their values are secrets: no log and no `Debug` shows them.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
}

impl Environment {
    /// The value of a variable that the manifest names; `None` when it is not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(values: T) -> Environment {
        Environment { values: values.into_iter().collect() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment ")?;
        f.debug_set().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_and_never_shown() {
        let environment = Environment::from_iter([("HOOK".to_owned(), "https://secret.example".to_owned())]);
        assert_eq!(environment.get("HOOK"), Some("https://secret.example"));
        assert_eq!(environment.get("OTHER"), None);
        assert_eq!(format!("{environment:?}"), "Environment {\"HOOK\"}");
    }
}
