//! Which crate may know which, as `docs/architecture.md` has it.

/// What each crate may know of ours, and what it must not reach by any way.
pub(crate) const RULES: [Rule; 10] = [
    Rule { package: "pintle-model", knows: &[], never: &["tokio", "axum", "hyper", "http", "rusqlite", "reqwest"] },
    Rule {
        package: "pintle-auth",
        knows: &["pintle-model"],
        never: &["tokio", "axum", "hyper", "http", "rusqlite", "reqwest"],
    },
    Rule {
        package: "pintle-diagram",
        knows: &["pintle-model"],
        never: &["tokio", "axum", "hyper", "http", "rusqlite", "reqwest"],
    },
    Rule {
        package: "pintle-kubernetes",
        knows: &["pintle-model"],
        never: &["tokio", "axum", "hyper", "http", "rusqlite", "reqwest"],
    },
    Rule {
        package: "pintle-query",
        knows: &["pintle-model"],
        never: &["tokio", "axum", "hyper", "http", "rusqlite", "reqwest"],
    },
    Rule {
        package: "pintle-script",
        knows: &[],
        never: &["tokio", "axum", "hyper", "http", "rusqlite", "sqlparser", "reqwest"],
    },
    Rule {
        package: "pintle-store",
        knows: &["pintle-model", "pintle-query"],
        never: &["axum", "hyper", "http", "clap", "reqwest"],
    },
    Rule {
        package: "pintle-pipeline",
        knows: &["pintle-model", "pintle-query", "pintle-store"],
        never: &["axum", "hyper", "http", "clap", "reqwest"],
    },
    Rule {
        package: "pintle-server",
        knows: &["pintle-auth", "pintle-model", "pintle-pipeline", "pintle-query", "pintle-script", "pintle-store"],
        never: &["clap", "miette"],
    },
    Rule {
        package: "pintle",
        knows: &[
            "pintle-auth",
            "pintle-diagram",
            "pintle-kubernetes",
            "pintle-model",
            "pintle-pipeline",
            "pintle-query",
            "pintle-script",
            "pintle-server",
            "pintle-store",
        ],
        never: &[],
    },
];

/// What one crate may know.
pub(crate) struct Rule {
    pub(crate) package: &'static str,
    pub(crate) knows: &'static [&'static str],
    pub(crate) never: &'static [&'static str],
}
