//! One tab.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::keys;
use super::link::{Link, PATIENCE};

/// How often a page's scripts look whether something is so, in milliseconds.
const LOOK_MS: u32 = 20;

/// A tab. Its methods panic, as a test does, with what Chromium says.
#[derive(Debug)]
pub struct Page {
    link: Arc<Link>,
    session: String,
}

impl Page {
    pub(super) fn new(link: &Arc<Link>, width: u32, height: u32) -> Result<Page> {
        let context = link.ask(None, "Target.createBrowserContext", &json!({}))?;
        let context = &context["browserContextId"];
        let target =
            link.ask(None, "Target.createTarget", &json!({ "url": "about:blank", "browserContextId": context }))?;
        let attached =
            link.ask(None, "Target.attachToTarget", &json!({ "targetId": target["targetId"], "flatten": true }))?;
        let session = attached["sessionId"].as_str().context("no session")?.to_owned();
        let page = Page { link: Arc::clone(link), session };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.told(&format!("{domain}.enable"), &json!({}))?;
        }
        page.resize(width, height);
        Ok(page)
    }

    /// Goes to this address, and waits until the page with its scripts is loaded.
    pub fn open(&self, url: &str) {
        let answer = self.ask("Page.navigate", &json!({ "url": url }));
        assert!(answer.get("errorText").is_none(), "{url}: {}", answer["errorText"]);
        self.wait("document.readyState === 'complete'");
    }

    /// Runs a script before those of each page that is opened from now on.
    pub fn before_each(&self, script: &str) {
        self.ask("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    /// What an expression of JavaScript is, as JSON; of a promise, what it comes to.
    pub fn evaluate(&self, expression: &str) -> Value {
        self.tried(expression).unwrap_or_else(|error| panic!("{expression}\n{error:#}\n{}", self.state()))
    }

    /// Waits until an expression of JavaScript, or the promise that it makes, is true, also across pages, and returns what it is then.
    pub fn wait(&self, condition: &str) -> Value {
        let begun = Instant::now();
        // Asked anew every two seconds: the page may be another by then.
        let looking = format!(
            "(async () => {{ const until = Date.now() + 2000; for (;;) {{ try {{ const value = await ({condition}); \
             if (value || Date.now() > until) return value; }} catch (error) {{ if (Date.now() > until) throw error; }} \
             await new Promise((done) => setTimeout(done, {LOOK_MS})); }} }})()"
        );
        loop {
            let found = self.tried(&looking);
            match &found {
                Ok(Value::Null | Value::Bool(false)) | Err(_) => {}
                Ok(value) => return value.clone(),
            }
            assert!(begun.elapsed() < PATIENCE, "never so: {condition}\n{found:?}\n{}", self.state());
        }
    }

    /// The text of the first element that a selector finds, as it is shown.
    pub fn text(&self, selector: &str) -> String {
        let text = self.wait(&format!("[document.querySelector({})?.innerText]", json!(selector)));
        text[0].as_str().unwrap_or_default().to_owned()
    }

    /// Clicks the middle of the first element that a selector finds, once it is shown, stands still, and lies under nothing.
    pub fn click(&self, selector: &str) {
        let at = self.wait(&format!(
            "(async () => {{ const element = document.querySelector({}); element.scrollIntoView({{ block: 'nearest' }}); \
             const middle = () => {{ const box = element.getBoundingClientRect(); \
             return box.width > 0 && box.height > 0 && [box.x + box.width / 2, box.y + box.height / 2]; }}; \
             const at = middle(); await new Promise((done) => setTimeout(done, {LOOK_MS})); const later = middle(); \
             return at && String(at) === String(later) && element.contains(document.elementFromPoint(...at)) && at; }})()",
            json!(selector)
        ));
        self.click_at(at[0].as_f64().unwrap_or_default(), at[1].as_f64().unwrap_or_default());
    }

    /// Clicks at a point of the window.
    pub fn click_at(&self, x: f64, y: f64) {
        self.drag((x, y), (x, y));
    }

    /// Drags the mouse from one point of the window to another.
    pub fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
        self.mouse("mouseMoved", from, 0);
        self.mouse("mousePressed", from, 1);
        if from != to {
            self.mouse("mouseMoved", middle, 1);
            self.mouse("mouseMoved", to, 1);
        }
        self.mouse("mouseReleased", to, 0);
    }

    fn mouse(&self, kind: &str, (x, y): (f64, f64), buttons: u8) {
        let button = if kind == "mouseMoved" && buttons == 0 { "none" } else { "left" };
        let event = json!({ "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1 });
        self.ask("Input.dispatchMouseEvent", &event);
    }

    /// Puts fingers on the screen at the first of these places, moves them to the next ones, and lifts them.
    pub fn fingers(&self, places: &[&[(f64, f64)]]) {
        for (step, fingers) in places.iter().enumerate() {
            let points = fingers.iter().zip(0..).map(|((x, y), id)| json!({ "x": x, "y": y, "id": id }));
            let kind = if step == 0 { "touchStart" } else { "touchMove" };
            self.ask("Input.dispatchTouchEvent", &json!({ "type": kind, "touchPoints": points.collect::<Vec<_>>() }));
        }
        self.ask("Input.dispatchTouchEvent", &json!({ "type": "touchEnd", "touchPoints": [] }));
    }

    /// Turns the wheel at a point of the window, by so many points; below zero is up.
    pub fn wheel(&self, (x, y): (f64, f64), points: f64) {
        let event = json!({ "type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": points });
        self.ask("Input.dispatchMouseEvent", &event);
    }

    /// Types a text where the focus is.
    pub fn type_text(&self, text: &str) {
        self.ask("Input.insertText", &json!({ "text": text }));
    }

    /// Presses a key, by its name in `KeyboardEvent.key`: `ArrowLeft`, `Enter`, `+`.
    pub fn press(&self, key: &str) {
        self.ask("Input.dispatchKeyEvent", &keys::event("keyDown", key));
        self.ask("Input.dispatchKeyEvent", &keys::event("keyUp", key));
    }

    /// Makes the window so large, in points.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Says which colours the reader likes: dark ones, or light ones.
    pub fn prefer_dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.ask("Emulation.setEmulatedMedia", &features);
    }

    /// Writes what is seen into a file, as a PNG.
    pub fn screenshot(&self, file: &Path) {
        let taken = self.ask("Page.captureScreenshot", &json!({ "format": "png" }));
        let bytes = from_base64(taken["data"].as_str().unwrap_or_default());
        fs::write(file, bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// What went wrong in the page so far: errors and warnings on its console, exceptions, answers that say so, what its
    /// content security policy forbade.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.link.events(&self.session).iter().filter_map(fault).collect()
    }

    /// Waits until something of [`Page::faults`] says this: Chromium tells it some time after the page's own scripts know.
    pub fn wait_for_fault(&self, part: &str) {
        let begun = Instant::now();
        while !self.faults().iter().any(|fault| fault.contains(part)) {
            assert!(begun.elapsed() < PATIENCE, "no fault says {part}\n{}", self.state());
            self.evaluate(&format!("new Promise((done) => setTimeout(done, {LOOK_MS}))"));
        }
    }

    /// The requests that the page has sent so far: `{url, method, headers, postData}`.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        let events = self.link.events(&self.session).into_iter();
        let sent = events.filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.map(|mut event| event["params"]["request"].take()).collect()
    }

    /// For a test's report.
    fn state(&self) -> String {
        let shown = self.tried("location.href + '\\n' + document.body?.innerText.slice(0, 1000)");
        let shown = shown.ok().and_then(|shown| shown.as_str().map(str::to_owned)).unwrap_or_default();
        format!("at {shown}\nfaults: {:#?}", self.faults())
    }

    fn tried(&self, expression: &str) -> Result<Value> {
        let asked =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let mut answer = self.told("Runtime.evaluate", &asked)?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            bail!("{}", thrown["exception"]["description"].as_str().unwrap_or("something was thrown"));
        }
        Ok(answer["result"]["value"].take())
    }

    fn ask(&self, method: &str, params: &Value) -> Value {
        self.told(method, params).unwrap_or_else(|error| panic!("{error:#}"))
    }

    fn told(&self, method: &str, params: &Value) -> Result<Value> {
        self.link.ask(Some(&self.session), method, params)
    }
}

/// What an event says went wrong; nothing of one that says something else.
fn fault(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            let text = details["exception"]["description"].as_str().or_else(|| details["text"].as_str());
            Some(format!("exception: {}", text.unwrap_or_default()))
        }
        "Runtime.consoleAPICalled" if matches!(params["type"].as_str()?, "error" | "warning" | "assert") => {
            let words = params["args"].as_array()?.iter();
            let words = words.map(|word| word["value"].as_str().or(word["description"].as_str()).unwrap_or("?"));
            Some(format!("console: {}", words.collect::<Vec<_>>().join(" ")))
        }
        "Log.entryAdded" if matches!(params["entry"]["level"].as_str()?, "error" | "warning") => {
            let entry = &params["entry"];
            let text = |name: &str| entry[name].as_str().unwrap_or_default();
            Some(format!("{}: {} {}", text("source"), text("text"), text("url")))
        }
        _ => None,
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |digit: &u8| DIGITS.iter().position(|known| known == digit);
    let digits: Vec<usize> = text.as_bytes().iter().filter_map(value).collect();
    let bytes = digits.chunks(4).flat_map(|part| {
        let bits = part.iter().enumerate().fold(0, |bits, (at, digit)| bits | digit << (18 - 6 * at));
        [16, 8, 0].into_iter().take(part.len() - 1).map(move |shift| u8::try_from(bits >> shift & 0xFF).unwrap_or(0))
    });
    bytes.collect()
}
