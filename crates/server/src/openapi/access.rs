//! Who may ask for what: the ways to say who asks, and whom an operation is for.

use pintle_model::{Collection, CollectionId, Credentials, Role};
use pintle_query::{Planner, Right};
use serde_json::{Map, Value, json};

/// The ways to say who asks.
pub(super) fn schemes(credentials: &Credentials) -> Value {
    let mut schemes = Map::new();
    let bearer = "A token, sent as `Authorization: Bearer TOKEN`.";
    schemes.insert(BEARER.to_owned(), json!({ "type": "http", "scheme": "bearer", "description": bearer }));
    let mut key = |name: &str, place: &str, sent_as: &str, about: &str| {
        let scheme = json!({ "type": "apiKey", "in": place, "name": sent_as, "description": about });
        schemes.insert(name.to_owned(), scheme);
    };
    if credentials.basic {
        // Not OpenAPI's own `basic`, which stands for a user and a password in base64.
        let about =
            "The same token, sent as `Authorization: Basic TOKEN`: the word `Basic`, a space, and the token as it is.";
        key(BASIC, "header", "Authorization", about);
    }
    key(KEY, "header", "apikey", "The same token, sent as `apikey: TOKEN`.");
    let about = "The same token in the URL, `?apikey=TOKEN`, where proxies log it: prefer a header.";
    key(KEY_PARAMETER, "query", "apikey", about);
    Value::Object(schemes)
}

const BEARER: &str = "bearer";
const BASIC: &str = "basic";
const KEY: &str = "apikey";
const KEY_PARAMETER: &str = "apikey_parameter";

/// Each way to say who asks; for what is open, also none.
pub(super) fn security(credentials: &Credentials, open: bool) -> Value {
    let mut ways = if open { vec![json!({})] } else { Vec::new() };
    let basic = credentials.basic.then_some(BASIC);
    ways.extend([BEARER].into_iter().chain(basic).chain([KEY, KEY_PARAMETER]).map(|name| json!({ name: [] })));
    Value::Array(ways)
}

/// A collection, and who may do what with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) planner: &'a Planner,
    pub(super) id: CollectionId,
    pub(super) collection: &'a Collection,
    /// What anonymous callers act as.
    pub(super) nobody: Role,
}

/// Whom an action is for: OpenAPI's `security`, and a sentence for people.
pub(super) struct Access {
    pub(super) security: Value,
    pub(super) note: &'static str,
}

impl Place<'_> {
    /// Whom an action is for that needs all of these rights.
    pub(super) fn access(&self, rights: &[Right]) -> Access {
        let may = |role| rights.iter().all(|right| self.planner.may(self.id, role, *right));
        let always = |role| rights.iter().all(|right| self.planner.may_always(self.id, role, *right));
        let open = may(self.nobody);
        let note = match (open, always(self.nobody)) {
            (true, true) => "Open to everybody.",
            (true, false) => "For callers and records that the policy admits.",
            (false, _) if always(Role::Authenticated) => "Needs a token.",
            (false, _) if may(Role::Authenticated) => "Needs a token; for callers and records that the policy admits.",
            (false, _) => "Needs a token of the role `service_role`.",
        };
        Access { security: self.security(open), note }
    }

    /// The same under `/rest/v1`, where a policy that never holds hides every row, and refuses nobody.
    pub(super) fn access_to_rows(&self, rights: &[Right]) -> Access {
        let policies = &self.collection.policies;
        let stands = |right: &Right| match right {
            Right::Select => policies.select.is_some(),
            // A pipeline is no part of `/rest/v1`.
            Right::Insert | Right::Take(_) => policies.insert.is_some(),
            Right::UpdateUsing | Right::UpdateCheck => policies.update.is_some(),
            Right::Delete => policies.delete.is_some(),
        };
        let refused = self.nobody != Role::ServiceRole && !rights.iter().all(stands);
        Access { security: self.security(!refused), ..self.access(rights) }
    }

    fn security(&self, open: bool) -> Value {
        security(&self.planner.model().credentials, open)
    }
}
