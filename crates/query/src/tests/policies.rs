//! Mistakes in policies, as their authors see them.

use pintle_model::Diagnostic;
use proptest::prelude::*;

use super::*;
use crate::policy;

fn manifest(select: &str) -> String {
    format!(
        "
pintle: 1
name: sample
collections:
  notes:
    key: {{ id: {{ type: integer, generated: true }} }}
    fields: {{ title: text, owner: text, open: boolean, made: timestamp, data: json, token: uuid, score: number }}
    policies:
      select: {}
  members:
    key: {{ note: integer, person: text }}
    policies: {{ select: person = auth.uid() }}
  secrets:
    key: {{ name: text }}
",
        serde_json::Value::from(select)
    )
}

fn mistakes(manifest: &str) -> Vec<Diagnostic> {
    Planner::new(model(manifest), Dialect::Sqlite).err().unwrap_or_default()
}

/// The one mistake of a select policy: its message, the words it points at, and the help.
fn mistake(select: &str) -> (String, String, String) {
    let found = mistakes(&manifest(select));
    let [one] = &found[..] else { panic!("{select}: {found:?}") };
    let words = one.file.text[one.span.start..one.span.end].to_owned();
    (one.message.clone(), words, one.help.clone().unwrap_or_default())
}

#[test]
fn what_policies_may_be() {
    for policy in [
        "true",
        "open",
        "owner = auth.uid()",
        "auth.uid() = token and auth.claim('plan') in ('pro', 'team')",
        "auth.role() = 'authenticated' and (title like 'a%' or title not ilike '%É')",
        "made <= now() and made > '2026-01-01' and made >= timestamp '2026-01-02 03:04:05+00'",
        "length(title) between 1 and 10 and lower(coalesce(title, owner, '')) <> 'x'",
        "open is true or open is not false or open is unknown or title is not null",
        "id + 1 < 5 and score * 2 >= id and -id <> -1 and title || owner = 'ab'",
        "data->'a'->0->>'b' = 'x' and data->'n' > '5' and not data is distinct from '{}'",
        "id::text = auth.uid() and '5'::integer = id",
        "exists (select 1 from members where members.note = notes.id and person = auth.uid())",
        "exists (select * from members as m where m.note = id) and \"notes\".\"open\"",
    ] {
        assert_eq!(mistakes(&manifest(policy)), [], "{policy}");
    }
}

#[test]
fn what_does_not_fit_is_told_with_both_types() {
    assert_eq!(
        mistake("open and owner = 5"),
        (
            "text and integer cannot be compared".to_owned(),
            "owner = 5".to_owned(),
            "cast the other side: `…::text`".to_owned()
        )
    );
    assert_eq!(mistake("title").0, "a condition must be true or false, and this is text");
    assert_eq!(mistake("id = 'abc'").0, "invalid input syntax for type bigint: \"abc\"");
    assert_eq!(mistake("owner = null").0, "a comparison with null is never true");
    assert_eq!(mistake("id like 'a%'").0, "this must be text, and it is integer");
    assert_eq!(mistake("data->'n' = 5").0, "json and integer cannot be compared");
    assert_eq!(mistake("title + 1 = 2").0, "arithmetic needs numbers, and this is text");
    assert_eq!(mistake("title::integer = 5").0, "text cannot be cast to integer in a policy");
    assert_eq!(mistake("title in ('a', 5)").0, "text and integer cannot be compared");
}

#[test]
fn names_that_are_not_there_are_told_with_those_that_are() {
    let (message, words, help) = mistake("open and ownr = auth.uid()");
    assert_eq!((&*message, &*words), ("`notes` has no field `ownr`", "ownr"));
    assert_eq!(help, "did you mean `owner`?");
    assert_eq!(mistake("owner = auth.uuid()").2, "did you mean `auth.uid`?");
    assert_eq!(mistake("owner = auth.uid").2, "write `auth.uid()`");
    assert_eq!(mistake("auth.role() = \"admin\"").2, "a text stands in single quotes: 'admin'");
    assert_eq!(mistake("exists (select 1 from member where true)").2, "did you mean `members`?");
    assert_eq!(mistake("members.note = id").0, "no row of `members` is in sight here");
    assert_eq!(mistake("random() > 5").0, "policies do not know a function `random`");
    assert_eq!(mistake("exists (select 1 from _pintle_tokens)").0, "there is no collection `_pintle_tokens`");
}

#[test]
fn a_name_that_two_rows_have_must_say_whose_it_is() {
    let manifest =
        manifest("exists (select 1 from members where members.note = note)").replace("title: text", "note: integer");
    let found = mistakes(&manifest);
    assert_eq!(found[0].message, "`members` and `notes` both have a field `note`");
    assert_eq!(found[0].help.as_deref(), Some("write `members.note` or `notes.note`"));
}

#[test]
fn nothing_may_follow_the_expression() {
    let (message, words, _) = mistake("owner = 'a') or (1=1");
    assert_eq!((&*message, &*words), ("the policy ends before `)`", ")"));
    assert_eq!(mistake("open; drop table notes").0, "the policy ends before `;`");
    assert_eq!(mistake("open as x").0, "the policy ends before `as`");
    assert!(mistake("open and").0.starts_with("this is no SQL expression: "));
    assert!(mistake("owner = 'a").0.starts_with("this is no SQL expression: "));
}

#[test]
fn what_is_more_than_policies_know_is_refused() {
    for policy in [
        "(select open from notes)",
        "id in (select note from members)",
        "exists (select 1 from members limit 1)",
        "exists (select 1 from members, notes)",
        "exists (select 1 from members join notes on true)",
        "exists (select count(*) from members)",
        "exists (select 1 from members group by note having true)",
        "exists (with x as (select 1) select 1 from members)",
        "exists (select 1 from members union select 1 from members)",
        "exists (select distinct note from members for update)",
        "case when open then true end",
        "title ~ 'a'",
        "title like 'a' escape 'b'",
        "$1",
        "length(distinct title) > 1",
        "title collate \"C\" = 'a'",
        "(open, open) = (true, true)",
    ] {
        assert!(!mistakes(&manifest(policy)).is_empty(), "{policy}");
    }
}

#[test]
fn policies_that_lead_back_to_themselves_are_refused_with_the_way() {
    let circle = manifest("exists (select 1 from members where note = notes.id)")
        .replace("person = auth.uid()", "exists (select 1 from notes where notes.id = note)");
    let messages: Vec<String> = mistakes(&circle).into_iter().map(|d| d.message).collect();
    assert_eq!(
        messages,
        [
            "this policy leads back to itself: notes → members → notes",
            "this policy leads back to itself: members → notes → members"
        ]
    );
    let own = mistake("exists (select 1 from notes as n where n.owner = auth.uid())");
    assert_eq!(own.0, "this policy leads back to itself: notes → notes");
    let blind = mistake("exists (select 1 from secrets)");
    assert_eq!(blind.0, "`secrets` has no select policy, so this `exists` would never find a row");
    assert_eq!(blind.1, "secrets");
}

#[test]
fn an_insert_policy_cannot_speak_of_a_counted_key() {
    let manifest = manifest("open").replace("select: \"open\"", "insert: id > 5");
    assert_eq!(mistakes(&manifest)[0].message, "an insert policy cannot speak of `id`, which the store counts");
}

#[test]
fn the_policy_of_a_pipeline_is_checked_as_that_of_its_collection() {
    let manifest = manifest("open");
    let with =
        |insert: &str| format!("{manifest}pipelines:\n  notes: {{ path: /notes, into: notes, insert: {insert} }}\n");
    assert_eq!(mistakes(&with("open")), []);
    for (insert, message) in [
        ("opn", "`notes` has no field `opn`"),
        ("id > 5", "an insert policy cannot speak of `id`, which the store counts"),
    ] {
        let found = mistakes(&with(insert));
        let [one] = &found[..] else { panic!("{insert}: {found:?}") };
        assert_eq!(one.message, message);
        assert!(one.file.text[one.span.start..].starts_with(insert), "{:?}", one.span);
    }
}

#[test]
fn long_policies_are_read_or_refused_but_never_overflow() {
    let repeat = |head: &str, part: &str| format!("{head}{}", part.repeat(8000 / part.len()));
    assert_eq!(mistakes(&manifest(&repeat("open", " and open"))), []);
    for (head, part) in
        [("0 < 1", " + 1"), ("", "("), ("", "not "), ("data", "->'a'"), ("1 =", " -"), ("open", " = open")]
    {
        assert!(!mistakes(&manifest(&repeat(head, part))).is_empty(), "{part}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_policy_parser_panic(text in ".{0,60}", words in proptest::collection::vec(
        proptest::sample::select(vec![
            "open", "owner", "data", "->", "->>", "'a'", "5", "-", "(", ")", "and", "or", "not", "=", "<", "in", "like",
            "is", "null", "true", "exists", "select", "1", "from", "members", "where", "auth.uid()", "lower(", ",", "::",
            "text", "between", "distinct", "auth.claim(", "+", "||", ".", "\"", "/*", "--", "\n", "é",
        ]),
        0..24,
    )) {
        let model = model(&manifest("true"));
        let _ = policy::expression(&model, pintle_model::CollectionId(0), &text);
        let _ = policy::expression(&model, pintle_model::CollectionId(0), &words.join(" "));
    }
}
