//! PostgREST's writes: which rows and values become of a body, and what is said of a body that is wrong.

use pintle_model::Role;

use crate::plan::Action;
use crate::rest::{Preferences, Resolution, RestWrite, Return};
use crate::testing::{asker, id, names, planner, show};
use crate::{Details, Fault, FaultKind};

fn prefer() -> Preferences {
    Preferences::default()
}

/// What is bound: `title="A" pages=5; …` for the rows of an insert, the values alone for all else.
fn shown(write: &RestWrite) -> String {
    let Some(write) = &write.write else { return "nothing".to_owned() };
    let collection = planner().model().collection(write.plan.collection);
    if !matches!(write.plan.action, Action::Insert | Action::Upsert) {
        return write.inputs.values.iter().map(show).collect::<Vec<_>>().join(" ");
    }
    let fields = names(collection, &write.plan.fields);
    let row = |row: &Vec<_>| {
        let pairs: Vec<_> = fields.iter().zip(row).map(|(name, value)| format!("{name}={}", show(value))).collect();
        pairs.join(" ")
    };
    write.rows.iter().map(row).collect::<Vec<_>>().join("; ")
}

fn insert(table: &str, query: &str, body: &str, prefer: &Preferences) -> Result<RestWrite, Fault> {
    planner().rest_insert(id(planner(), table), query, body.as_bytes(), prefer, &asker(Role::ServiceRole))
}

fn put(table: &str, query: &str, body: &str) -> Result<RestWrite, Fault> {
    planner().rest_put(id(planner(), table), query, body.as_bytes(), &prefer(), &asker(Role::ServiceRole))
}

fn update(table: &str, query: &str, body: &str, prefer: &Preferences) -> Result<RestWrite, Fault> {
    planner().rest_update(id(planner(), table), query, body.as_bytes(), prefer, &asker(Role::ServiceRole))
}

/// The code and the message.
fn told<T>(result: Result<T, Fault>) -> (&'static str, String) {
    match result {
        Ok(_) => ("", "it was accepted".to_owned()),
        Err(fault) => (fault.kind.code(), fault.message),
    }
}

fn sql(write: &RestWrite) -> String {
    write.write.as_ref().map(|write| write.plan.write.sql.clone()).unwrap_or_default()
}

#[test]
fn tiles_are_inserted_one_or_many() {
    let rows = |body| insert("tiles", "", body, &prefer()).map(|write| shown(&write));
    assert_eq!(rows(r#"{"x":1,"y":2}"#).as_deref(), Ok("x=1 y=2"));
    assert_eq!(rows(r#"[{"x":1,"y":2,"kind":"a"},{"y":4,"kind":null,"x":3}]"#).as_deref(), {
        Ok("x=1 y=2 kind=\"a\"; x=3 y=4 kind=null")
    });
    assert_eq!(rows("[]").as_deref(), Ok("nothing"));
}

#[test]
fn defaults_are_filled_and_a_counted_key_is_left_to_the_store() {
    let books = insert("books", "", r#"[{"title":"A"},{"title":"B"}]"#, &prefer()).map(|write| shown(&write));
    let seen = "seen=2023-11-14T22:13:20+00:00";
    assert_eq!(books, Ok(format!("title=\"A\" price=9.5 lent=false {seen}; title=\"B\" price=9.5 lent=false {seen}")));
}

#[test]
fn the_keys_of_objects_must_match() {
    let body = r#"[{"x":1,"y":2},{"x":1}]"#;
    assert_eq!(told(insert("tiles", "", body, &prefer())), ("PGRST102", "All object keys must match".to_owned()));
}

#[test]
fn columns_say_which_keys_count() {
    let body = r#"[{"x":1,"y":2,"junk":3},{"x":3,"y":4,"kind":"a"}]"#;
    let rows = insert("tiles", "columns=x,y,kind", body, &prefer()).map(|write| shown(&write));
    assert_eq!(rows.as_deref(), Ok("x=1 y=2 kind=null; x=3 y=4 kind=\"a\""));
    let books = |missing_default| {
        let prefer = Preferences { missing_default, ..prefer() };
        insert("books", "columns=title,price", r#"[{"title":"A"},{"title":"B","price":null}]"#, &prefer)
            .map(|write| shown(&write).replace(" lent=false seen=2023-11-14T22:13:20+00:00", ""))
    };
    assert_eq!(books(false).as_deref(), Ok("title=\"A\" price=null; title=\"B\" price=null"));
    assert_eq!(books(true).as_deref(), Ok("title=\"A\" price=9.5; title=\"B\" price=null"));
}

#[test]
fn a_missing_counted_key_is_a_default_among_given_ones() {
    let body = r#"[{"id":5,"title":"A"},{"title":"B"}]"#;
    let books = |missing_default| {
        let write = insert("books", "columns=id,title", body, &Preferences { missing_default, ..prefer() })?;
        Ok(shown(&write).replace(" price=9.5 lent=false seen=2023-11-14T22:13:20+00:00", ""))
    };
    assert_eq!(books(true).as_deref(), Ok("id=5 title=\"A\"; id=null title=\"B\""));
    assert_eq!(told(books(false)).0, "23502");
}

#[test]
fn faults_are_told_in_postgres_words() {
    let message = |table, body| told(insert(table, "", body, &prefer()));
    assert_eq!(
        message("tiles", r#"{"x":"a","y":1}"#),
        ("22P02", "invalid input syntax for type bigint: \"a\"".to_owned())
    );
    assert_eq!(
        message("books", "{}"),
        ("23502", { "null value in column \"title\" of relation \"books\" violates not-null constraint".to_owned() })
    );
    assert_eq!(
        message("tiles", r#"{"x":1,"y":1,"z":1}"#),
        ("PGRST204", { "Could not find the 'z' column of 'tiles' in the schema cache".to_owned() })
    );
    assert_eq!(
        message("books", r#"{"title":"A","seen":"2026-01-01"}"#),
        ("428C9", { "cannot insert a non-DEFAULT value into column \"seen\"".to_owned() })
    );
    assert_eq!(
        message("shelves", r#"{"name":"a","place":"roof"}"#),
        ("23514", { "`place` must be one of cellar, attic".to_owned() })
    );
    assert_eq!(message("tiles", "}{ x = 2"), ("PGRST102", "Empty or invalid json".to_owned()));
    assert_eq!(message("tiles", ""), ("PGRST102", "Empty or invalid json".to_owned()));
    let keys = ("PGRST102", "All object keys must match".to_owned());
    assert_eq!(message("tiles", r#"[{"x":1,"y":1}, 333]"#), keys);
    assert_eq!(
        message("tiles", "333"),
        ("PGRST102", {
            let place = "invalid type: integer `333`, expected an object at line 1 column 3";
            format!("the body must be an object or an array of objects: {place}")
        })
    );
}

#[test]
fn every_fault_of_every_record_has_its_path() {
    let fault = insert("tiles", "", r#"[{"x":1,"y":"a"},{"x":null,"y":2}]"#, &prefer()).map(|_| ());
    let Err(Fault { details: Details::List(list), .. }) = fault else { panic!("{fault:?}") };
    let paths: Vec<_> = list.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["0/y", "1/x"]);
}

#[test]
fn an_upsert_merges_the_columns_given() {
    let merge = Preferences { resolution: Some(Resolution::MergeDuplicates), ..prefer() };
    let ignore = Preferences { resolution: Some(Resolution::IgnoreDuplicates), ..prefer() };
    let upsert = |table, query, body, prefer: &Preferences| {
        let write = insert(table, query, body, prefer).map(|write| sql(&write)).unwrap_or_else(|fault| fault.message);
        write.split(" ON CONFLICT ").nth(1).unwrap_or("none").to_owned()
    };
    let shelf = r#"{"name":"a","place":"attic"}"#;
    assert_eq!(upsert("shelves", "", shelf, &merge), "(\"name\") DO UPDATE SET \"place\" = excluded.\"place\"");
    assert_eq!(upsert("shelves", "", shelf, &ignore), "(\"name\") DO NOTHING");
    assert_eq!(upsert("shelves", "on_conflict=name", shelf, &prefer()), "none");
    // A key that is yet to be counted meets no other; the right to change is asked for all the same, as in PostgreSQL.
    assert_eq!(
        upsert("books", "", r#"{"title":"A"}"#, &merge),
        "(\"id\") DO UPDATE SET \"title\" = excluded.\"title\""
    );
    let by_code = r#"{"name":"a","code":"00000000-0000-0000-0000-000000000001"}"#;
    let fault = told(insert("shelves", "on_conflict=code", by_code, &merge));
    assert_eq!(fault.0, "PGRST127", "{fault:?}");
}

#[test]
fn put_takes_one_record_whole_at_its_key() {
    let row = put("shelves", "name=eq.a", r#"[{"name":"a"},{"name":"b"}]"#).map(|write| shown(&write));
    assert_eq!(row.as_deref(), Ok("name=\"a\" place=null code=00000000-0000-0000-0000-000000000000 owner=\"ann\""));
    let filters = "Filters must include all and only primary key columns with 'eq' operators";
    let tile = r#"{"x":1,"y":2,"kind":"a"}"#;
    for query in [
        "",
        "x=eq.1",
        "x=eq.1&y=eq.2&kind=eq.a",
        "x=eq.1&y=gt.2",
        "x=eq.1&x=eq.1",
        "and=(x.eq.1,y.eq.2)",
        "x=not.eq.1&y=eq.2",
        "z=eq.1",
    ] {
        assert_eq!(told(put("tiles", query, tile)), ("PGRST105", filters.to_owned()), "{query}");
    }
    assert!(put("tiles", "y=eq.2&x=eq.1", tile).is_ok());
    let differs = ("PGRST115", "Payload values do not match URL in primary key column(s)".to_owned());
    assert_eq!(told(put("tiles", "x=eq.1&y=eq.3", tile)), differs);
    assert_eq!(told(put("shelves", "name=eq.a", r#"{"place":"attic"}"#)).0, "23502");
    assert_eq!(told(put("shelves", "name=eq.a", "[]")), differs);
    let paged = ("PGRST114", "limit/offset querystring parameters are not allowed for PUT".to_owned());
    assert_eq!(told(put("tiles", "x=eq.1&y=eq.2&limit=1", tile)), paged);
}

#[test]
fn patch_changes_what_is_given() {
    let patch = |query, body| update("books", query, body, &prefer()).map(|write| shown(&write));
    assert_eq!(patch("pages=gt.5", r#"{"title":"A","pages":null}"#).as_deref(), Ok("5 \"A\" null"));
    assert_eq!(patch("", "{}").as_deref(), Ok("nothing"));
    assert_eq!(patch("", "[]").as_deref(), Ok("nothing"));
    assert_eq!(patch("", r#"[{"title":"A"}]"#).as_deref(), Ok("\"A\""));
    assert_eq!(told(patch("", r#"[{"title":"A"},{"title":"B"}]"#)).0, "PGRST102");
    assert_eq!(told(patch("", r#"{"title":null}"#)).0, "23502");
    let columns = Preferences { missing_default: true, ..prefer() };
    let listed =
        update("books", "columns=title,price", r#"{"title":"A","pages":3}"#, &columns).map(|write| shown(&write));
    assert_eq!(listed.as_deref(), Ok("\"A\" 9.5"));
}

#[test]
fn a_readonly_field_is_not_given_by_listing_it() {
    let refused = ("428C9", "cannot insert a non-DEFAULT value into column \"seen\"".to_owned());
    for missing_default in [false, true] {
        let with = |resolution| Preferences { missing_default, resolution, ..prefer() };
        for body in ["{}", r#"{"title":"A"}"#, r#"{"id":1,"title":"A","seen":"2026-01-01"}"#] {
            assert_eq!(told(update("books", "id=eq.1&columns=title,seen", body, &with(None))), refused, "PATCH {body}");
            let merge = with(Some(Resolution::MergeDuplicates));
            assert_eq!(told(insert("books", "columns=id,title,seen", body, &merge)), refused, "upsert {body}");
            assert_eq!(told(insert("books", "columns=title,seen", body, &with(None))), refused, "POST {body}");
        }
    }
    assert_eq!(told(put("books", "id=eq.1&columns=id,title,seen", r#"{"id":1,"title":"A"}"#)), refused);
}

#[test]
fn a_write_to_a_record_that_is_there_leaves_what_is_readonly() {
    let merge = Preferences { resolution: Some(Resolution::MergeDuplicates), ..prefer() };
    let set = |write: Result<RestWrite, Fault>| {
        let sql = sql(&write.expect("a write"));
        sql.split(" SET ").nth(1).expect("it changes something").to_owned()
    };
    let body = r#"{"id":1,"title":"A"}"#;
    assert_eq!(set(insert("books", "", body, &merge)), "\"title\" = excluded.\"title\"");
    assert_eq!(set(insert("books", "columns=id,title", body, &merge)), "\"title\" = excluded.\"title\"");
    let whole = set(put("books", "id=eq.1", body));
    assert!(whole.contains("\"tags\"") && !whole.contains("\"seen\""), "{whole}");
    let default = Preferences { missing_default: true, ..prefer() };
    assert_eq!(set(update("books", "id=eq.1", r#"{"title":"A"}"#, &default)), "\"title\" = ?1 WHERE (\"id\" = ?2)");
}

#[test]
fn a_body_holds_so_many_records_and_values() {
    let body = |count, record: &str| format!("[{}]", vec![record; count].join(","));
    let tiles = |count| told(insert("tiles", "", &body(count, r#"{"x":1,"y":2}"#), &prefer()));
    assert_eq!(tiles(10_000).0, "");
    assert_eq!(tiles(10_001), ("PGRST102", "a body may hold at most 10000 records".to_owned()));
    let all = r#"{"id":1,"title":"A","pages":1,"price":1,"lent":true,"born":null,"data":1,"tags":null}"#;
    let books = |count| told(insert("books", "", &body(count, all), &prefer()));
    assert_eq!(books(10_000).0, "");
    let few = r#"{"name":"a"}"#;
    assert_eq!(told(insert("shelves", "", &body(10_001, few), &prefer())).0, "PGRST102");
}

#[test]
fn who_may_not_write_is_told_so_before_the_body_is_read() {
    let (planner, anon) = (planner(), asker(Role::Anon));
    let shelves = id(planner, "shelves");
    let denied = |result: Result<RestWrite, Fault>| assert_eq!(told(result).0, "42501");
    denied(planner.rest_insert(shelves, "", b"no json", &prefer(), &anon));
    denied(planner.rest_update(shelves, "name=eq.a", b"no json", &prefer(), &anon));
    denied(planner.rest_put(shelves, "name=eq.a", b"no json", &prefer(), &anon));
    denied(planner.rest_delete(shelves, "name=match.(", &prefer(), &anon));
    let read = planner.rest_read(shelves, "name=match.(", &prefer(), &anon);
    assert_eq!(told(read).0, "42501");
}

#[test]
fn a_key_never_changes() {
    let patch = |query| update("books", query, r#"{"id":1,"title":"A"}"#, &prefer()).map(|write| shown(&write));
    assert_eq!(patch("id=eq.1").as_deref(), Ok("1 \"A\""));
    for query in ["id=eq.2", "", "id=gte.1", "or=(id.eq.1,id.eq.2)"] {
        assert_eq!(
            told(patch(query)),
            ("428C9", "column \"id\" can only be updated to its own value".to_owned()),
            "{query}"
        );
    }
}

#[test]
fn a_write_has_no_pages() {
    let deleted = planner().rest_delete(id(planner(), "books"), "limit=1", &prefer(), &asker(Role::ServiceRole));
    assert_eq!(told(deleted), ("PGRST127", "`limit` or `offset` on DELETE is not supported yet".to_owned()));
    assert_eq!(told(update("books", "offset=1", r#"{"pages":1}"#, &prefer())).0, "PGRST127");
}

#[test]
fn answers_are_what_was_asked_for() {
    let answer = |query, returning| {
        let write =
            insert("shelves", query, r#"{"name":"a"}"#, &Preferences { returning, ..prefer() }).expect("a write");
        let columns = write
            .write
            .as_ref()
            .map(|write| write.plan.columns.iter().map(|c| c.name().to_owned()).collect::<Vec<_>>());
        (columns.unwrap_or_default().join(" "), write.location)
    };
    assert_eq!(answer("", Return::Minimal), (String::new(), false));
    assert_eq!(answer("", Return::HeadersOnly), ("name".to_owned(), true));
    assert_eq!(answer("", Return::Representation), ("name place code owner".to_owned(), false));
    assert_eq!(answer("select=place,n:name", Return::Representation), ("place n".to_owned(), false));
}

#[test]
fn who_may_not_write_is_told() {
    let refused =
        planner().rest_insert(id(planner(), "shelves"), "", b"{\"name\":\"a\"}", &prefer(), &asker(Role::Anon));
    assert_eq!(refused.map(|_| ()).map_err(|fault| fault.kind), Err(FaultKind::Denied));
}

#[test]
fn reads_are_bounded_by_their_own_limit() {
    let read = planner().rest_read(id(planner(), "books"), "limit=5&offset=2", &prefer(), &asker(Role::ServiceRole));
    let read = read.expect("a read");
    assert_eq!((read.limit, read.offset), (Some(5), 2));
    assert_eq!(read.read.inputs.values.iter().map(show).collect::<Vec<_>>(), ["5", "2"]);
}
