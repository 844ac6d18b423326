//! Services behind the gateway, which callers reach alone.

use super::deployed::Deployed;
use super::load::{CALLERS, Endpoints, Load};
use super::{READY_MAX, configs, get, median};

/// `configs` as two services: its records, and the search in them.
const SERVICES: &str = "services:\n  records: { collections: [configs] }\n  search: { routes: [/search] }\n";

#[test]
fn servers_behind_the_gateway_on_postgres_are_replaced_and_killed_and_callers_see_next_to_nothing() {
    let mut app = Deployed::new(configs(SERVICES));
    app.reserve("configs-records-replicas", 6);
    app.reserve("configs-search-replicas", 1);
    let (inside, callers) = (Endpoints::default(), Endpoints::default());
    app.start("configs-records", None, &inside);
    app.start("configs-search", Some(1), &inside);
    let ready = app.start("configs-gateway", Some(2), &callers);
    assert!(median(&ready) < READY_MAX, "ready after {ready:?}");
    let token = app.token("configs-records");
    let gateway = &app.pods("configs-gateway")[0];
    assert_eq!(get(gateway, "/search?data.a=1", None), r#"{"total":0,"results":[]}"#);

    // Both are replaced: not one request fails.
    let load = Load::start(&callers, &token, "replaced");
    load.more(50);
    app.change();
    app.roll("configs-records", &inside);
    app.roll("configs-gateway", &callers);
    load.more(50);
    let seen = load.end();
    eprintln!("replaced: {} answered, {} failed", seen.answered, seen.failed.len());
    assert!(seen.failed.is_empty(), "{:#?}", seen.failed);
    app.has(&seen.written);

    // One of three is killed: what it was asked to write just then may be lost, of each caller one request; reads are asked again.
    let load = Load::start(&callers, &token, "killed");
    load.more(50);
    app.kill("configs-records", &inside);
    load.more(50);
    let seen = load.end();
    eprintln!("killed: {} answered, {} failed", seen.answered, seen.failed.len());
    assert!(
        seen.failed.iter().all(|failed| failed.wrote && failed.what.starts_with("HTTP/1.1 502")),
        "{:#?}",
        seen.failed
    );
    assert!(seen.failed.len() <= CALLERS, "{:#?}", seen.failed);
    app.has(&seen.written);
}
