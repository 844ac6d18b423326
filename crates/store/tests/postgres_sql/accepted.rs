//! Every statement is accepted and runs, and does what the policies say.

use pintle_model::Role;
use pintle_query::rest::{Preferences, Resolution, Return};
use pintle_query::{Fault, FaultKind};

use crate::server::{Server, asker};

const MANIFEST: &str = "
pintle: 1
name: sample
collections:
  things:
    key: { id: { type: integer, generated: true } }
    fields:
      t: { type: text, unique: true }
      n: integer
      x: number
      b: boolean
      s: timestamp
      d: date
      u: uuid
      j: json
      r: bytes
      f: { type: ref, to: groups }
    indexes: [[n, 's desc'], [j->>a], [j->a->0->>b], { fields: [n, t], unique: true }]
    policies:
      select: (b or u = auth.uid() or exists (select 1 from members where members.name = f and members.person = auth.uid()))
        and (id > 3 or exists (select 1 from members where members.name = things.id::text))
      insert: exists (select 1 from members where members.name = f and members.person = auth.uid())
      update: { using: id > 1 and s < now(), check: j->'a'->0->>'b' = auth.claim('b') }
      delete: auth.role() = 'authenticated'
  groups:
    key: { name: text }
    policies: { select: 'true' }
  members:
    key: { name: text, person: text }
    policies: { select: exists (select 1 from groups where groups.name = members.name) }
  words:
    key: { word: text }
    fields: { near: text, size: integer, share: number, at: timestamp, day: date, data: json, raw: bytes, one: uuid, yes: boolean }
    policies:
      select: >-
        lower(word) = lower(near) and word < near and near || word > 'b' and length(raw) + size * 2 - 1 >= length(word)
        and coalesce(near, word, null) in ('a', near, word) and size + share > 1.5 and share between 0 and size
        and word like near and near ilike word || '%' and word like 'a%' and size in (1, 2)
        and data->'a' > '5' and data in ('1', '[1]') and data->0->> -1 < data->>'b' and data is not null
        and at < now() and day > '2020-01-02' and date '2020-01-02' < day and raw = '\\x00' and one = auth.uid()
        and one::text = word and at::text > word and (yes or not yes is true) is distinct from null
        and size::text < word and share::text < word and data::text < word and raw::text < word and yes::text < word
        and null::json->'a' is null and auth.claim('plan') is distinct from word and auth.role() > word
      insert: near is null or coalesce(size, 1) > 0 or data->>'a' = 'b' or lower(near) = near
      update: size > -size and share < -share
";

/// Filters and their like that each must be planned or refused, and what is planned must run.
const QUERIES: &[&str] = &[
    "",
    "select=*&limit=2&offset=1&order=t.desc,n.asc.nullsfirst,j->a,j->a->0->>b,j->c->>1.desc.nullslast",
    "select=id,t::integer,n::text,n::number,x::text,x::integer,b::text,s::text,d::text,u::text,j::text,r::text,f::text&limit=0",
    "select=j->a,j->>a,j->a->0->>b,j->0,j->-1->>k,a:j->x->>y::integer,c:j->>z::boolean,d:j->>d::timestamp,e:j->>e::json",
    "offset=3",
    "id=eq.1&t=gt.b&n=in.(1,2,3)&x=neq.1.5&b=is.true&s=lt.2026-01-02T03:04:05Z&d=gte.2020-02-03&r=eq.%5Cx00ff&f=lte.g",
    "u=eq.0195f1a0-0000-7000-8000-000000000001&j=eq.{\"a\":1}&j->a=gt.5&j->>a=eq.x&j->a->0->>b=like.x*&j->9999999999->>k=lt.z",
    "t=like.*a*&or=(t.ilike.É*,t.match.^a,t.imatch.b$,not.and(t.eq.a,n.gt.3))&t=like(any).{a*,b*}&n=eq(all).{1,1}",
    "t=isdistinct.a&x=isdistinct.1&j=isdistinct.{}&t=is.null&b=is.unknown&n=not.is.not_null&b=not.is.false",
    "j=cs.{\"a\":[1]}&j=cd.[1,2]&j->a=cs.[1]&t=in.()&t=in.(a,b,c,d,e,f,g,h,i,j)&j->a=in.(1,2)",
    "and=(t.eq.a,or(t.eq.b,and(n.eq.1,x.eq.2)))&b=eq.true&b=in.(true,false)",
    "t=ilike(any).{a*,*B}&t=match.\\bfoo\\b|[[:alpha:]]%2B&j->>quote\"'\\d=eq.1",
];

const LISTS: &[&str] =
    &["", "limit=3&offset=2&order=t.desc,s", "t=a&n=1&x=2.5&b=true&d=2020-01-02", "j.a.b=5&j.a=x&j=null&j.\"'\\=é"];

#[test]
fn every_read_is_accepted_and_runs() {
    let server = Server::new(MANIFEST);
    let (mut planned, mut refused) = (0, Vec::new());
    for role in Role::ALL {
        for query in QUERIES.iter().copied() {
            let prefer = Preferences { count: true, ..Preferences::default() };
            match server.planner.rest_read(server.collection("things"), query, &prefer, &asker(role)) {
                Ok(found) => {
                    planned += 1;
                    let plan = &found.read.plan;
                    server
                        .run(&plan.rows, &found.read.inputs, &[])
                        .unwrap_or_else(|e| panic!("{e:?} {}", plan.rows.sql));
                    server.run(plan.count.as_ref().unwrap(), &found.read.inputs, &[]).unwrap();
                }
                Err(fault) => refused.push(format!("{query}: {}", fault.message)),
            }
        }
        for query in LISTS {
            let list = server.planner.list(server.collection("things"), query, &asker(role)).unwrap();
            server.run(&list.read.plan.rows, &list.read.inputs, &[]).unwrap();
        }
        let words =
            server.planner.rest_read(server.collection("words"), "", &Preferences::default(), &asker(role)).unwrap();
        server.run(&words.read.plan.rows, &words.read.inputs, &[]).unwrap();
    }
    assert_eq!((planned, refused), (QUERIES.len() * 3, vec![]));
}

const RETURNED: Preferences = Preferences {
    returning: Return::Representation,
    count: false,
    resolution: None,
    missing_default: false,
    max_affected: None,
    all_rows: false,
    rollback: false,
    single: false,
    strip_nulls: false,
};

impl Server {
    /// The SQLSTATE of a write, or how many rows it answered.
    fn post(&self, role: Role, collection: &str, query: &str, body: &str, prefer: &Preferences) -> String {
        let write = self.planner.rest_insert(self.collection(collection), query, body.as_bytes(), prefer, &asker(role));
        self.outcome(write)
    }

    fn patch(&self, role: Role, collection: &str, query: &str, body: &str, prefer: &Preferences) -> String {
        let write = self.planner.rest_update(self.collection(collection), query, body.as_bytes(), prefer, &asker(role));
        self.outcome(write)
    }

    fn outcome(&self, write: Result<pintle_query::rest::RestWrite, Fault>) -> String {
        let write = match write {
            Ok(write) => write.write.unwrap(),
            Err(fault) if fault.kind == FaultKind::Denied => return "denied".to_owned(),
            Err(fault) => return fault.message,
        };
        match self.write(&write) {
            Ok(rows) if write.plan.tells_new => {
                let new = rows.iter().filter(|row| row.get::<_, bool>(0)).count();
                format!("{new} new, {} changed", rows.len() - new)
            }
            Ok(rows) => rows.len().to_string(),
            Err(error) => error.code().map_or_else(|| format!("{error:?}"), |code| code.code().to_owned()),
        }
    }
}

const SERVICE: Role = Role::ServiceRole;
const USER: Role = Role::Authenticated;

#[test]
fn an_insert_is_refused_by_the_statement_itself_and_before_any_constraint_speaks() {
    let server = Server::new(MANIFEST);
    let plain = Preferences::default();
    let all = r#"{"t":"a","n":1,"x":1.5,"b":true,"s":"2020-01-02T03:04:05Z","d":"2020-01-02","j":{"a":[{"b":1}]},"r":"\\x00","f":"g",
        "u":"0195f1a0-0000-7000-8000-000000000001"}"#;
    assert_eq!(server.post(USER, "things", "", all, &plain), "42501");
    server.sql("INSERT INTO groups VALUES ('g'); INSERT INTO members VALUES ('g', 'ann')");
    assert_eq!(server.post(USER, "things", "", all, &plain), "0");
    assert_eq!(server.post(USER, "things", "", all, &plain), "23505");
    assert_eq!(server.post(USER, "things", "", r#"{"t":"a","f":"h"}"#, &plain), "42501");
    // Its key would be 4 or less, and such rows are not to be seen.
    assert_eq!(server.post(USER, "things", "", r#"{"t":"b","f":"g"}"#, &RETURNED), "42501");
    server.sql("SELECT setval(pg_get_serial_sequence('things', 'id'), 10)");
    assert_eq!(
        server.post(USER, "things", "order=t&select=t", r#"[{"t":"c","f":"g"},{"t":"d","f":"g"}]"#, &RETURNED),
        "2"
    );
    assert_eq!(server.post(SERVICE, "things", "", "{}", &RETURNED), "1");
    assert_eq!(server.post(USER, "things", "", "{}", &plain), "42501");
    let words = r#"{"word":"a","size":0,"near":"B"}"#;
    assert_eq!(server.post(USER, "words", "", words, &plain), "42501");
    assert_eq!(server.post(USER, "words", "", &words.replace('0', "1"), &plain), "0");
    assert_eq!(server.post(USER, "words", "", r#"{"word":"b"}"#, &plain), "0");
}

#[test]
fn numbers_are_drawn_once_while_others_are_given() {
    let server = Server::new(MANIFEST);
    server.sql("CREATE TABLE drawn (n bigint)");
    let draw = "INSERT INTO drawn SELECT nextval('things_id_seq') FROM generate_series(1, 5000)";
    // Near ones and far ones, by turns.
    let give =
        "SELECT _pintle_count_past('things', 'id', last_value + CASE WHEN i % 50 = 0 THEN 1000000000 ELSE i % 9 END)
        FROM generate_series(1, 1000) AS i, LATERAL (SELECT i AS of, last_value FROM things_id_seq) AS s";
    std::thread::scope(|scope| {
        for sql in [draw, give, draw, give] {
            let database = &server.database;
            scope.spawn(move || database.psql(sql));
        }
    });
    assert_eq!(server.database.psql("SELECT count(*), count(DISTINCT n) FROM drawn"), "10000|10000");
}

#[test]
fn a_counted_key_goes_on_from_the_greatest_that_was_given() {
    let server = Server::new(MANIFEST);
    let id = |body: &str, query: &str, prefer: &Preferences| {
        let asker = asker(SERVICE);
        let write =
            server.planner.rest_insert(server.collection("things"), query, body.as_bytes(), prefer, &asker).unwrap();
        server.write(&write.write.unwrap()).unwrap()[0].get::<_, i64>(0)
    };
    assert_eq!(id("{}", "", &RETURNED), 1);
    assert_eq!(id(r#"{"id":7}"#, "", &RETURNED), 7);
    assert_eq!(id(r#"{"id":3}"#, "", &RETURNED), 3);
    assert_eq!(id("{}", "", &RETURNED), 8);
    let missing = Preferences { missing_default: true, ..RETURNED };
    assert_eq!(id(r#"{"t":"x"}"#, "columns=id,t", &missing), 9);
    assert_eq!(id(r#"{"id":10}"#, "", &RETURNED), 10);
    assert_eq!(id(r#"{"id":-5}"#, "", &RETURNED), -5);
    assert_eq!(id("{}", "", &RETURNED), 11);
}

#[test]
fn an_upsert_tells_what_is_new_and_refuses_to_change_what_may_not_be_changed() {
    let server = Server::new(MANIFEST);
    server.sql("INSERT INTO groups VALUES ('g'); INSERT INTO members VALUES ('g', 'ann')");
    let merge = |returning| Preferences { returning, resolution: Some(Resolution::MergeDuplicates), ..RETURNED };
    let ignore = Preferences { resolution: Some(Resolution::IgnoreDuplicates), ..RETURNED };
    let minimal = merge(Return::Minimal);
    let row = r#"[{"t":"a","n":1},{"t":"b","n":2}]"#;
    assert_eq!(
        server.post(SERVICE, "things", "on_conflict=t&order=t", row, &merge(Return::Representation)),
        "2 new, 0 changed"
    );
    assert_eq!(
        server.post(SERVICE, "things", "on_conflict=t&order=t", row, &merge(Return::Representation)),
        "0 new, 2 changed"
    );
    assert_eq!(server.post(SERVICE, "things", "on_conflict=t", row, &minimal), "0 new, 2 changed");
    assert_eq!(server.post(SERVICE, "things", "on_conflict=t", r#"{"t":"a"}"#, &minimal), "0 new, 1 changed");
    assert_eq!(server.post(SERVICE, "things", "on_conflict=t", row, &ignore), "0 new, 0 changed");
    let mine = r#"{"id":20,"t":"z","f":"g","n":3,"s":"2020-01-01","j":{"a":[{"b":1}]},"b":true}"#;
    assert_eq!(server.post(USER, "things", "", mine, &minimal), "1 new, 0 changed");
    // The update policy's check wants a claim that `ann` has not.
    assert_eq!(server.post(USER, "things", "", mine, &minimal), "42501");
    assert_eq!(server.post(USER, "things", "", mine, &ignore), "0 new, 0 changed");
    assert_eq!(server.post(USER, "things", "", &mine.replace("\"g\"", "\"h\""), &ignore), "42501");
}

#[test]
fn an_update_passes_over_what_may_not_be_changed_and_refuses_what_rows_may_not_become() {
    let server = Server::new(MANIFEST);
    server.sql("INSERT INTO things (id, n, s, b, j) SELECT n, n, '2020-01-01', TRUE, '{\"a\":[{\"b\":\"c\"}]}' FROM generate_series(1, 9) n");
    let plain = Preferences::default();
    // Only those that `ann` sees (above 3) and may change are checked: the claim is not theirs.
    assert_eq!(server.patch(USER, "things", "n=lt.4", r#"{"n":0}"#, &plain), "0");
    assert_eq!(server.patch(USER, "things", "n=gt.4", r#"{"n":0}"#, &plain), "42501");
    assert_eq!(server.patch(USER, "things", "n=gt.40", r#"{"n":0}"#, &RETURNED), "0");
    assert_eq!(server.patch(USER, "things", "", r#"{"x":1}"#, &plain), "42501");
    assert_eq!(server.patch(SERVICE, "things", "n=gt.4&order=n.desc&select=n", r#"{"x":1}"#, &RETURNED), "5");
    let delete = server.planner.rest_delete(server.collection("things"), "order=n&select=n", &RETURNED, &asker(USER));
    assert_eq!(server.outcome(delete), "6");
}
