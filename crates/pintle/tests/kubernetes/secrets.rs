//! No secret's value stands in what is written, whatever the environment has.

use proptest::prelude::*;

use crate::common::{self, finish};

/// Every variable that an app, its store or its gateway reads a secret from.
const SECRETS: [&str; 4] = ["AUTH_TOKENS", "DISCORD_WEBHOOK", "PINTLE_STORE", "PINTLE_GATEWAY_SECRET"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn no_value_of_the_environment_is_written(
        values in prop::collection::vec("[a-zA-Z0-9/:@_{}\" -]{12,60}", SECRETS.len()),
        cloud in any::<bool>(),
        postgres in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let app = common::shipped("retriever");
        let words = [
            "kubernetes", app.to_str().expect("a path"),
            "--overlay", if cloud { "cloud" } else { "local" },
            "--store", if postgres { "postgres" } else { "sqlite" },
            "--output", folder.path().to_str().expect("a path"),
        ];
        let mut command = common::pintle(&words);
        command.envs(SECRETS.iter().zip(&values));
        let (code, out, err) = finish(&mut command);
        prop_assert_eq!(code, 0, "{}", err);
        let mut written = out + &err;
        let mut open = vec![folder.path().to_owned()];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(&path).expect("a folder").flatten().map(|entry| entry.path()));
            } else {
                written.push_str(&std::fs::read_to_string(&path).expect("a text"));
            }
        }
        for value in &values {
            prop_assert!(!written.contains(value.as_str()), "{value} was written");
        }
        // It names where they are.
        prop_assert!(written.contains("retriever-environment") && written.contains("key: AUTH_TOKENS"));
    }
}
