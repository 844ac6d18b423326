//! What mounts make of requests: which rows, which faults, and in whose words.

use pintle_model::{Role, Value};
use proptest::prelude::*;

use crate::plan::{Read, Write};
use crate::testing::{asker, id, names, planner, show};
use crate::{Details, Fault, FaultKind};

/// A fault as its message and its list.
fn told(fault: Fault) -> (String, Vec<(String, String)>) {
    let list = match fault.details {
        Details::List(list) => list,
        _ => Vec::new(),
    };
    (fault.message, list)
}

fn create(collection: &str, body: &str) -> Result<String, Fault> {
    let planner = planner();
    let write = planner.create(id(planner, collection), body.as_bytes(), &asker(Role::ServiceRole))?;
    Ok(shown(planner, &write))
}

/// The rows of a write: `title="x" pages=null`.
fn shown(planner: &crate::Planner, write: &Write) -> String {
    let collection = planner.model().collection(write.plan.collection);
    let fields = names(collection, &write.plan.fields);
    let rows = write.rows.iter().map(|row| {
        let pairs: Vec<_> = fields.iter().zip(row).map(|(name, value)| format!("{name}={}", show(value))).collect();
        pairs.join(" ")
    });
    rows.collect::<Vec<_>>().join("; ")
}

#[track_caller]
fn refused(body: &str, message: &str, list: &[(&str, &str)]) {
    let list = list.iter().map(|(path, message)| ((*path).to_owned(), (*message).to_owned())).collect();
    assert_eq!(create("books", body).map_err(told), Err((message.to_owned(), list)), "{body}");
}

#[test]
fn a_record_takes_its_defaults() {
    assert_eq!(
        create("books", r#"{"title":"A","data":{"b":1,"a":[1.50]}}"#).as_deref(),
        Ok("title=\"A\" pages=null price=9.5 lent=false born=null seen=2023-11-14T22:13:20+00:00 \
            data={\"a\": [1.50], \"b\": 1} tags=null")
    );
    assert_eq!(
        create("shelves", r#"{"name":"n","place":"attic"}"#).as_deref(),
        Ok("name=\"n\" place=\"attic\" code=00000000-0000-0000-0000-000000000000 owner=\"ann\"")
    );
}

#[test]
fn a_key_that_no_url_leads_to_is_refused() {
    let named = |name: &str| create("shelves", &format!(r#"{{"name":"{name}","place":"attic"}}"#)).map_err(told);
    for name in ["", ".", ".."] {
        let message = format!("`name` must not be {name:?}: no URL leads to such a record");
        assert_eq!(named(name), Err((message.clone(), vec![("name".to_owned(), message)])));
    }
    for name in ["...", ".a", " "] {
        assert!(named(name).is_ok(), "{name}");
    }
}

#[test]
fn a_counted_key_may_be_given() {
    let given = create("books", r#"{"id":7,"title":"A"}"#).expect("it may be given");
    assert!(given.starts_with("id=7 title=\"A\" "), "{given}");
    // Else one caller could use up the count.
    let message = "`id` is counted, and must be at most 4503599627370495";
    refused(r#"{"id":9007199254740992,"title":"A"}"#, message, &[("id", message)]);
}

#[test]
fn every_fault_of_a_record_is_told_at_once() {
    refused(r#"{"title":"A","pages":0}"#, "`pages` must be at least 1", &[("pages", "`pages` must be at least 1")]);
    refused(
        r#"{"pages":"x","titel":"A","seen":"2026-01-01","tags":[{"id":1},{"id":"x"},{}]}"#,
        "invalid input syntax for type bigint: \"x\" (and 5 more faults: see details)",
        &[
            ("pages", "invalid input syntax for type bigint: \"x\""),
            ("titel", "`titel` is no field of `books`"),
            ("seen", "`seen` is readonly: leave it out"),
            ("tags/1/id", "`tags` does not satisfy its schema: \"x\" is not of type \"integer\" at /1/id"),
            ("tags/2", "`tags` does not satisfy its schema: \"id\" is a required property at /2"),
            ("title", "`title` is required"),
        ],
    );
    refused(r#"{"title":null}"#, "`title` must not be null", &[("title", "`title` must not be null")]);
    let long = "`title` must have at most 20 characters, and has 21";
    refused(r#"{"title":"123456789012345678901"}"#, long, &[("title", long)]);
}

#[test]
fn a_schema_is_held_against_what_is_stored() {
    // serde_json's own names for numbers and raw texts would make trees of other values.
    for key in ["Number", "RawValue"] {
        let body = format!(r#"{{"title":"A","tags":[{{"id":{{"$serde_json::private::{key}":"1"}}}}]}}"#);
        assert_eq!(create("books", &body).map_err(|fault| fault.kind), Err(FaultKind::Check));
    }
}

#[test]
fn the_last_of_equal_keys_counts() {
    let row = create("shelves", r#"{"name":"a","name":"b"}"#).expect("it is a record");
    assert!(row.starts_with("name=\"b\""), "{row}");
}

#[test]
fn a_body_that_is_no_record_says_where() {
    refused("", "the body is no JSON: it is empty", &[]);
    refused("{\"title\":\n  oops}", "the body is no JSON: expected value at line 2 column 3", &[]);
    refused("{\"title\":\"A\"} x", "the body is no JSON: trailing characters at column 15", &[]);
    refused("17", "the body must be an object: invalid type: integer `17`, expected an object at column 2", &[]);
    refused("[{\"title\":\"A\"}]", "the body must be an object: it is an array", &[]);
    let deep = format!("{{\"title\":\"A\",\"data\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let fault = create("books", &deep).expect_err("it is too deep");
    assert_eq!(fault.kind, FaultKind::TooDeep);
}

#[test]
fn who_may_add_but_not_read_gets_nothing_back() {
    let planner = planner();
    let books = id(planner, "books");
    let body = br#"{"title":"A"}"#;
    let answers = |role| planner.create(books, body, &asker(role)).map(|write| write.plan.columns.len());
    assert_eq!(answers(Role::Authenticated), Ok(9));
    assert_eq!(answers(Role::Anon), Ok(0));
    let shelves = id(planner, "shelves");
    let refused = planner.create(shelves, b"no record at all", &asker(Role::Anon)).map_err(|fault| fault.kind);
    assert_eq!(refused.err(), Some(FaultKind::Denied));
}

fn values(read: &Read) -> String {
    read.inputs.values.iter().map(show).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_key_is_read_by_its_type() {
    let planner = planner();
    let get = |key| planner.get(id(planner, "books"), key, &asker(Role::ServiceRole)).map(|read| values(&read));
    assert_eq!(get("17").as_deref(), Ok("17"));
    assert_eq!(get("x").map_err(|fault| fault.kind), Err(FaultKind::Value("22P02")));
}

#[test]
fn one_plan_serves_every_record() {
    let planner = planner();
    let get = |key| planner.get(id(planner, "books"), key, &asker(Role::ServiceRole)).expect("a read").plan;
    assert!(std::sync::Arc::ptr_eq(&get("1"), &get("2")));
    let list = |query| planner.list(id(planner, "books"), query, &asker(Role::ServiceRole)).expect("a list").read.plan;
    assert!(std::sync::Arc::ptr_eq(&list("pages=1&limit=3"), &list("pages=2&limit=4")));
    assert!(!std::sync::Arc::ptr_eq(&list("pages=1&limit=3"), &list("price=2&limit=4")));
}

fn list(query: &str) -> Result<(String, u64, Option<u64>), Fault> {
    let planner = planner();
    let list = planner.list(id(planner, "books"), query, &asker(Role::ServiceRole))?;
    Ok((values(&list.read), list.offset, list.limit))
}

#[test]
fn a_list_takes_equalities_and_pages() {
    let ok = |values: &str, offset, limit| Ok((values.to_owned(), offset, Some(limit)));
    // One row more than the page, to see whether there is another page.
    assert_eq!(list(""), ok("11", 0, 10));
    assert_eq!(list("limit=3&offset=2&order=title.desc"), ok("4 2", 2, 3));
    assert_eq!(list("title=a+b&data.app.id=4608"), ok("\"a b\" \"4608\" 11", 0, 10));
    assert_eq!(list("data=x&pages=5"), ok("\"x\" 5 11", 0, 10));
}

#[test]
fn what_is_no_parameter_is_refused() {
    let message = |query| list(query).map_err(|fault| fault.message).expect_err("it is refused");
    assert_eq!(message("nope=1"), "`nope` is no parameter of this list");
    assert_eq!(message("title.a=1"), "`title` is no json field, so `title.a` leads nowhere");
    assert_eq!(message("pages=x"), "`pages`: invalid input syntax for type bigint: \"x\"");
    assert_eq!(message("limit=51"), "`limit` may be at most 50, and is 51");
    assert_eq!(message("limit=0"), "`limit` is a whole number of at least 1, not \"0\"");
    assert_eq!(message("offset=-1"), "`offset` is a whole number of at least 0, not \"-1\"");
    assert_eq!(message("offset="), "`offset` is a whole number of at least 0, not \"\"");
    let most = "`offset` is at most 9223372036854775806, not";
    assert_eq!(message("offset=9223372036854775807"), format!("{most} \"9223372036854775807\""));
    assert_eq!(message("offset=99999999999999999999"), format!("{most} \"99999999999999999999\""));
    assert_eq!(message("limit=1&limit=2"), "the parameter `limit` is given twice");
    assert_eq!(message("data.a.b.c.d.e.f.g.h.i=1"), {
        "`data.a.b.c.d.e.f.g.h.i` is too deep: a path inside a json field has at most 8 levels"
    });
}

#[test]
fn replace_takes_the_record_whole() {
    let planner = planner();
    let shelves = id(planner, "shelves");
    let replace = |key, body: &str| {
        let write = planner.replace(shelves, key, body.as_bytes(), &asker(Role::ServiceRole))?;
        Ok::<_, Fault>(write.inputs.values.iter().map(show).collect::<Vec<_>>().join(" "))
    };
    let uuid = "00000000-0000-0000-0000-000000000000";
    assert_eq!(replace("a", "{}"), Ok(format!("\"a\" null {uuid} \"ann\"")));
    assert_eq!(replace("a", r#"{"name":"a","owner":null}"#), Ok(format!("\"a\" null {uuid} null")));
    assert_eq!(replace("a", r#"{"name":"b"}"#).map_err(|fault| fault.kind), Err(FaultKind::PutKey));
}

#[test]
fn replace_leaves_what_the_caller_may_not_give() {
    let planner = planner();
    let write = planner.replace(id(planner, "books"), "1", br#"{"title":"A"}"#, &asker(Role::ServiceRole));
    let sql = write.expect("a write").plan.write.sql.clone();
    assert!(sql.contains("\"title\" =") && !sql.contains("\"seen\" ="), "{sql}");
}

fn patch(current: &str, body: &str) -> Result<String, Fault> {
    let planner = planner();
    let (books, asker) = (id(planner, "books"), asker(Role::ServiceRole));
    let write = planner.patch(books, "1", current.as_bytes(), body.as_bytes(), &asker)?;
    let values: Vec<_> = write.inputs.values[1..].iter().map(show).collect();
    Ok(values.join(" "))
}

#[test]
fn patch_writes_what_changes() {
    let current = r#"{"id":1,"title":"A","pages":5,"price":1,"data":{"a":{"b":1,"c":2}},"tags":null}"#;
    assert_eq!(patch(current, r#"{"pages":6}"#).as_deref(), Ok("6"));
    assert_eq!(patch(current, r#"{"pages":5,"title":"A","price":1.0}"#).as_deref(), Ok(""));
    assert_eq!(patch(current, "{}").as_deref(), Ok(""));
    assert_eq!(patch(current, r#"{"pages":null}"#).as_deref(), Ok("null"));
    assert_eq!(patch(current, r#"{"data":{"a":{"b":null,"d":3}}}"#).as_deref(), Ok(r#"{"a": {"c": 2, "d": 3}}"#));
    assert_eq!(patch(current, r#"{"data":[1]}"#).as_deref(), Ok("[1]"));
    assert_eq!(patch(current, r#"{"data":null}"#).as_deref(), Ok("null"));
    assert_eq!(patch(current, r#"{"id":1,"pages":6}"#).as_deref(), Ok("6"));
    assert_eq!(patch(current, r#"{"id":2}"#).map_err(|fault| fault.kind), Err(FaultKind::PutKey));
    assert_eq!(patch(current, r#"{"title":null}"#).map_err(|fault| fault.kind), Err(FaultKind::NotNull));
    assert_eq!(patch(current, r#"{"tags":{"id":1}}"#).map_err(|fault| fault.kind), Err(FaultKind::Check));
}

proptest! {
    #[test]
    fn any_body_is_a_record_or_refused(body in prop::collection::vec(any::<u8>(), 0..40)) {
        let planner = planner();
        let _ = planner.create(id(planner, "books"), &body, &asker(Role::ServiceRole));
    }

    #[test]
    fn any_list_is_planned_or_refused(query in "(title|data|data\\.a|pages|order|limit|offset)=\\PC{0,12}(&order=[a-z.,]{0,9})?") {
        match list(&query) {
            Ok((_, _, limit)) => prop_assert!(limit.is_some_and(|limit| limit <= 50)),
            Err(fault) => prop_assert!(!fault.message.is_empty()),
        }
    }

    #[test]
    fn any_text_in_a_record_is_kept(title in "[^\\x00]{0,20}") {
        let planner = planner();
        let body = serde_json::json!({ "title": title }).to_string();
        let write = planner.create(id(planner, "books"), body.as_bytes(), &asker(Role::ServiceRole));
        prop_assert_eq!(write.map(|write| write.rows[0][0].clone()), Ok(Value::Text(title)));
    }
}
