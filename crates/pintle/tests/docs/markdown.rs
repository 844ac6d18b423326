//! Fenced blocks of a page, and the steps of those that are shell sessions.

/// A fenced block.
pub(crate) struct Block {
    /// What stands after the fence: `console`, `yaml`, …
    pub(crate) kind: String,
    /// The line of its first line in the page.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A command and what it must print.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) expected: String,
}

/// Every fenced block of a page.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => open = Some(Block { kind: kind.to_owned(), line: at + 2, text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

impl Block {
    /// The file that it is, where its fence names one: `js app/routes/x.js`.
    pub(crate) fn file(&self) -> Option<&str> {
        self.kind.split_once(' ').map(|(_, file)| file).filter(|file| file.contains('/'))
    }

    /// The commands of a session. One that ends with `\` goes on in the next line.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut goes_on = false;
        for (at, line) in self.text.lines().enumerate() {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { line: self.line + at, command: command.to_owned(), expected: String::new() });
            } else if let Some(step) = steps.last_mut() {
                let part = if goes_on { &mut step.command } else { &mut step.expected };
                part.push('\n');
                part.push_str(line);
            } else {
                panic!("line {}: a session begins with `$ `", self.line + at);
            }
            goes_on = line.ends_with('\\') && (goes_on || line.starts_with("$ "));
        }
        steps
    }
}

#[test]
fn a_page_is_cut_into_steps() {
    let blocks = blocks("# Page\n\n```console\n$ one \\\n  two\nanswer\n$ three\n```\n\n```sh\nno\n```\n");
    let steps = blocks[0].steps();
    assert_eq!((blocks[0].kind.as_str(), blocks[1].kind.as_str(), steps.len()), ("console", "sh", 2));
    assert_eq!(steps[0], Step { line: 4, command: "one \\\n  two".to_owned(), expected: "\nanswer".to_owned() });
    assert_eq!((steps[1].line, steps[1].expected.as_str()), (7, ""));
    let named = |kind: &str| Block { kind: kind.to_owned(), line: 1, text: String::new() }.file().map(str::to_owned);
    assert_eq!([named("js a/b.js"), named("yaml fragment"), named("js")], [Some("a/b.js".to_owned()), None, None]);
}
