//! What plans look like on PostgreSQL. That it accepts them, and finds what SQLite finds, is the store's to test.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use pintle_model::{CollectionId, Role, Type, Value};
use regex::Regex;

use super::plans::{MANIFEST, NOTES, city, eq, item, read, returning};
use super::*;
use crate::WritePlan;
use crate::plan::{Apart, Param};
use crate::request::*;
use crate::sql::index_part;

fn planner(manifest: &str) -> Planner {
    Planner::new(model(manifest), Dialect::Postgres).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn write(manifest: &str, shape: WriteShape) -> Arc<WritePlan> {
    let plan = planner(manifest).plan_write(NOTES, Role::Authenticated, shape).unwrap();
    assert!(plan.check.is_none() && plan.probe.is_none() && plan.verdicts == 0 && plan.sort.is_empty());
    plan
}

/// Each parameter must have its placeholders, all with one type.
pub(super) fn agree(statement: &Statement) {
    static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$(\d+)(::\w+)?").unwrap());
    let mut types = BTreeMap::new();
    for found in PLACEHOLDER.captures_iter(&statement.sql) {
        let number: usize = found[1].parse().unwrap();
        let ty = found.get(2).map(|ty| ty.as_str().to_owned());
        assert!(ty.is_some(), "{}", statement.sql);
        assert_eq!(*types.entry(number).or_insert_with(|| ty.clone()), ty, "{}", statement.sql);
    }
    let numbers: Vec<usize> = types.into_keys().collect();
    assert_eq!(numbers, (1..=statement.params.len()).collect::<Vec<_>>(), "{}", statement.sql);
}

#[test]
fn a_read_has_the_type_of_each_value() {
    let planner = planner(MANIFEST);
    let mut shape = read(Filter::And(vec![eq(1, 0), Filter::Test(Target::field(0), Test::In(vec![1, 2]))]));
    shape.order = vec![Order { target: city(true), descending: true, nulls_first: None }];
    (shape.limit, shape.offset) = (None, Some(3));
    let plan = planner.plan_read(NOTES, Role::Anon, shape).unwrap();
    assert_eq!(
        plan.rows.sql,
        r#"SELECT "id", "title" FROM "notes" WHERE (("title" = $1::text) AND ("id" IN ($2::int8, $3::int8)) AND ("open" OR ("owner" = $4::text))) ORDER BY (("notes"."data" ->> 'city') COLLATE "C") DESC NULLS FIRST OFFSET $5::int8"#
    );
    let shut = planner.plan_read(
        CollectionId(1),
        Role::Anon,
        ReadShape { select: Some(vec![item(0, "name")]), ..read(eq(0, 0)) },
    );
    assert_eq!(shut.unwrap().rows.sql, r#"SELECT "name" FROM "rooms" WHERE FALSE"#);
}

#[test]
fn an_index_stands_in_statements_as_it_was_made() {
    let planner = planner(&MANIFEST.replace("[data->>city]", "[data->>city], [\"data->a->-1->>'b c'\"]"));
    let notes = planner.model().collection(NOTES);
    let parts: Vec<_> =
        notes.indexes.iter().map(|index| index_part(Dialect::Postgres, notes, &index.parts[0])).collect();
    assert_eq!(
        parts,
        [
            r#""title""#,
            r#"(("data" ->> 'city') COLLATE "C")"#,
            r#"((jsonb_path_query_first("data", 'strict $."a"[last]."b c"'::jsonpath, '{}', TRUE) #>> '{}') COLLATE "C")"#
        ]
    );
    let like = Filter::Test(city(true), Test::Like { pattern: 0, fold: false });
    let plan = planner.plan_read(NOTES, Role::ServiceRole, read(like)).unwrap();
    assert!(plan.rows.sql.ends_with(&format!("WHERE ({} LIKE $1::text)", parts[1])), "{}", plan.rows.sql);
}

#[test]
fn what_sqlite_needs_functions_for_postgres_has() {
    let planner = planner(MANIFEST);
    let sql = |target: Target, test: Test| {
        let plan = planner.plan_read(NOTES, Role::ServiceRole, read(Filter::Test(target, test))).unwrap();
        plan.rows.sql.split_once("WHERE ").unwrap().1.to_owned()
    };
    let at = |steps: &[&str], text| Target {
        field: 5,
        path: steps.iter().map(|step| Step::parse(step)).collect(),
        text,
        spot: None,
    };
    assert_eq!(sql(Target::field(1), Test::Match { pattern: 0, fold: true }), r#"("title" ~ $1::text)"#);
    assert_eq!(
        sql(Target::field(1), Test::Like { pattern: 0, fold: true }),
        r#"(translate("title", 'Σ', 'σ') COLLATE "und-x-icu" ILIKE translate($1::text, 'Σ', 'σ') COLLATE "und-x-icu")"#
    );
    assert_eq!(sql(Target::field(5), Test::Contained(0)), r#"($1::jsonb @> "data")"#);
    assert_eq!(sql(Target::field(4), Test::Distinct(0)), r#"("score" IS DISTINCT FROM $1::float8)"#);
    assert_eq!(sql(Target::field(4), Test::In(vec![])), "FALSE");
    assert_eq!(
        sql(at(&["a", "b"], true), Test::Compare(Comparison::Gt, 0)),
        r#"((("data" -> $1::text ->> $2::text) COLLATE "C") > $3::text)"#
    );
    assert_eq!(
        sql(at(&["a", "0"], false), Test::Compare(Comparison::Eq, 0)),
        r#"((jsonb_path_query_first("data", (SELECT $1::text::jsonpath), '{}', TRUE)) = $2::jsonb)"#
    );
    let plan = planner.plan_read(NOTES, Role::ServiceRole, read(Filter::Test(city(false), Test::Element(0)))).unwrap();
    let [Param::Literal(Value::Text(path)), Param::Value(0)] = &plan.rows.params[..] else { panic!("{plan:?}") };
    let arrays = "[*]".repeat(planner.model().limits.depth as usize);
    assert_eq!(*path, format!("lax ${arrays}.\"city\"{arrays} ? (@ == $text || @ == $scalar)"));
    assert!(plan.rows.sql.ends_with(r#"jsonb_path_exists("data", (SELECT $1::text::jsonpath), $2::jsonb)"#));
}

#[test]
fn an_insert_fails_by_itself_where_the_policy_forbids_it() {
    let shape =
        |answer: &[usize]| WriteShape::Insert { fields: vec![1, 2], conflict: None, returning: returning(answer) };
    let plan = write(MANIFEST, shape(&[0]));
    assert_eq!(
        plan.write.sql,
        r#"INSERT INTO "notes" ("title", "owner") SELECT $1::text, $2::text WHERE CASE WHEN (($2::text = $3::text) AND (NULL::bool OR ($2::text = $3::text))) IS TRUE THEN TRUE ELSE _pintle_deny('notes') END RETURNING "id""#
    );
    assert_eq!(plan.write.params, [Param::Row(0), Param::Row(1), Param::Uid]);
    let bulk = plan.bulk.as_ref().unwrap();
    agree(bulk);
    assert_eq!(
        bulk.sql,
        r#"INSERT INTO "notes" ("title", "owner") SELECT "_pintle_rows"."c0"::text, "_pintle_rows"."c1"::text FROM unnest($1::text[], $2::text[]) AS "_pintle_rows"("c0", "c1") WHERE CASE WHEN (("_pintle_rows"."c1"::text = $3::text) AND (NULL::bool OR ("_pintle_rows"."c1"::text = $3::text))) IS TRUE THEN TRUE ELSE _pintle_deny('notes') END RETURNING "id""#
    );
    assert_eq!(bulk.params, [Param::Rows(0), Param::Rows(1), Param::Uid]);
    let on_key = write(&MANIFEST.replace("open or owner = auth.uid()", "id > 10"), shape(&[0]));
    assert_eq!(on_key.bulk, None);
    assert_eq!(
        on_key.write.sql,
        r#"INSERT INTO "notes" ("id", "title", "owner") SELECT "id", $1::text, $2::text FROM (SELECT nextval(pg_get_serial_sequence('"notes"', 'id')::regclass) AS "id") AS "notes" WHERE CASE WHEN (($2::text = $3::text) AND ("id" > $4::int8)) IS TRUE THEN TRUE ELSE _pintle_deny('notes') END RETURNING "id""#
    );
}

#[test]
fn rows_of_a_bulk_insert_that_leaves_others_alone_come_back_with_what_tells_them_apart() {
    let insert = |fields: Vec<usize>, conflict: Option<Conflict>| {
        let shape = WriteShape::Insert { fields, conflict, returning: Returning::default() };
        planner(MANIFEST).plan_write(NOTES, Role::ServiceRole, shape).unwrap()
    };
    let on_key = |set| Some(Conflict { target: vec![0], set, asked: false });
    let given = insert(vec![1, 0], on_key(None));
    assert_eq!(given.apart, Some(vec![Apart { at: 1, ty: Type::Integer }]));
    let bulk = &given.bulk.as_ref().unwrap().sql;
    assert!(bulk.contains(r#" RETURNING (xmax = 0), "id", _pintle_count_past("#), "{bulk}");
    // What alone has no such column.
    assert!(given.write.sql.contains(" RETURNING (xmax = 0), _pintle_count_past("), "{}", given.write.sql);
    // A key that is counted is always new, and a row that is changed is not left alone.
    assert_eq!(insert(vec![1], on_key(None)).apart, Some(Vec::new()));
    assert_eq!(insert(vec![1], None).apart, Some(Vec::new()));
    assert_eq!(insert(vec![0, 1], on_key(Some(vec![1]))).apart, None);
}

#[test]
fn what_needs_no_check_is_a_plain_insert() {
    let insert = |fields: Vec<usize>| {
        let shape = WriteShape::Insert { fields, conflict: None, returning: Returning::default() };
        planner(MANIFEST).plan_write(NOTES, Role::ServiceRole, shape).unwrap().write.sql.clone()
    };
    assert_eq!(insert(vec![1, 4]), r#"INSERT INTO "notes" ("title", "score") VALUES ($1::text, $2::float8)"#);
    assert_eq!(
        insert(vec![0]),
        r#"INSERT INTO "notes" ("id") VALUES (coalesce($1::int8, nextval(pg_get_serial_sequence('"notes"', 'id')::regclass))) RETURNING _pintle_count_past('"notes"', 'id', "notes"."id")"#
    );
    assert_eq!(insert(vec![]), r#"INSERT INTO "notes" ("id") VALUES (DEFAULT)"#);
}

#[test]
fn an_upsert_checks_the_row_that_is_there_and_what_it_becomes() {
    let conflict = Some(Conflict { target: vec![6], set: Some(vec![1]), asked: true });
    let plan = write(MANIFEST, WriteShape::Insert { fields: vec![1, 2, 6], conflict, returning: Returning::default() });
    assert!(plan.tells_new);
    assert_eq!(
        plan.write.sql.split_once(" ON CONFLICT ").unwrap().1,
        r#"("code") DO UPDATE SET "title" = excluded."title" WHERE CASE WHEN (("notes"."owner" = $3::text) AND ("notes"."open" OR ("notes"."owner" = $3::text)) AND ($1::text <> $5::text)) IS TRUE THEN TRUE ELSE _pintle_deny('notes') END RETURNING (xmax = 0)"#.replace("$3", "$4")
    );
    let conflict = Some(Conflict { target: vec![6], set: None, asked: true });
    let ignored =
        write(MANIFEST, WriteShape::Insert { fields: vec![1, 2, 6], conflict, returning: Returning::default() });
    assert!(
        ignored.tells_new && ignored.write.sql.ends_with(r#" ON CONFLICT ("code") DO NOTHING RETURNING (xmax = 0)"#)
    );
}

#[test]
fn an_update_asks_its_check_of_the_rows_that_it_finds_and_sorts_them_itself() {
    let order = vec![Order { target: Target::field(4), descending: true, nulls_first: None }];
    let returning = Returning { order, ..returning(&[0, 1]) };
    let plan = write(MANIFEST, WriteShape::Update { set: vec![(1, 0)], filter: eq(0, 1), returning });
    assert_eq!(
        plan.write.sql,
        r#"WITH w AS (UPDATE "notes" SET "title" = $1::text WHERE (COND) AND CASE WHEN (COND) IS NOT TRUE THEN FALSE ELSE CASE WHEN ($1::text <> $4::text) IS TRUE THEN TRUE ELSE _pintle_deny('notes') END END RETURNING "id" AS "c1", "title" AS "c2", "score" AS "c3") SELECT "c1", "c2" FROM w ORDER BY "c3" DESC NULLS FIRST"#
            .replace("COND", r#"("id" = $2::int8) AND ("owner" = $3::text) AND ("open" OR ("owner" = $3::text))"#)
    );
    let set = WriteShape::Update { set: vec![(4, 0)], filter: Filter::all(), returning: Returning::default() };
    let plan = planner(MANIFEST).plan_write(NOTES, Role::ServiceRole, set).unwrap();
    let (update, delete) = (
        r#"UPDATE "notes" SET "score" = $1::float8 WHERE ("id") IN (SELECT "id" FROM "notes" ORDER BY "id" FOR NO KEY UPDATE)"#,
        r#"DELETE FROM "notes" WHERE ("title" = $1::text) AND ("id") IN (SELECT "id" FROM "notes" WHERE ("title" = $1::text) ORDER BY "id" FOR UPDATE)"#,
    );
    assert_eq!(plan.write.sql, update, "several are locked in one order");
    let shape = WriteShape::Delete { filter: eq(1, 0), returning: Returning::default() };
    assert_eq!(planner(MANIFEST).plan_write(NOTES, Role::ServiceRole, shape).unwrap().write.sql, delete);
}

#[test]
fn rows_go_in_by_what_must_be_unique_and_keys_are_counted_as_they_came() {
    let insert = |fields: Vec<usize>, target: Option<usize>| {
        let conflict = target.map(|field| Conflict { target: vec![field], set: None, asked: false });
        let shape = WriteShape::Insert { fields, conflict, returning: Returning::default() };
        let plan = planner(MANIFEST).plan_write(NOTES, Role::ServiceRole, shape).unwrap();
        agree(plan.bulk.as_ref().unwrap());
        (plan.locks.clone(), plan.bulk.clone().unwrap())
    };
    assert_eq!(insert(vec![1, 4], None).0, Vec::<usize>::new(), "nobody can meet");
    let (by_key, bulk) = insert(vec![1, 0], None);
    assert_eq!((by_key, bulk.params), (vec![1], vec![Param::Rows(0), Param::Rows(1)]));
    let (by_code, bulk) = insert(vec![1, 6], Some(6));
    assert_eq!((by_code, bulk.params), (vec![1], vec![Param::Rows(0), Param::Rows(1), Param::Ranks]));
    assert_eq!(
        bulk.sql,
        r#"INSERT INTO "notes" ("id", "title", "code") SELECT "_pintle_rows"."key", "_pintle_rows"."c0"::text, "_pintle_rows"."c1"::text FROM (SELECT *, nextval(pg_get_serial_sequence('"notes"', 'id')::regclass) AS "key" FROM unnest($1::text[], $2::text[], $3::int8[]) AS "_pintle_rows"("c0", "c1", "rank")) AS "_pintle_rows" ORDER BY "_pintle_rows"."rank" ON CONFLICT ("code") DO NOTHING RETURNING (xmax = 0), "code""#
    );
    assert_eq!(insert(vec![6, 0], Some(6)).0, [0, 1], "what a conflict is looked for by comes first");
}

#[test]
fn a_value_that_stands_for_two_types_is_bound_twice() {
    let both = Filter::And(vec![eq(1, 0), eq(4, 0), eq(6, 0)]);
    let plan = planner(MANIFEST).plan_read(NOTES, Role::ServiceRole, read(both)).unwrap();
    assert!(plan.rows.sql.ends_with(r#"(("title" = $1::text) AND ("score" = $2::float8) AND ("code" = $1::text))"#));
    assert_eq!(plan.rows.params, [Param::Value(0), Param::Value(0)]);
    let cast = SelectItem { cast: Some(Type::Integer), ..item(1, "x") };
    let plan = planner(MANIFEST).plan_read(
        NOTES,
        Role::ServiceRole,
        ReadShape { select: Some(vec![cast]), ..read(Filter::all()) },
    );
    assert_eq!(plan.unwrap().rows.sql, r#"SELECT "title"::int8 FROM "notes""#);
}
