//! A case file, read: a subset of Hurl's format, which `conformance/README.md` tells.

/// A file of cases, in the order in which they are sent.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// The tokens that its cases send, each under a name.
    pub(crate) tokens: Vec<Token>,
    /// More words for `pintle serve`.
    pub(crate) serve: Vec<String>,
    /// Variables of its environment, each with its value.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) cases: Vec<Case>,
}

/// `# token NAME: ROLE[, user USER][, revoked]`
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) user: Option<String>,
    pub(crate) revoked: bool,
}

/// One request and its expected answer.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) line: usize,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) expected: Expected,
    /// Where the answer is another one.
    pub(crate) differs: Vec<Difference>,
}

/// Another answer, of one store.
#[derive(Debug)]
pub(crate) struct Difference {
    /// The store, as the mark names it.
    pub(crate) place: &'static str,
    pub(crate) reason: String,
    pub(crate) expected: Expected,
}

/// The stores that a mark may name; each means those behind it too, unless they have a mark of their own.
const PLACES: [&str; 2] = ["postgres", "english postgres"];

/// What must be answered.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) line: usize,
    pub(crate) status: u16,
    /// An empty value: the header must not be there.
    pub(crate) headers: Vec<(String, String)>,
    /// A name, and where its value is found in the answer.
    pub(crate) captures: Vec<(String, Query)>,
    pub(crate) asserts: Vec<Assert>,
    pub(crate) body: Body,
}

/// The body that must be answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Body {
    /// None. With asserts: whatever they hold for.
    #[default]
    None,
    /// This JSON: the same keys in the same order, the same numbers; white space makes no difference.
    Json(String),
    /// This text, to the byte.
    Exact(String),
}

/// A place in an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Query {
    Header(String),
    /// A path such as `$.details[0].path`.
    Json(String),
    Body,
}

/// One line of `[Asserts]`.
#[derive(Debug)]
pub(crate) struct Assert {
    pub(crate) line: usize,
    /// As it is written.
    pub(crate) text: String,
    pub(crate) query: Query,
    pub(crate) predicate: Predicate,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Predicate {
    Equals(serde_json::Value),
    Contains(String),
    Count(usize),
    Exists,
}

/// What is wrong with a case file, and in which line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) line: usize,
    pub(crate) what: String,
}

type Result<T> = std::result::Result<T, Mistake>;

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<File> {
    let mut lines = Lines { lines: text.lines().collect(), at: 0 };
    let mut file = File::default();
    loop {
        while let Some(line) = lines.peek().filter(|line| line.is_empty() || line.starts_with('#')) {
            setting(line, lines.number(), &mut file)?;
            lines.at += 1;
        }
        if lines.peek().is_none() {
            break;
        }
        file.cases.push(case(&mut lines)?);
    }
    if file.cases.is_empty() {
        return Err(lines.mistake("no case is here"));
    }
    Ok(file)
}

/// A comment that says what the file needs.
fn setting(line: &str, number: usize, file: &mut File) -> Result<()> {
    let wrong = |what: String| Mistake { line: number, what };
    let misplaced = || wrong("the tokens, variables and words for `serve` stand before the first case".to_owned());
    if let Some(token) = line.strip_prefix("# token ") {
        if !file.cases.is_empty() {
            return Err(misplaced());
        }
        let right = "a token is `# token NAME: ROLE`, then perhaps `, user USER` and `, revoked`";
        let (name, rest) = token.split_once(": ").ok_or_else(|| wrong(right.to_owned()))?;
        let mut words = rest.split(", ");
        let role = words.next().unwrap_or_default().to_owned();
        let mut token = Token { name: name.to_owned(), role, user: None, revoked: false };
        for word in words {
            match word.split_once(' ') {
                None if word == "revoked" => token.revoked = true,
                Some(("user", user)) => token.user = Some(user.to_owned()),
                _ => return Err(wrong(format!("`{word}`: {right}"))),
            }
        }
        file.tokens.push(token);
    } else if let Some(words) = line.strip_prefix("# serve: ") {
        if !file.cases.is_empty() {
            return Err(misplaced());
        }
        file.serve = words.split_whitespace().map(str::to_owned).collect();
    } else if let Some(variable) = line.strip_prefix("# environment ") {
        if !file.cases.is_empty() {
            return Err(misplaced());
        }
        let right = "a variable is `# environment NAME: VALUE`";
        let (name, value) = variable.split_once(": ").ok_or_else(|| wrong(right.to_owned()))?;
        file.environment.push((name.to_owned(), value.to_owned()));
    } else if line.starts_with("# differs on") {
        return Err(wrong("this mark stands between the two answers of a case".to_owned()));
    }
    Ok(())
}

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"];

/// The method and the path, if a line is a case's first.
fn request(line: &str) -> Option<(&str, &str)> {
    line.split_once(' ').filter(|(method, path)| METHODS.contains(method) && path.starts_with('/'))
}

fn case(lines: &mut Lines<'_>) -> Result<Case> {
    let line = lines.number();
    let first = lines.next();
    let (method, path) = request(first).ok_or_else(|| Mistake {
        line,
        what: format!("`{first}`: a case begins with METHOD /path, METHOD one of {}", METHODS.join(", ")),
    })?;
    let headers = headers(lines);
    lines.skip_empty();
    let body = request_body(lines)?;
    let mut case = Case {
        line,
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body,
        expected: expected(lines)?,
        differs: Vec::new(),
    };
    loop {
        lines.skip_empty();
        let mark = lines.peek().and_then(|line| line.strip_prefix("# differs on ")?.split_once(": "));
        let Some((place, reason)) = mark else { return Ok(case) };
        let Some(place) = PLACES.into_iter().find(|known| *known == place) else {
            return Err(lines.mistake(&format!("a mark names one of {}", PLACES.join(", "))));
        };
        lines.at += 1;
        case.differs.push(Difference { place, reason: reason.to_owned(), expected: expected(lines)? });
    }
}

fn expected(lines: &mut Lines<'_>) -> Result<Expected> {
    lines.skip_comments();
    let line = lines.number();
    let status = lines.peek().and_then(|line| line.strip_prefix("HTTP "));
    let status = status.and_then(|status| status.parse().ok());
    let Some(status) = status else {
        return Err(lines.mistake("here `HTTP STATUS` must stand, such as HTTP 200"));
    };
    lines.at += 1;
    let mut expected = Expected { line, status, headers: headers(lines), ..Expected::default() };
    while let Some(section) = lines.peek().filter(|line| line.starts_with('[') && line.ends_with(']')) {
        match section {
            "[Captures]" => {
                lines.at += 1;
                while let Some(line) = lines.peek().filter(|line| in_section(line)) {
                    let capture = line.split_once(": ").and_then(|(name, query)| Some((name, self::query(query)?)));
                    let capture = capture.filter(|(_, (_, rest))| rest.is_empty());
                    let (name, (query, _)) = capture.ok_or_else(|| {
                        lines.mistake("a capture is `name: header \"NAME\"` or `name: jsonpath \"$.a\"`")
                    })?;
                    expected.captures.push((name.to_owned(), query));
                    lines.at += 1;
                }
            }
            "[Asserts]" => {
                lines.at += 1;
                while let Some(line) = lines.peek().filter(|line| in_section(line)) {
                    let assert = assert(line, lines.number()).ok_or_else(|| lines.mistake(ASSERTS))?;
                    expected.asserts.push(assert);
                    lines.at += 1;
                }
            }
            // An array of nothing, or of one line.
            _ => break,
        }
    }
    expected.body = answer_body(lines)?;
    Ok(expected)
}

const ASSERTS: &str = "an assert is a place (`jsonpath \"$.a\"`, `header \"NAME\"`, `body`), then `== VALUE`, \
     `contains \"TEXT\"`, `count == N` or `exists`";

fn in_section(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_lowercase())
}

/// A place, and what stands behind it.
fn query(text: &str) -> Option<(Query, &str)> {
    if let Some(rest) = text.strip_prefix("body") {
        return Some((Query::Body, rest.trim_start()));
    }
    let (kind, rest) = text.split_once(" \"")?;
    let (name, rest) = rest.split_once('"')?;
    let query = match kind {
        "header" => Query::Header(name.to_owned()),
        "jsonpath" => Query::Json(name.to_owned()),
        _ => return None,
    };
    Some((query, rest.trim_start()))
}

fn assert(line: &str, number: usize) -> Option<Assert> {
    let (query, rest) = query(line)?;
    let predicate = match rest.split_once(' ') {
        None if rest == "exists" => Predicate::Exists,
        Some(("==", value)) => Predicate::Equals(serde_json::from_str(value).ok()?),
        Some(("contains", text)) => Predicate::Contains(serde_json::from_str(text).ok()?),
        Some(("count", count)) => Predicate::Count(count.strip_prefix("== ")?.parse().ok()?),
        _ => return None,
    };
    Some(Assert { line: number, text: line.to_owned(), query, predicate })
}

/// The lines that are headers. A value may be empty.
fn headers(lines: &mut Lines<'_>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some(line) = lines.peek() {
        let name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let Some((name, value)) = line.split_once(':').filter(|(header, _)| name(header)) else { break };
        found.push((name.to_owned(), value.trim().to_owned()));
        lines.at += 1;
    }
    found
}

/// The text of a body: in backticks as it stands, else the lines up to an empty one, a comment or what comes next.
fn body_text<'a>(lines: &mut Lines<'a>) -> Result<Option<(String, bool)>> {
    let start = lines.number();
    let ends =
        |line: &str| line.is_empty() || line.starts_with('#') || line.starts_with("HTTP ") || request(line).is_some();
    let Some(first) = lines.peek().filter(|line| !ends(line)) else { return Ok(None) };
    if first == "```" {
        lines.at += 1;
        let mut block: Vec<&'a str> = Vec::new();
        loop {
            match lines.peek() {
                None => return Err(Mistake { line: start, what: "this ``` has no end".to_owned() }),
                Some("```") => break,
                Some(line) => block.push(line),
            }
            lines.at += 1;
        }
        lines.at += 1;
        return Ok(Some((block.join("\n"), true)));
    }
    if let Some(exact) = first.strip_prefix('`') {
        let exact =
            exact.strip_suffix('`').ok_or_else(|| lines.mistake("this backtick has no other at the line's end"))?;
        lines.at += 1;
        return Ok(Some((exact.to_owned(), true)));
    }
    let mut text = Vec::new();
    while let Some(line) = lines.peek().filter(|line| !ends(line)) {
        text.push(line);
        lines.at += 1;
    }
    Ok(Some((text.join("\n"), false)))
}

fn request_body(lines: &mut Lines<'_>) -> Result<Option<Vec<u8>>> {
    let line = lines.number();
    let Some((text, exact)) = body_text(lines)? else { return Ok(None) };
    if let (false, Some(hex)) = (exact, text.strip_prefix("hex,").and_then(|hex| hex.strip_suffix(';'))) {
        let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16));
        let bytes = bytes.collect::<std::result::Result<_, _>>();
        return bytes.map(Some).map_err(|_| Mistake { line, what: "hexadecimal digits are wanted".to_owned() });
    }
    Ok(Some(text.into_bytes()))
}

fn answer_body(lines: &mut Lines<'_>) -> Result<Body> {
    Ok(match body_text(lines)? {
        None => Body::None,
        Some((text, true)) => Body::Exact(text),
        Some((text, false)) => Body::Json(text),
    })
}

/// Lines, and where we are.
struct Lines<'a> {
    lines: Vec<&'a str>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    fn next(&mut self) -> &'a str {
        self.at += 1;
        self.lines.get(self.at - 1).copied().unwrap_or_default()
    }

    /// The number of the line, counted from one.
    fn number(&self) -> usize {
        self.at + 1
    }

    fn skip_empty(&mut self) {
        while self.peek().is_some_and(str::is_empty) {
            self.at += 1;
        }
    }

    fn skip_comments(&mut self) {
        while self.peek().is_some_and(|line| line.is_empty() || line.starts_with('#')) {
            self.at += 1;
        }
    }

    fn mistake(&self, what: &str) -> Mistake {
        let shown = self.peek().map_or("the file ends".to_owned(), |line| format!("`{line}`"));
        Mistake { line: self.number(), what: format!("{shown}: {what}") }
    }
}
