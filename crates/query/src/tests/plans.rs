//! What plans look like.

use pintle_model::{CollectionId, Role, Type, Value};

use super::*;
use crate::plan::Param;
use crate::request::*;
use crate::{Fault, FaultKind};

pub(super) const NOTES: CollectionId = CollectionId(0);
pub(super) const MANIFEST: &str = "
pintle: 1
name: sample
collections:
  notes:
    key: { id: { type: integer, generated: true } }
    fields:
      title: { type: text, required: true }
      owner: text
      open: boolean
      score: number
      data: json
      code: { type: text, unique: true }
    indexes: [[title], [data->>city]]
    policies:
      select: open or owner = auth.uid()
      insert: owner = auth.uid()
      update: { using: owner = auth.uid(), check: owner = auth.uid() and title <> '' }
      delete: owner = auth.uid() and auth.role() = 'authenticated'
  rooms:
    key: { name: text }
    fields: { topic: text }
    policies:
      select: auth.role() = 'authenticated'
      insert: auth.role() = 'authenticated'
      update: auth.role() = 'authenticated'
  shut:
    key: { name: text }
    fields: { topic: text }
";

pub(super) fn item(field: usize, name: &str) -> SelectItem {
    SelectItem { target: Target::field(field), name: name.to_owned(), cast: None }
}

pub(super) fn read(filter: Filter) -> ReadShape {
    ReadShape {
        select: Some(vec![item(0, "id"), item(1, "title")]),
        filter,
        order: vec![],
        limit: None,
        offset: None,
        count: false,
        strip_nulls: false,
    }
}

pub(super) fn eq(field: usize, slot: usize) -> Filter {
    Filter::Test(Target::field(field), Test::Compare(Comparison::Eq, slot))
}

pub(super) fn city(text: bool) -> Target {
    Target { field: 5, path: vec![Step::Key("city".to_owned())], text, spot: None }
}

pub(super) fn returning(fields: &[usize]) -> Returning {
    Returning { select: fields.iter().map(|f| item(*f, "x")).collect(), ..Returning::default() }
}

#[test]
fn a_read_by_key_is_one_point() {
    let planner = planner(MANIFEST);
    let plan = planner.plan_read(NOTES, Role::ServiceRole, read(eq(0, 0))).unwrap();
    assert_eq!(plan.rows.sql, r#"SELECT "id", "title" FROM "notes" WHERE ("id" = ?1)"#);
    assert_eq!(plan.rows.params, [Param::Value(0)]);
    assert!(plan.point && plan.inline);
    assert!(explained(&database(planner.model()), &plan.rows).contains("SEARCH notes"));
}

#[test]
fn policies_stand_in_the_same_statement_and_in_its_count() {
    let planner = planner(MANIFEST);
    let mut shape = read(Filter::And(vec![eq(1, 0), Filter::Not(Box::new(eq(4, 1)))]));
    shape.order = vec![
        Order { target: Target::field(4), descending: true, nulls_first: None },
        Order { target: Target::field(1), descending: false, nulls_first: None },
    ];
    (shape.limit, shape.offset, shape.count) = (Some(2), Some(3), true);
    let plan = planner.plan_read(NOTES, Role::Anon, shape).unwrap();
    assert_eq!(
        plan.rows.sql,
        r#"SELECT "id", "title" FROM "notes" WHERE (("title" = ?1) AND (NOT ("score" = ?2)) AND ("open" OR ("owner" = ?3))) ORDER BY "score" DESC NULLS FIRST, "title" LIMIT ?4 OFFSET ?5"#
    );
    let count = plan.count.as_ref().unwrap();
    assert_eq!(
        count.sql,
        r#"SELECT count(*) FROM "notes" WHERE (("title" = ?1) AND (NOT ("score" = ?2)) AND ("open" OR ("owner" = ?3)))"#
    );
    assert_eq!(count.params, [Param::Value(0), Param::Value(1), Param::Uid]);
    assert!(!plan.point);
}

#[test]
fn what_may_take_long_is_not_run_where_requests_are_handled() {
    let planner = planner(MANIFEST);
    let inline = |shape| planner.plan_read(NOTES, Role::ServiceRole, shape).unwrap().inline;
    let by_city = Order { target: city(false), descending: false, nulls_first: None };
    assert!(inline(read(Filter::all())));
    assert!(inline(read(Filter::Test(Target::field(1), Test::In(vec![0, 1])))));
    let with = |target, test| read(Filter::And(vec![eq(0, 0), Filter::Test(target, test)]));
    assert!(!inline(with(Target::field(1), Test::Like { pattern: 1, fold: false })));
    assert!(!inline(with(Target::field(1), Test::Match { pattern: 1, fold: true })));
    assert!(!inline(with(Target::field(5), Test::Contains(1))));
    assert!(!inline(with(city(false), Test::Element(1))));
    assert!(!inline(ReadShape { order: vec![by_city], ..read(eq(0, 0)) }));
    assert!(!inline(ReadShape { count: true, ..read(eq(0, 0)) }));
}

#[test]
fn a_policy_on_the_role_costs_a_statement_nothing() {
    let planner = planner(MANIFEST);
    let rooms = CollectionId(1);
    let shape = ReadShape { select: Some(vec![item(0, "name")]), ..read(eq(0, 0)) };
    let plan = planner.plan_read(rooms, Role::Authenticated, shape.clone()).unwrap();
    assert_eq!(plan.rows.sql, r#"SELECT "name" FROM "rooms" WHERE ("name" = ?1)"#);
    let plan = planner.plan_read(rooms, Role::Anon, shape).unwrap();
    assert_eq!(plan.rows.sql, r#"SELECT "name" FROM "rooms" WHERE 0"#);
    let set = WriteShape::Update { set: vec![(1, 0)], filter: eq(0, 1), returning: returning(&[0, 1]) };
    let plan = planner.plan_write(rooms, Role::Authenticated, set).unwrap();
    assert_eq!(plan.check, None);
    assert_eq!(plan.write.sql, r#"UPDATE "rooms" SET "topic" = ?1 WHERE ("name" = ?2) RETURNING "name", "topic""#);
}

#[test]
fn no_policy_is_no_grant() {
    let planner = planner(MANIFEST);
    let denied = |result: Result<_, Fault>| assert_eq!(result.err().map(|f| f.kind), Some(FaultKind::Denied));
    let shut = CollectionId(2);
    for role in [Role::Anon, Role::Authenticated] {
        denied(planner.plan_read(shut, role, read(eq(0, 0))).map(drop));
        let delete = WriteShape::Delete { filter: Filter::all(), returning: Returning::default() };
        denied(planner.plan_write(shut, role, delete.clone()).map(drop));
        denied(planner.plan_write(CollectionId(1), role, delete).map(drop));
    }
    assert!(planner.plan_read(shut, Role::ServiceRole, read(eq(0, 0))).is_ok());
}

#[test]
fn a_path_that_an_index_keeps_is_found_by_it() {
    let planner = planner(MANIFEST);
    let db = database(planner.model());
    let by = |target| read(Filter::Test(target, Test::Compare(Comparison::Eq, 0)));
    let plan = planner.plan_read(NOTES, Role::ServiceRole, by(city(true))).unwrap();
    assert_eq!(
        plan.rows.sql,
        r#"SELECT "id", "title" FROM "notes" WHERE (iif(json_type("data", '$."city"') = 'text', "data" ->> '$."city"', nullif("data" -> '$."city"', 'null')) = ?1)"#
    );
    assert!(explained(&db, &plan.rows).contains("USING INDEX notes_1"), "{}", explained(&db, &plan.rows));
    let plan = planner.plan_read(NOTES, Role::ServiceRole, by(city(false))).unwrap();
    assert_eq!(
        plan.rows.sql,
        r#"SELECT "id", "title" FROM "notes" WHERE (pintle_json_key(pintle_get("data", ?1)) = pintle_json_key(?2))"#
    );
    assert_eq!(plan.rows.params[0], Param::Literal(Value::Text(r#"["city"]"#.to_owned())));
}

#[test]
fn the_beginning_of_a_pattern_is_found_by_an_index() {
    let planner = planner(MANIFEST);
    let like = |fold| read(Filter::Test(Target::field(1), Test::Like { pattern: 0, fold }));
    let plan = planner.plan_read(NOTES, Role::ServiceRole, like(false)).unwrap();
    assert_eq!(
        plan.rows.sql,
        r#"SELECT "id", "title" FROM "notes" WHERE ("title" >= pintle_like_from(?1) AND "title" < pintle_like_to(?1) AND pintle_like("title", ?1))"#
    );
    let db = database(planner.model());
    let found = explained(&db, &plan.rows);
    assert!(found.contains("INDEX notes_0 (title>? AND title<?)"), "{found}");
    let plan = planner.plan_read(NOTES, Role::ServiceRole, like(true)).unwrap();
    assert_eq!(plan.rows.sql, r#"SELECT "id", "title" FROM "notes" WHERE pintle_ilike("title", ?1)"#);
}

#[test]
fn the_other_conditions() {
    let planner = planner(MANIFEST);
    let sql = |target: Target, test: Test| {
        let plan = planner.plan_read(NOTES, Role::ServiceRole, read(Filter::Test(target, test))).unwrap();
        plan.rows.sql.split_once("WHERE ").unwrap().1.to_owned()
    };
    assert_eq!(sql(Target::field(4), Test::In(vec![0, 1])), r#"("score" IN (?1, ?2))"#);
    assert_eq!(sql(Target::field(4), Test::In(vec![])), "0");
    assert_eq!(sql(Target::field(4), Test::Is(Truth::NotNull)), r#"("score" IS NOT NULL)"#);
    assert_eq!(sql(Target::field(3), Test::Is(Truth::False)), r#"("open" IS FALSE)"#);
    assert_eq!(sql(Target::field(4), Test::Distinct(0)), r#"("score" IS DISTINCT FROM ?1)"#);
    assert_eq!(sql(Target::field(5), Test::Contains(0)), r#"pintle_contains("data", ?1)"#);
    assert_eq!(sql(Target::field(5), Test::Contained(0)), r#"pintle_contains(?1, "data")"#);
    assert_eq!(sql(city(false), Test::Element(0)), r#"pintle_element("data", ?1, ?2)"#);
}

#[test]
fn an_operator_that_a_type_does_not_have_is_told() {
    let planner = planner(MANIFEST);
    let fault = |target: Target, test: Test| {
        planner.plan_read(NOTES, Role::ServiceRole, read(Filter::Test(target, test))).unwrap_err()
    };
    let like = fault(Target::field(4), Test::Like { pattern: 0, fold: false });
    assert_eq!(
        (like.kind, &*like.message),
        (FaultKind::UndefinedOperator, "operator does not exist: double precision ~~ unknown")
    );
    let path = fault(Target { field: 1, ..city(true) }, Test::Compare(Comparison::Eq, 0));
    assert_eq!(path.message, "operator does not exist: text ->> unknown");
    let is = fault(Target::field(1), Test::Is(Truth::True));
    assert_eq!(is.message, "argument of IS TRUE must be type boolean, not type text");
}

#[test]
fn columns_of_an_answer_may_be_paths_and_casts() {
    let planner = planner(MANIFEST);
    let cast = |field, to| SelectItem { cast: Some(to), ..item(field, "x") };
    let path = SelectItem {
        target: Target { text: true, field: 5, path: vec![Step::Key("a".into()), Step::Index(-1)], spot: None },
        name: "a".into(),
        cast: None,
    };
    let shape = ReadShape {
        select: Some(vec![path, cast(4, Type::Text), cast(3, Type::Text), cast(0, Type::Number)]),
        ..read(Filter::all())
    };
    let plan = planner.plan_read(NOTES, Role::ServiceRole, shape).unwrap();
    assert_eq!(
        plan.rows.sql,
        r#"SELECT pintle_get_text("data", ?1), pintle_number_text("score"), CASE "open" WHEN 1 THEN 'true' WHEN 0 THEN 'false' END, CAST("id" AS REAL) FROM "notes""#
    );
    assert_eq!(plan.columns[3].ty(), Type::Number);
    let shape = ReadShape { select: Some(vec![cast(3, Type::Date)]), ..read(Filter::all()) };
    assert_eq!(planner.plan_read(NOTES, Role::ServiceRole, shape).unwrap_err().kind, FaultKind::Unsupported);
}

#[test]
fn an_insert_is_checked_with_its_values_before_it_is_stored() {
    let planner = planner(MANIFEST);
    let shape =
        |answer: &[usize]| WriteShape::Insert { fields: vec![1, 2], conflict: None, returning: returning(answer) };
    let plan = planner.plan_write(NOTES, Role::Authenticated, shape(&[])).unwrap();
    let check = plan.check.as_ref().unwrap();
    assert_eq!(check.sql, "SELECT 1 WHERE ((?1 = ?2) IS NOT TRUE)");
    assert_eq!(check.params, [Param::Row(1), Param::Uid]);
    assert_eq!(plan.write.sql, r#"INSERT INTO "notes" ("title", "owner") VALUES (?1, ?2)"#);
    let plan = planner.plan_write(NOTES, Role::Authenticated, shape(&[0])).unwrap();
    assert_eq!(plan.check.as_ref().unwrap().sql, "SELECT 1 WHERE (((?1 = ?2) AND (NULL OR (?1 = ?2))) IS NOT TRUE)");
    assert_eq!(plan.write.sql, r#"INSERT INTO "notes" ("title", "owner") VALUES (?1, ?2) RETURNING "id""#);
    let plan = planner.plan_write(NOTES, Role::ServiceRole, shape(&[0])).unwrap();
    assert_eq!(plan.check, None);
}

#[test]
fn a_select_policy_that_speaks_of_a_counted_key_is_a_verdict_on_the_stored_row() {
    let planner = planner(&MANIFEST.replace("open or owner = auth.uid()", "id > 10 and open"));
    let shape = WriteShape::Insert { fields: vec![1, 3], conflict: None, returning: returning(&[0]) };
    let plan = planner.plan_write(NOTES, Role::Authenticated, shape).unwrap();
    assert_eq!(plan.verdicts, 1);
    assert_eq!(
        plan.write.sql,
        r#"INSERT INTO "notes" ("title", "open") VALUES (?1, ?2) RETURNING ((("id" > ?3)) IS TRUE), "id""#
    );
}

#[test]
fn an_update_passes_over_what_may_not_be_changed_and_refuses_what_rows_may_not_become() {
    let planner = planner(MANIFEST);
    let shape = WriteShape::Update { set: vec![(1, 0)], filter: eq(0, 1), returning: Returning::default() };
    let plan = planner.plan_write(NOTES, Role::Authenticated, shape).unwrap();
    assert_eq!(
        plan.write.sql,
        r#"UPDATE "notes" SET "title" = ?1 WHERE (("id" = ?2) AND ("owner" = ?3) AND ("open" OR ("owner" = ?3)))"#
    );
    // `owner = auth.uid()` held before and is not touched; only the title's part is checked.
    assert_eq!(
        plan.check.as_ref().unwrap().sql,
        r#"SELECT 1 FROM "notes" WHERE (("id" = ?1) AND ("owner" = ?2) AND ("open" OR ("owner" = ?2))) AND ((?3 <> ?4) IS NOT TRUE) LIMIT 1"#
    );
}

#[test]
fn an_update_that_reads_no_column_needs_no_select_policy() {
    let planner = planner(MANIFEST);
    let shape = WriteShape::Update { set: vec![(4, 0)], filter: Filter::all(), returning: Returning::default() };
    let plan = planner.plan_write(NOTES, Role::Authenticated, shape).unwrap();
    assert_eq!(plan.write.sql, r#"UPDATE "notes" SET "score" = ?1 WHERE ("owner" = ?2)"#);
}

#[test]
fn an_upsert_refuses_to_change_a_row_that_may_not_be_changed() {
    let planner = planner(MANIFEST);
    let conflict = Some(Conflict { target: vec![6], set: Some(vec![1, 6]), asked: true });
    let shape = WriteShape::Insert { fields: vec![1, 2, 6], conflict, returning: Returning::default() };
    let plan = planner.plan_write(NOTES, Role::Authenticated, shape).unwrap();
    assert_eq!(
        plan.check.as_ref().unwrap().sql,
        r#"SELECT 1 WHERE (((?1 = ?2) AND (NULL OR (?1 = ?2))) IS NOT TRUE) OR EXISTS (SELECT 1 FROM "notes" WHERE ("code" = ?3) AND ((("owner" = ?2) AND ("open" OR ("owner" = ?2)) AND (?4 <> ?5)) IS NOT TRUE))"#
    );
    assert_eq!(plan.probe.as_ref().unwrap().sql, r#"SELECT 1 FROM "notes" WHERE ("code" = ?1)"#);
    assert_eq!(
        plan.write.sql,
        r#"INSERT INTO "notes" ("title", "owner", "code") VALUES (?1, ?2, ?3) ON CONFLICT ("code") DO UPDATE SET "title" = excluded."title", "code" = excluded."code""#
    );
    let wrong = Some(Conflict { target: vec![1], set: None, asked: true });
    let shape = WriteShape::Insert { fields: vec![1], conflict: wrong, returning: Returning::default() };
    assert_eq!(planner.plan_write(NOTES, Role::ServiceRole, shape).unwrap_err().kind, FaultKind::ConflictTarget);
}

#[test]
fn a_shape_is_planned_once() {
    let planner = planner(MANIFEST);
    let first = planner.plan_read(NOTES, Role::Anon, read(eq(0, 0))).unwrap();
    let second = planner.plan_read(NOTES, Role::Anon, read(eq(0, 0))).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    let other = planner.plan_read(NOTES, Role::ServiceRole, read(eq(0, 0))).unwrap();
    assert_ne!(first.rows, other.rows);
}
