//! Whatever a policy says, it compiles or its mistakes are told; what compiles plans every kind of request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fuzz::{asker, assert_bound, planner};
use pintle_query::Dialect;
use pintle_query::rest::Preferences;

fuzz_target!(|policy: &str| {
    let Ok(planner) = planner(policy, Dialect::Sqlite) else { return };
    let (collection, _) = planner.model().find("things").expect("the model has things");
    let planned = planner.rest_read(collection, "", &Preferences::default(), &asker()).expect("it is granted");
    assert_bound(&planned.read.plan.rows);
    let planned = planner.rest_delete(collection, "id=eq.1", &Preferences::default(), &asker()).expect("it is granted");
    planned.write.iter().for_each(|write| assert_bound(&write.plan.write));
});
