//! What is a secret and what is none, as tables. What is one is put together here, so that this file holds none.

use std::path::Path;

use super::{Finding, in_text};

fn found(path: &str, text: &str) -> Vec<String> {
    in_text(Path::new(path), text).iter().map(Finding::to_string).collect()
}

/// Letters and digits as chance makes them, always the same.
fn chance(letters: &str, length: usize) -> String {
    let letters: Vec<char> = letters.chars().collect();
    let mut state = 88_172_645_463_325_252_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        letters[usize::try_from(state % letters.len() as u64).unwrap()]
    };
    (0..length).map(next).collect()
}

const ALL: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const HEX: &str = "0123456789abcdef";
const GREAT: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

#[test]
fn credentials_are_known_by_their_form() {
    let of = |letters, length| chance(letters, length);
    for (what, secret) in [
        ("a token of Pintle's", format!("pintle_{}", of(HEX, 64))),
        ("an AWS access key", format!("AKIA{}", of(GREAT, 16))),
        ("a Google API key", format!("AIza{}", of(ALL, 35))),
        ("a Google OAuth secret", format!("GOCSPX-{}", of(ALL, 28))),
        ("a GitHub token", format!("ghp_{}", of(ALL, 36))),
        ("a GitHub token", format!("github_pat_{}_{}", of(ALL, 22), of(ALL, 59))),
        ("a GitLab token", format!("glpat-{}", of(ALL, 20))),
        ("a Slack token", format!("xoxb-{}", of("0123456789", 12))),
        ("a Slack webhook", format!("hooks.slack.com/services/T{0}/B{0}/{1}", of(GREAT, 9), of(ALL, 24))),
        ("a Discord webhook", format!("discord.com/api/webhooks/{}/{}", of("0123456789", 18), of(ALL, 68))),
        ("a Stripe key", format!("sk_live_{}", of(ALL, 24))),
        ("an npm token", format!("npm_{}", of(ALL, 36))),
        ("a PyPI token", format!("pypi-AgEI{}", of(ALL, 60))),
        ("a crates.io token", format!("cio{}", of(ALL, 32))),
        ("an Anthropic key", format!("sk-ant-api03-{}", of(ALL, 40))),
        ("an OpenAI key", format!("sk-proj-{0}T3BlbkFJ{0}", of(ALL, 24))),
        ("a Hugging Face token", format!("hf_{}", of(LETTERS, 34))),
        ("a SendGrid key", format!("SG.{}.{}", of(ALL, 22), of(ALL, 43))),
        ("a Telegram token", format!("{}:AA{}", of("123456789", 9), of(ALL, 33))),
        ("a DigitalOcean token", format!("dop_v1_{}", of(HEX, 64))),
        ("a Docker token", format!("dckr_pat_{}", of(ALL, 27))),
        ("a Vault token", format!("hvs.{}", of(ALL, 24))),
        ("a Shopify token", format!("shpat_{}", of(HEX, 32))),
        ("a Supabase key", format!("sbp_{}", of(HEX, 40))),
        ("an age key", format!("AGE-SECRET-KEY-1{}", of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58))),
        ("a JWT", format!("eyJ{0}.eyJ{0}.{0}", of(ALL, 30))),
    ] {
        let shown: String = secret.chars().take(4).collect();
        assert_eq!(found("a.md", &format!("x\n  é {secret}\n")), [format!("a.md:2:5: {what}, `{shown}…`")], "{secret}");
        let none = Vec::<String>::new();
        assert_eq!(found("a.md", &format!("{secret} # {}", super::MARK)), none, "a word says that it is none");
    }
    let key = format!("AccountKey={}==", of(ALL, 86));
    assert!(found("a.txt", &key)[0].starts_with("a.txt:1:12: an Azure storage key"), "{key}");
}

#[test]
fn private_keys_are_known_in_files_and_in_texts() {
    let (begin, body) = (["-----BEGIN", "PRIVATE KEY-----"], chance(ALL, 64));
    for text in [
        format!("{} {}\n{body}\n", begin[0], begin[1]),
        format!("{} RSA {}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n{body}\n", begin[0], begin[1]),
        format!("key: |\n    {} OPENSSH {}\n    {body}\n", begin[0], begin[1]),
        format!(r#"{{"private_key": "{} {}\n{body}\n"}}"#, begin[0], begin[1]),
    ] {
        let [told] = &found("k", &text)[..] else { panic!("{text}") };
        assert!(told.ends_with(": a private key"), "{told}");
    }
    let public = format!("-----BEGIN PUBLIC KEY-----\n{body}\n");
    for text in [format!("a file that begins with `{} {}`", begin[0], begin[1]), public] {
        assert_eq!(found("k", &text), Vec::<String>::new());
    }
}

#[test]
fn passwords_in_urls_are_found_and_what_stands_for_one_is_not() {
    let url = |password: &str| ["postgres://app:", password, "@db.internal/app"].concat();
    assert_eq!(found("a", &url("hunter22")), ["a:1:16: a URL with a password, `hu…`"]);
    assert_eq!(found("a", &format!("curl https:{}", "//u:hunt@h")), ["a:1:16: a URL with a password, `h…`"]);
    for none in [
        "PASSWORD",
        "${PASSWORD}",
        "$PASSWORD",
        "<password>",
        "…",
        "...",
        "password",
        "%s",
        "{password}",
        "*****",
        "postgres",
    ] {
        assert_eq!(found("a", &url(none)), Vec::<String>::new(), "{none}");
    }
    for none in ["postgres://app@db/app", "http://h:80/@a", "redis://:@h", "sqlite:a:b@c", "a://b c:d@e"] {
        assert_eq!(found("a", none), Vec::<String>::new(), "{none}");
    }
}

#[test]
fn values_of_chance_are_found_where_a_name_says_that_they_are_secrets() {
    let value = chance(ALL, 20);
    let hex = chance(HEX, 32);
    for (path, text) in [
        (".env", format!("API_TOKEN={value}")),
        ("a.yaml", format!("password: {value}")),
        ("a.yaml", format!("  client_secret: '{value}'")),
        ("a.json", format!(r#"{{"apiKey": "{hex}"}}"#)),
        ("a.toml", format!("secret-key = \"{value}\"")),
        ("Dockerfile", format!("ENV DB_PASSWORD={value}")),
        ("a.sh", format!("export AWS_SECRET_ACCESS_KEY={value}{value}")),
        ("a.js", format!("const token = '{value}';")),
        ("a.rs", format!("const SECRET: &str = \"{value}\";")),
        ("a.py", format!("config['password'] = \"{value}\"")),
        ("a.md", format!("curl -H 'Authorization: Bearer {value}'")),
    ] {
        assert_eq!(found(path, &text).len(), 1, "{path}: {text}");
        assert_eq!(
            found(path, &text.replace(&value, "correct-horse-battery")).len(),
            usize::from(!text.contains(&value))
        );
    }
}

#[test]
fn names_words_and_references_are_no_secrets() {
    let hex = chance(HEX, 64);
    for (path, text) in [
        ("a.rs", "let token = next_token_of(&mut words2, 17);".to_owned()),
        ("a.js", "const password = process.env.DB_PASSWORD_2024;".to_owned()),
        ("a.yaml", "tokens: ${env:AUTH_TOKENS}".to_owned()),
        ("a.yaml", "secretName: pintle-store-credentials-v2".to_owned()),
        ("a.yaml", "token_hash: ".to_owned() + &hex),
        ("a.yaml", "password: $(cat /run/secrets/password1)".to_owned()),
        ("a.yaml", "token: 018f3c1e-7b1a-7c3d-9a52-0f6d2b7c1e44".to_owned()),
        ("a.yml", "token: ${{ secrets.GITHUB_TOKEN_2 }}".to_owned()),
        (".env", "PASSWORD_FILE=/run/secrets/db1/p4ssw0rd2".to_owned()),
        (".env", "API_KEY=your-api-key-1234567890ab".to_owned()),
        (".env", "TOKEN=xxxxxxxxxxxxxxxxxxxxxxx1".to_owned()),
        ("a.md", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("a.md", "ghp_000000000000000000000000000000000000".to_owned()),
        ("a.lock", format!("checksum = \"{hex}\"")),
        ("a.rs", "Err(\"the token has no 2nd part: 3 words\")".to_owned()),
    ] {
        assert_eq!(found(path, &text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn at_most_four_characters_are_shown_and_of_a_short_secret_a_quarter() {
    for (secret, shown) in [("abcdefghijklmnopqrstu", "abcd"), ("abcdefgh", "ab"), ("abc", ""), ("", "")] {
        assert_eq!(super::beginning(secret), shown);
    }
}
