//! Whatever query string and body a request has, it is planned or refused; what is planned binds each placeholder.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use pintle_fuzz::{asker, assert_bound, planner};
use pintle_query::rest::{Preferences, Return};
use pintle_query::{Dialect, Planner};

static PLANNER: LazyLock<Planner> = LazyLock::new(|| planner("true", Dialect::Sqlite).expect("the model is valid"));

fuzz_target!(|input: (&str, &[u8])| {
    let (query, body) = input;
    let (collection, _) = PLANNER.model().find("things").expect("the model has things");
    let prefer = Preferences { returning: Return::Representation, count: true, ..Preferences::default() };
    let asker = asker();
    if let Ok(planned) = PLANNER.rest_read(collection, query, &prefer, &asker) {
        assert_bound(&planned.read.plan.rows);
        planned.read.plan.count.iter().for_each(assert_bound);
    }
    if let Ok(planned) = PLANNER.list(collection, query, &asker) {
        assert_bound(&planned.read.plan.rows);
    }
    let writes = [
        PLANNER.rest_insert(collection, query, body, &prefer, &asker),
        PLANNER.rest_put(collection, query, body, &prefer, &asker),
        PLANNER.rest_update(collection, query, body, &prefer, &asker),
        PLANNER.rest_delete(collection, query, &prefer, &asker),
    ];
    for write in writes.into_iter().flatten().filter_map(|planned| planned.write) {
        let plan = Arc::clone(&write.plan);
        [Some(&plan.write), plan.check.as_ref(), plan.probe.as_ref()].into_iter().flatten().for_each(assert_bound);
    }
});
