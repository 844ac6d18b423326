//! The variables of the environment that a manifest names, each as `NAME` or in the file that `NAME_FILE` names.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;

use pintle_model::{FetchTarget, Model};
use pintle_server::Environment;

use crate::failure::Failure;
use crate::secret;

/// Reads what the manifest names and the environment has. A variable that is set to nothing counts as not set.
///
/// # Errors
/// When a variable is given twice, or cannot be read. No error shows a value.
pub(crate) fn read(model: &Model) -> Result<Environment, Failure> {
    let environment = read_from(model, &|name| env::var_os(name))?;
    // The server reads them again; here nothing was opened or changed yet.
    if let Some(list) = &model.credentials.tokens
        && let Some(text) = environment.get(list)
    {
        pintle_auth::named_tokens(text).map_err(|reason| {
            Failure::new(format!("the variable {list} {reason}"))
                .help("`auth.tokens` reads it: a JSON object of each token and its user, {\"TOKEN\": \"user\"}")
        })?;
    }
    Ok(environment)
}

fn read_from(model: &Model, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Environment, Failure> {
    let values = names(model).into_iter().map(|name| Ok(value(name, variable)?.map(|value| (name.to_owned(), value))));
    values.filter_map(Result::transpose).collect()
}

/// The variables that the manifest names.
fn names(model: &Model) -> BTreeSet<&str> {
    let of_fetch = model.scripts.fetch.iter().filter_map(|target| match target {
        FetchTarget::Variable(name) => Some(name),
        FetchTarget::Origin(_) => None,
    });
    let all = model.credentials.tokens.iter().chain(&model.scripts.environment).chain(of_fetch);
    all.map(String::as_str).collect()
}

fn value(name: &str, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Option<String>, Failure> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let file = format!("{name}_FILE");
    match (set(name), set(&file)) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Failure::new(format!("both {name} and {file} are set"))
            .help(format!("the manifest reads {name}: set one of the two"))),
        (None, Some(path)) => secret::of_file(&file, path).map(Some),
        (Some(value), None) => match value.into_string() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Failure::new(format!("the variable {name} is no UTF-8 text"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "pintle: 1\nname: a\ncollections: {}\n";

    fn found(set: &[(&str, &str)]) -> Result<Environment, String> {
        let (model, _) = pintle_model::load("pintle.yaml", MANIFEST, &|_| Err(String::new()));
        let mut model = model.unwrap();
        model.scripts.environment = vec!["HOOK".to_owned()];
        model.scripts.fetch =
            vec![FetchTarget::Variable("HOOK".to_owned()), FetchTarget::Origin("https://a".to_owned())];
        model.credentials.tokens = Some("AUTH_TOKENS".to_owned());
        let variable = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        read_from(&model, &variable).map_err(|failure| failure.to_string())
    }

    #[test]
    fn only_what_the_manifest_names_is_read() {
        let environment = found(&[("HOOK", "h"), ("AUTH_TOKENS", "t"), ("HOME", "/root")]).unwrap();
        assert_eq!([environment.get("HOOK"), environment.get("AUTH_TOKENS")], [Some("h"), Some("t")]);
        assert_eq!(environment.get("HOME"), None);
        assert_eq!(found(&[("HOOK", "")]).unwrap().get("HOOK"), None, "set to nothing");
    }

    #[test]
    fn a_file_loses_its_last_newline_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hook");
        for (text, value) in [("h\n", "h"), ("h\r\n", "h"), ("h\n\n", "h\n"), ("h", "h")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(found(&[("HOOK_FILE", path.to_str().unwrap())]).unwrap().get("HOOK"), Some(value), "{text:?}");
        }
    }

    #[test]
    fn what_is_given_twice_or_cannot_be_read_is_told_without_a_value() {
        let twice = found(&[("HOOK", "secret"), ("HOOK_FILE", "/run/hook")]).unwrap_err();
        assert_eq!(
            twice,
            "error: both HOOK and HOOK_FILE are set\n  help: the manifest reads HOOK: set one of the two"
        );
        let missing = found(&[("HOOK_FILE", "/nowhere/hook")]).unwrap_err();
        assert!(missing.starts_with("error: cannot read `/nowhere/hook`, which HOOK_FILE names: "), "{missing}");
    }
}
