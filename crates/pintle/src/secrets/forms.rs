//! Credentials that their form gives away.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::{Hit, entropy, stands_for_another};

/// Bits for a character below which a value is no chance, such as `ghp_xxxxxxxx`.
const ENTROPY_MIN: f64 = 2.5;

/// What it is, and its form; a group is the secret itself. `\b` is between ASCII's words, which one pass can find.
const FORMS: [(&str, &str); 30] = [
    (
        PRIVATE_KEY,
        r#"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[\s"'+,]|\\+[nr]|[A-Za-z-]+: [^\n]*\n){0,40}[A-Za-z0-9+/=]{32}"#,
    ),
    (URL, r#"\b[a-z][a-z0-9+.-]{1,20}://[^\s/?#@:"'`<>]{0,64}:([^\s@/"'`<>]{1,128})@[A-Za-z0-9\[]"#),
    ("a token of Pintle's", r"\b(pintle_[0-9a-f]{64})\b"),
    ("an AWS access key", r"\b((?:AKIA|ASIA)[A-Z2-7]{16})\b"),
    ("a Google API key", r"\b(AIza[0-9A-Za-z_-]{35})"),
    ("a Google OAuth secret", r"\b(GOCSPX-[0-9A-Za-z_-]{28})"),
    ("an Azure storage key", r"AccountKey=([A-Za-z0-9+/]{86}==)"),
    ("a GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{36,251})\b"),
    ("a GitHub token", r"\b(github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b"),
    ("a GitLab token", r"\b(gl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_-]{20,})"),
    ("a Slack token", r"\b(xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{20,})"),
    ("a Slack webhook", r"(hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,})"),
    ("a Discord webhook", r"(discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,})"),
    ("a Discord token", r"\b([MN][A-Za-z0-9]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38})\b"),
    ("a Stripe key", r"\b((?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16,})\b"),
    ("an npm token", r"\b(npm_[A-Za-z0-9]{36})\b"),
    ("a PyPI token", r"\b(pypi-AgEI[A-Za-z0-9_-]{50,})"),
    ("a crates.io token", r"\b(cio[A-Za-z0-9]{32})\b"),
    ("an Anthropic key", r"\b(sk-ant-[a-z0-9]+-[A-Za-z0-9_-]{32,})"),
    ("an OpenAI key", r"\b(sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,})"),
    ("a Hugging Face token", r"\b(hf_[A-Za-z]{34})\b"),
    ("a SendGrid key", r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})"),
    ("a Telegram token", r"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})\b"),
    ("a DigitalOcean token", r"\b(do[opr]_v1_[a-f0-9]{64})\b"),
    ("a Docker token", r"\b(dckr_pat_[A-Za-z0-9_-]{27,})"),
    ("a Vault token", r"\b(hvs\.[A-Za-z0-9_-]{24,})"),
    ("a Shopify token", r"\b(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})\b"),
    ("a Supabase key", r"\b(sb(?:p_[a-f0-9]{40}|_secret_[A-Za-z0-9_-]{22,}))"),
    ("an age key", r"(AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})"),
    ("a JWT", r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,})"),
];

const PRIVATE_KEY: &str = "a private key";
const URL: &str = "a URL with a password";

/// Passwords that everybody knows, which tell nothing.
const KNOWN_PASSWORDS: [&str; 8] = ["postgres", "root", "admin", "guest", "test", "pass", "user", "hidden"];

static PATTERNS: LazyLock<Vec<String>> =
    LazyLock::new(|| FORMS.iter().map(|(_, form)| form.replace(r"\b", r"(?-u:\b)")).collect());
#[expect(clippy::expect_used, reason = "a test compiles them")]
static ALL: LazyLock<RegexSet> = LazyLock::new(|| RegexSet::new(&*PATTERNS).expect("the forms are right"));

/// What stands in a text.
pub(super) fn hits(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    for at in ALL.matches(text) {
        let Ok(form) = Regex::new(&PATTERNS[at]) else { continue };
        for found in form.captures_iter(text) {
            let Some(secret) = found.get(1).or_else(|| found.get(0)) else { continue };
            if counts(FORMS[at].0, secret.as_str()) {
                hits.push(Hit { start: secret.start(), end: secret.end(), what: FORMS[at].0 });
            }
        }
    }
    hits
}

fn counts(what: &str, secret: &str) -> bool {
    match what {
        PRIVATE_KEY => true,
        URL => !stands_for_another(secret) && secret.len() > 1 && !KNOWN_PASSWORDS.contains(&secret),
        _ => entropy(secret) >= ENTROPY_MIN && !secret.to_lowercase().contains("example"),
    }
}
