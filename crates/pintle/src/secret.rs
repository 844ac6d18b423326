//! Secrets, from the environment or from a file, as Docker and Kubernetes mount them.

use std::path::PathBuf;

use crate::failure::Failure;

/// `given` (a flag, or the variable `name`), else what stands in the file that the variable `NAME_FILE` names.
pub(crate) fn or_file(given: Option<String>, name: &str) -> Result<Option<String>, Failure> {
    if given.is_some() {
        return Ok(given);
    }
    let variable = format!("{name}_FILE");
    let Some(path) = std::env::var_os(&variable).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::because(format!("cannot read `{}`, which {variable} names", path.display()), &error)
    })?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}
