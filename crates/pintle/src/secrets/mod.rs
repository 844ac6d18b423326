//! Secret values in the files of a folder: `pintle check --secrets`.
//!
//! 1. [`scan`] reads every file that would be committed, or is: what `.gitignore` names is left out, unless git has it all the same.
//! 2. [`forms`] knows credentials by their form: keys, tokens of services, URLs with a password.
//! 3. [`named`] knows them by the name of what they are given to, if the value looks like chance.
//!
//! A line that says [`MARK`] holds none. Few false alarms matter as much as few misses: whom a check annoys turns it off.

mod forms;
mod named;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ignore::WalkBuilder;

use crate::failure::Failure;

/// What a line says that holds no secret, though it looks as if.
pub(crate) const MARK: &str = "pintle:no-secret";

/// How far into a file a NUL is looked for, which texts do not have.
const TEXT_BYTES: usize = 8 << 10;

/// What was found in a folder.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// In the order of paths and places.
    pub(crate) findings: Vec<Finding>,
    /// How many texts were read.
    pub(crate) files: usize,
    /// Whether this is a git repository and git did not tell what is committed.
    pub(crate) git_unheard: bool,
}

/// A secret, or what looks like one.
#[derive(Debug)]
pub(crate) struct Finding {
    path: PathBuf,
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    what: &'static str,
    /// Its beginning: enough to find it, too little to use it.
    begins: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path.display(), self.line, self.column, self.what)?;
        if self.begins.is_empty() { Ok(()) } else { write!(f, ", `{}…`", self.begins) }
    }
}

/// Something in a text, by its bytes there.
#[derive(Debug, Clone, Copy)]
struct Hit {
    start: usize,
    end: usize,
    what: &'static str,
}

/// Looks into every file of a folder, or into one file: into those that `.gitignore` names if they are `ignored` ones to look at too, or
/// committed.
///
/// # Errors
/// When something there cannot be read: what nobody looked at is not without secrets.
pub(crate) fn scan(folder: &Path, ignored: bool) -> Result<Scanned, Failure> {
    let mut paths = BTreeSet::new();
    // Hidden files are looked at, since `.env` is one. What only this machine ignores, another one may commit.
    let mut walk = WalkBuilder::new(folder);
    walk.hidden(false).git_global(false).git_exclude(false).git_ignore(!ignored).require_git(false).ignore(false);
    walk.filter_entry(|entry| entry.file_name() != ".git");
    for entry in walk.build() {
        let entry = entry.map_err(|error| Failure::because("cannot look for secrets", &error))?;
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            paths.insert(entry.into_path());
        }
    }
    let committed = if ignored { Some(Vec::new()) } else { committed(folder) };
    let mut scanned = Scanned { git_unheard: committed.is_none(), ..Scanned::default() };
    paths.extend(committed.unwrap_or_default());
    for path in &paths {
        let bytes =
            fs::read(path).map_err(|error| Failure::because(format!("cannot read {}", path.display()), &error))?;
        if bytes[..bytes.len().min(TEXT_BYTES)].contains(&0) {
            continue;
        }
        scanned.files += 1;
        scanned.findings.extend(in_text(path, &String::from_utf8_lossy(&bytes)));
    }
    Ok(scanned)
}

/// The files that git has, whatever `.gitignore` says of them; none where there is no repository, and nothing where git is not there or
/// does not answer.
fn committed(folder: &Path) -> Option<Vec<PathBuf>> {
    let whole = fs::canonicalize(folder).ok()?;
    if !whole.is_dir() || !whole.ancestors().any(|above| above.join(".git").exists()) {
        return Some(Vec::new());
    }
    let mut git = Command::new("git");
    // A hook of git's has variables that name its repository by paths from elsewhere.
    git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    git.arg("-C").arg(folder).args(["ls-files", "-z"]).stdin(Stdio::null());
    let told = git.output().ok().filter(|told| told.status.success())?.stdout;
    let names = told.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let paths = names.map(|name| folder.join(OsStr::from_bytes(name)));
    // What was removed since is not there, and links and other repositories are not files.
    Some(paths.filter(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_file())).collect())
}

/// The secrets in a file.
fn in_text(path: &Path, text: &str) -> Vec<Finding> {
    let mut hits = forms::hits(text);
    hits.extend(named::hits(path, text));
    // Of two rules that know the same value the one of its form comes first, and stays there.
    hits.sort_by_key(|hit| hit.start);
    let mut findings: Vec<Finding> = Vec::new();
    let mut known = 0;
    for hit in hits {
        if hit.start < known {
            continue;
        }
        let begin = text[..hit.start].rfind('\n').map_or(0, |at| at + 1);
        let line = text[begin..].lines().next().unwrap_or_default();
        if line.contains(MARK) {
            continue;
        }
        known = hit.end;
        findings.push(Finding {
            path: path.to_owned(),
            line: 1 + text[..begin].matches('\n').count(),
            column: 1 + text[begin..hit.start].chars().count(),
            what: hit.what,
            begins: beginning(&text[hit.start..hit.end]),
        });
    }
    findings
}

/// At most four characters, and of a short secret at most a quarter. A key's frame is not shown: it tells nothing.
fn beginning(secret: &str) -> String {
    if secret.starts_with('-') {
        return String::new();
    }
    secret.chars().take((secret.chars().count() / 4).min(4)).collect()
}

/// Whether a value only holds the place of one: a variable, a word for it, dots.
fn stands_for_another(value: &str) -> bool {
    const MARKS: [&str; 8] = ["${", "$(", "{{", "<", "…", "...", "***", "%("];
    const WORDS: [&str; 12] = [
        "example",
        "changeme",
        "change-me",
        "change_me",
        "placeholder",
        "your-",
        "your_",
        "xxxx",
        "secret",
        "password",
        "passwort",
        "redacted",
    ];
    let lower = value.to_lowercase();
    value.starts_with(['$', '{', '%'])
        || MARKS.iter().any(|mark| value.contains(mark))
        || WORDS.iter().any(|word| lower.contains(word))
        || value.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// Shannon's measure of how little the next character is known, in bits.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    #[expect(clippy::cast_precision_loss, reason = "texts are short")]
    let length = text.len() as f64;
    let share = |count: &u32| f64::from(*count) / length;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests;
