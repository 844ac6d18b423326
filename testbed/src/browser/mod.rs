//! Chromium without a window, for tests of pages: they are opened, clicked, typed into and looked at as people do.
//!
//! 1. [`Browser::start`] starts one, with a profile that is gone with it; [`Browser::page`] opens a tab that shares nothing
//!    with others.
//! 2. A [`Page`] waits for what a test waits for by [`Page::wait`], never for a time.
//! 3. [`Page::faults`] tells what went wrong in it: errors on the console, exceptions, requests that failed, and what its
//!    content security policy forbade.
//!
//! It is spoken to over a pipe in the Chrome DevTools Protocol, so no port is open.

mod keys;
mod link;
mod page;

pub use page::Page;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::json;

use self::link::Link;

/// The variable that names Chromium's program, where it is not on the PATH under one of its own names.
pub const PROGRAM: &str = "PINTLE_TEST_CHROMIUM";

/// Its names in the systems' packages.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Runs Chromium (`"$@"`) with a profile of its own, which is removed when it has ended: so also when whoever started it
/// was killed, which closes the pipe, and that ends Chromium. It reads what it is told from 3, and answers to 4.
const KEEPER: &str = r#"profile=$(mktemp -d) || exit 1
"$@" --user-data-dir="$profile" 3<&0 4>&1 </dev/null >&2
rm -rf "$profile""#;

const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--no-proxy-server",
];

/// A running browser. It ends when it is dropped.
#[derive(Debug)]
pub struct Browser {
    link: Arc<Link>,
    keeper: Child,
}

impl Browser {
    /// Where Chromium is, if it is installed.
    #[must_use]
    pub fn program() -> Option<PathBuf> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let named = std::env::var_os(PROGRAM).map(PathBuf::from);
        let known = std::env::split_paths(&paths).flat_map(|folder| NAMES.map(|name| folder.join(name)));
        named.into_iter().chain(known).find(|program| program.is_file())
    }

    /// Starts one; nothing, and a line that says so, where Chromium is not installed.
    ///
    /// # Panics
    /// When it is there and does not start.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "a test that is left out says so")]
    pub fn start() -> Option<Browser> {
        let Some(program) = Browser::program() else {
            println!("skipped: Chromium is not installed; `cargo xtask test` installs it where it can");
            return None;
        };
        Some(Browser::of(&program).unwrap_or_else(|error| panic!("{error:#}")))
    }

    fn of(program: &std::path::Path) -> Result<Browser> {
        use std::os::unix::fs::MetadataExt as _;
        use std::os::unix::process::CommandExt as _;

        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(program).args(ARGUMENTS);
        if std::fs::metadata("/proc/self")?.uid() == 0 {
            // Its sandbox cannot be set up by root.
            command.arg("--no-sandbox");
        }
        // A signal to all that the test run started must not end the shell before it has removed the profile.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut keeper = command.spawn().context("cannot start a shell")?;
        let link = Link::new(&mut keeper)?;
        let browser = Browser { link, keeper };
        browser.link.ask(None, "Browser.getVersion", &json!({})).context("Chromium did not start")?;
        Ok(browser)
    }

    /// A new tab of this size in points, with cookies and storage of its own.
    ///
    /// # Panics
    /// When the browser has ended.
    #[must_use]
    pub fn page(&self, width: u32, height: u32) -> Page {
        Page::new(&self.link, width, height).unwrap_or_else(|error| panic!("{error:#}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.link.close();
        let _ = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests;
