//! What differs between the stores stands in `docs/stores.md`, word for word, and nothing else does.

use std::collections::BTreeSet;
use std::path::Path;

use libtest_mimic::Failed;

use crate::run::Suite;

/// The heading over the list.
const HEADING: &str = "## Where answers differ";

/// Each case's mark has its line in the documentation, and each line has a case.
pub(crate) fn documented() -> Result<(), Failed> {
    let mut marked = BTreeSet::new();
    for suite in Suite::all() {
        for case in suite.read()?.cases {
            marked.extend(case.differs.into_iter().map(|difference| difference.reason));
        }
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/stores.md");
    let page = std::fs::read_to_string(page)?;
    let list = page.split(HEADING).nth(1).ok_or("docs/stores.md has lost its list of differences")?;
    let list = list.split("\n## ").next().unwrap_or_default();
    let told: BTreeSet<String> = list.lines().filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect();
    if marked == told {
        return Ok(());
    }
    let missing: Vec<_> = marked.difference(&told).collect();
    let unproven: Vec<_> = told.difference(&marked).collect();
    Err(format!("docs/stores.md, `{HEADING}`:\n  not told: {missing:#?}\n  told, and no case shows it: {unproven:#?}")
        .into())
}
