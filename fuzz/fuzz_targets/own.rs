//! Whatever an app's own SQL says, it is a statement or a mistake; what compiles has a value for each placeholder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fuzz::{assert_bound, planner};
use pintle_model::{Role, Type};
use pintle_query::{Dialect, Planner};
use std::sync::LazyLock;

static PLANNERS: LazyLock<[Planner; 2]> = LazyLock::new(|| {
    let made = |dialect| planner("owner = auth.uid() or done", dialect).expect("the policy has no mistakes");
    [made(Dialect::Sqlite), made(Dialect::Postgres)]
});

fuzz_target!(|text: &str| {
    let params = [("n".to_owned(), Type::Integer)];
    let params = if text.contains(":n") { &params[..] } else { &[] };
    for role in Role::ALL {
        if let Ok(own) = PLANNERS[0].own_sql(text, params, role, true) {
            assert_bound(&own.plan.rows);
        }
        let _ = PLANNERS[1].own_sql(text, params, role, true);
    }
});
