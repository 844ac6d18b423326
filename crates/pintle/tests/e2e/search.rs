//! `apps/configs`: found by a key inside, and nothing more than that.

use serde_json::json;

use crate::common::{App, Place, Server};

on_both_stores!(
    by_a_key_inside,
    a_number_true_false_or_null_is_found_as_itself_and_as_text,
    a_path_through_arrays_matches_if_any_element_does,
    keys_and_values_may_hold_any_character,
    a_hostile_value_finds_nothing_and_breaks_nothing,
    a_hostile_parameter_is_refused_or_finds_nothing,
);

/// Two configurations with something of each JSON type inside.
async fn filled(place: Place) -> (App, Server) {
    let app = App::shipped("configs").on(place);
    let server = app.serve();
    let token = app.token("writer", "authenticated");
    let nanette = json!({ "name": "Nanette", "data": [
        { "id": 2687, "app_name": "officia", "isActive": false },
        { "id": 4608, "app_name": "consectetur", "limits": { "cpu": 0.5, "tags": ["blue", "eu"], "zones": [{ "n": 1 }, { "n": 2 }] } },
    ]});
    let other = json!({ "name": "Other", "data": [
        { "id": "4608", "app_name": "officia", "isActive": true, "a b": "ä", "empty": null, "limits": { "cpu": 2 } },
    ]});
    for config in [nanette, other] {
        server.post("/configs", config).token(&token).await.has(201);
    }
    (app, server)
}

/// The names that a query finds.
async fn found(server: &Server, query: &str) -> Vec<String> {
    let list = server.get(&format!("/configs?{query}")).await.has(200).json();
    list.as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
}

async fn by_a_key_inside(place: Place) {
    let (_app, server) = filled(place).await;
    assert_eq!(found(&server, "name=Nanette&data.app_name=officia").await, ["Nanette"]);
    assert_eq!(found(&server, "data.app_name=officia").await, ["Nanette", "Other"]);
    assert_eq!(found(&server, "data.app_name=nowhere").await, [""; 0]);
    assert_eq!(found(&server, "data.limits.cpu=0.5").await, ["Nanette"]);
    assert_eq!(found(&server, "data.limits.cpu=2.0").await, ["Other"], "numbers compare as numbers");
}

async fn a_number_true_false_or_null_is_found_as_itself_and_as_text(place: Place) {
    let (_app, server) = filled(place).await;
    assert_eq!(found(&server, "data.id=4608").await, ["Nanette", "Other"]);
    assert_eq!(found(&server, "data.isActive=false").await, ["Nanette"]);
    assert_eq!(found(&server, "data.isActive=true").await, ["Other"]);
    assert_eq!(found(&server, "data.empty=null").await, ["Other"]);
}

async fn a_path_through_arrays_matches_if_any_element_does(place: Place) {
    let (_app, server) = filled(place).await;
    assert_eq!(found(&server, "data.limits.tags=eu").await, ["Nanette"]);
    assert_eq!(found(&server, "data.limits.zones.n=2").await, ["Nanette"]);
    // Each parameter on its own, so different elements may match.
    assert_eq!(found(&server, "data.id=2687&data.app_name=consectetur").await, ["Nanette"]);
    assert_eq!(found(&server, "data.id=2687&data.id=4608").await, ["Nanette"]);
}

async fn keys_and_values_may_hold_any_character(place: Place) {
    let (_app, server) = filled(place).await;
    assert_eq!(found(&server, "data.a%20b=%C3%A4").await, ["Other"]);
    assert_eq!(found(&server, "data.a+b=%C3%A4").await, ["Other"]);
}

async fn a_hostile_value_finds_nothing_and_breaks_nothing(place: Place) {
    let (_app, server) = filled(place).await;
    for value in [
        "'%20OR%20'1'='1",
        "%22%20OR%201=1--",
        "x';DROP%20TABLE%20configs;--",
        "%25",
        "*",
        "_",
        "%5C",
        "$.id",
        "[0]",
        "%5B*%5D",
        "{}",
        "%7B%22$ne%22:null%7D",
        "1e999999",
        "-",
        "0x10",
        "%F0%9F%92%A9",
        "'",
        "''",
        "%22",
        "(select%201)",
        "NaN",
        "9".repeat(400).as_str(),
    ] {
        assert_eq!(found(&server, &format!("data.id={value}")).await, [""; 0], "{value}");
        assert_eq!(found(&server, &format!("name={value}")).await, [""; 0], "{value}");
    }
    assert_eq!(found(&server, "").await, ["Nanette", "Other"], "all is as it was");
}

async fn a_hostile_parameter_is_refused_or_finds_nothing(place: Place) {
    let (_app, server) = filled(place).await;
    for key in [
        "data'",
        "data.%00",
        "data.id%00",
        "data->id",
        "data->>id",
        "%22data%22",
        "1=1",
        "name)%20or%20(1=1",
        "or",
        "and",
        "select",
        "_rowid_",
        "rowid",
        "sqlite_master",
        "data.",
        "data..id",
        ".data",
        "",
        "%FF",
        "limit[]",
        "order[name]",
    ] {
        let answer = server.get(&format!("/configs?{key}=x")).await;
        assert!(
            answer.status == 400 || (answer.status == 200 && answer.text == "[]"),
            "a strange key is refused, or finds nothing: {answer}"
        );
    }
    for query in [
        "order=name;drop",
        "order=(select+1)",
        "limit=-1",
        "limit=1;2",
        "offset=x",
        "limit=99999999999999999999",
        "order=data.x.desc",
        "nosuch=1",
    ] {
        server.get(&format!("/configs?{query}")).await.has(400);
    }
    let deep = format!("data.{}=1", ["a"; 9].join("."));
    server.get(&format!("/configs?{deep}")).await.has(400);
    assert_eq!(found(&server, "").await, ["Nanette", "Other"], "all is as it was");
}
