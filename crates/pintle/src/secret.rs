//! Secrets, from the environment or from a file, as Docker and Kubernetes mount them.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::failure::Failure;

/// What a flag says, else what stands in the file that the variable `NAME_FILE` names, else the variable `NAME`: an image has
/// one of its own, which whoever mounts a secret need not take away. `given` is the flag's or the variable's, whose values
/// clap makes one.
pub(crate) fn or_file(given: Option<String>, name: &str) -> Result<Option<String>, Failure> {
    if given.is_some() && given != std::env::var(name).ok() {
        return Ok(given);
    }
    let variable = format!("{name}_FILE");
    match std::env::var_os(&variable).filter(|path| !path.is_empty()) {
        Some(path) => of_file(&variable, path).map(Some),
        None => Ok(given),
    }
}

/// What stands in a file that `variable` names, without the newline that editors leave at its end.
pub(crate) fn of_file(variable: &str, path: OsString) -> Result<String, Failure> {
    let path = PathBuf::from(path);
    let mut text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::because(format!("cannot read `{}`, which {variable} names", path.display()), &error)
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
