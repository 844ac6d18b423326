//! Who asks.

use std::collections::BTreeMap;

/// What a caller may be: anonymous, signed in, or the app's own service, which passes every policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// No proof of identity was given.
    Anon,
    /// A token or a session proved who asks.
    Authenticated,
    /// The app's own programs: policies do not hold for them.
    ServiceRole,
}

impl Role {
    /// Every role, in the order of rising rights.
    pub const ALL: [Role; 3] = [Role::Anon, Role::Authenticated, Role::ServiceRole];

    /// The role's name as manifests, tokens and policies write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Anon => "anon",
            Role::Authenticated => "authenticated",
            Role::ServiceRole => "service_role",
        }
    }

    /// Reads a role's name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Who asks: what policies see as `auth.role()`, `auth.uid()` and `auth.claim('x')`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `auth.role()`
    pub role: Role,
    /// `auth.uid()`; absent for anonymous callers and for tokens without a user.
    pub user: Option<String>,
    /// `auth.claim('x')`, each as text.
    pub claims: BTreeMap<String, String>,
}

impl Caller {
    /// A caller with a role and nothing else.
    #[must_use]
    pub fn of(role: Role) -> Caller {
        Caller { role, user: None, claims: BTreeMap::new() }
    }
}
