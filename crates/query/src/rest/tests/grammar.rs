//! PostgREST's grammar as a table: what a query string means, and what is said of one that means nothing.

use pintle_model::{Collection, Model};

use super::shown::print;
use crate::Dialect;
use crate::rest::query::query;
use crate::testing::model;
use crate::{Details, Fault};

pub(super) fn books(model: &Model) -> &Collection {
    model.find("books").expect("the app has books").1
}

/// What a query string means, in words.
pub(super) fn meaning(text: &str) -> Result<String, Fault> {
    let model = model();
    query(books(&model), Dialect::Sqlite, text).map(|query| print(books(&model), &query))
}
#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(meaning(text).as_deref(), Ok(expected), "{text}");
}

/// The code, the message, and what follows it (details, then hint) where a test cares.
#[track_caller]
fn refused(text: &str, code: &str, message: &str, more: &str) {
    let fault = meaning(text).expect_err(text);
    let details = match &fault.details {
        Details::Text(text) => text.clone(),
        _ => fault.hint.clone().unwrap_or_default(),
    };
    assert_eq!((fault.kind.code(), fault.message.as_str()), (code, message), "{text}");
    assert!(details.contains(more), "{text}: {details}");
}

#[test]
fn comparisons_take_values_of_their_field() {
    check("", "");
    check("pages=eq.5", "where pages = 5");
    check("pages=neq.5&title=gt.a", "where (pages <> 5 and title > \"a\")");
    check("pages=gte.1&pages=lt.9&pages=lte.9", "where (pages >= 1 and pages < 9 and pages <= 9)");
    check("title=eq.", "where title = \"\"");
    check("title=eq.a.b,c)", "where title = \"a.b,c)\"");
    check("title=isdistinct.x", "where title is distinct from \"x\"");
    check("born=eq.2026-01-31", "where born = 2026-01-31");
    check("lent=not.eq.true", "where not lent = true");
    refused("pages=eq.abc", "22P02", "invalid input syntax for type bigint: \"abc\"", "");
    refused(
        "pages=eq.99999999999999999999",
        "22003",
        "value \"99999999999999999999\" is out of range for type bigint",
        "64",
    );
    refused("born=eq.x", "22007", "invalid input syntax for type date: \"x\"", "");
    refused("titel=eq.x", "42703", "column books.titel does not exist", "books.title");
    refused("nope=eq.x", "42703", "column books.nope does not exist", "");
}

#[test]
fn text_is_percent_decoded_and_plus_is_a_space() {
    check("title=eq.a+b%2Bc%20%26d", "where title = \"a b+c &d\"");
    check("title=eq.%E6%A3%8B", "where title = \"棋\"");
    check("%74itle=eq.x&&", "where title = \"x\"");
    check("title=eq.100%", "where title = \"100%\"");
    refused("title=eq.%ff", "PGRST100", "the query string holds bytes that are no UTF-8: eq.%ff", "%C3%A9");
    refused("title=eq.%00", "22P02", "invalid byte sequence for encoding \"UTF8\": 0x00", "");
}

#[test]
fn patterns_take_a_star_for_any_text() {
    check("title=like.*yx", "where title like \"%yx\"");
    check("title=ilike.a%25b*", "where title ilike \"a%b%\"");
    check("title=match.^a.*$", "where title ~ \"^a.*$\"");
    check("title=not.imatch.^a", "where not title ~* \"^a\"");
    refused("title=like.a%5C", "22025", "LIKE pattern must not end with escape character", "");
    refused("title=match.(", "2201B", "invalid regular expression: unclosed group", "");
    refused("pages=like.1*", "42883", "operator does not exist: bigint ~~ unknown", "text");
}

#[test]
fn lists_quote_what_holds_commas() {
    check("pages=in.(1,2,3)", "where pages in [1, 2, 3]");
    check("pages=in.( 1, 2 )", "where pages in [1, 2]");
    check("title=in.(\"Hebdon, John\",Larry Thompson)", "where title in [\"Hebdon, John\", \"Larry Thompson\"]");
    check("title=in.(\"Double\\\"Quote\\\"McGraw\\\"\")", "where title in [\"Double\\\"Quote\\\"McGraw\\\"\"]");
    check("title=in.(\"D\\a\\vid W\\h\\ite\")", "where title in [\"David White\"]");
    check("title=in.(\\)", "where title in [\"\\\\\"]");
    check("title=in.()", "where title in []");
    check("title=not.in.(a)", "where not title in [\"a\"]");
    refused("pages=in.(1,b)", "22P02", "invalid input syntax for type bigint: \"b\"", "");
    refused("pages=in.(1", "PGRST100", "\"failed to parse filter (in.(1)\" (line 1, column 6)", "end of input");
    refused("pages=in.(1)x", "PGRST100", "\"failed to parse filter (in.(1)x)\" (line 1, column 7)", "unexpected 'x'");
}

#[test]
fn is_asks_for_nulls_and_truth() {
    check("born=is.null&lent=is.FAlSe", "where (born is null and lent is false)");
    check("lent=is.unknown&lent=is.true", "where (lent is unknown and lent is true)");
    check("born=not.is.null", "where not born is null");
    check("born=is.not_null", "where born is not null");
    refused("born=is.true", "42804", "argument of IS TRUE must be type boolean, not type date", "");
    refused("born=is.nil", "PGRST100", "\"failed to parse filter (is.nil)\" (line 1, column 4)", "not_null");
    refused("born=is.nullx", "PGRST100", "\"failed to parse filter (is.nullx)\" (line 1, column 4)", "null");
}

#[test]
fn any_and_all_ask_each_element() {
    check("pages=eq(any).{3,4}", "where (pages = 3 or pages = 4)");
    check("pages=gt(all).{4,3}", "where (pages > 4 and pages > 3)");
    check("title=like(any).{*a,\"b,*\"}", "where (title like \"%a\" or title like \"b,%\")");
    check("pages=eq(any).{1,null}", "where (pages = 1 or pages = null)");
    refused("pages=in(any).{1}", "PGRST100", "\"failed to parse filter (in(any).{1})\" (line 1, column 1)", "operator");
    refused(
        "pages=neq(any).{1}",
        "PGRST100",
        "\"failed to parse filter (neq(any).{1})\" (line 1, column 1)",
        "operator",
    );
}

#[test]
fn trees_nest_and_quote() {
    check("or=(pages.eq.1,not.and(price.gt.2,born.is.null))", "where (pages = 1 or not (price > 2 and born is null))");
    check("and=( and ( pages.in.( 1, 2 ) , id.eq.3 ) , or ( id.eq.2 , id.eq.3 ) )", {
        "where ((pages in [1, 2] and id = 3) and (id = 2 or id = 3))"
    });
    check("or=(title.eq.\"(a,4)\",title.like.\"*ity,4*\")", "where (title = \"(a,4)\" or title like \"%ity,4%\")");
    check("or=(id.not.lt.1,id.not.gte.3)", "where (not id < 1 or not id >= 3)");
    check("not.or=(id.eq.1,id.eq.2)", "where not (id = 1 or id = 2)");
    check("and=(id.eq.1,id.neq.2))", "where (id = 1 and id <> 2)");
    check(
        "or=(data->a->>b.eq.foo, data->>b.eq.bar)",
        "where (data->\"a\"->>\"b\" = \"foo\" or data->>\"b\" = \"bar\")",
    );
    check("or=(data.cs.{\"a\":[1]},id.eq.1)", "where (data contains {\"a\": [1]} or id = 1)");
    check("or=(id.eq(any).{1,2},id.eq.3)", "where ((id = 1 or id = 2) or id = 3)");
    refused("or=()", "PGRST100", "\"failed to parse logic tree (())\" (line 1, column 2)", "field name");
    refused("or=(id.eq.1", "PGRST100", "\"failed to parse logic tree ((id.eq.1)\" (line 1, column 9)", "end of input");
    refused("or=id.eq.1", "PGRST100", "\"failed to parse logic tree (id.eq.1)\" (line 1, column 1)", "\"(\"");
    let deep = format!("or={}id.eq.1{}", "(or".repeat(40), ")".repeat(41));
    assert_eq!(meaning(&deep).map_err(|fault| fault.kind.code()), Err("PGRST100"));
}

#[test]
fn select_names_renames_and_casts() {
    check("select=id,title", "select id, title");
    check("select=*", "select id, title, pages, price, lent, born, seen, data, tags");
    check("select=my_id:id, id::text", "select id as my_id, id::text");
    check("select=data->a->>b", "select data->\"a\"->>\"b\" as b");
    check("select=x:data->a", "select data->\"a\" as x");
    check("select=data->>0::int", "select data->>0::integer as data");
    check("select=data->c->0->d->>4", "select data->\"c\"->0->\"d\"->>4 as d");
    check("select=data->0xy1->23-xy-45->-1->xy-6->>0", {
        "select data->\"0xy1\"->\"23-xy-45\"->-1->\"xy-6\"->>0 as xy-6"
    });
    check("select=data->>\"a b.c\"", "select data->>\"a b.c\" as a b.c");
    check("select=id,title,id", "select id, title");
    refused("select=nope", "42703", "column books.nope does not exist", "");
    refused(
        "select=data->>--34",
        "PGRST100",
        "\"failed to parse select parameter (data->>--34)\" (line 1, column 9)",
        "unexpected \"-\" expecting digit",
    );
    refused("select=title->a", "42883", "operator does not exist: text -> unknown", "no json");
    refused("select=", "PGRST100", "\"failed to parse select parameter ()\" (line 1, column 1)", "field name");
    refused("select=id::money", "PGRST127", "the cast to `money` is not supported yet", "timestamp");
}

#[test]
fn what_is_not_built_yet_is_named() {
    for (text, what) in [
        ("select=id,authors(name)", "embedding another resource (`authors(…)`)"),
        ("select=a:authors!hint!inner(name)", "embedding another resource (`authors(…)`)"),
        ("select=...authors(name)", "spreading an embedded resource (`...`)"),
        ("select=count()", "aggregating (`count()`)"),
        ("select=pages.sum()", "aggregating (`sum()`)"),
        ("title=fts.cat", "full-text search (`fts`)"),
        ("title=wfts(english).cat", "full-text search (`wfts`)"),
        ("pages=sl.[1,2]", "the operator `sl` on ranges"),
        ("data=ov.{1}", "the operator `ov` (overlaps)"),
        ("order=authors(name)", "ordering by another resource (`authors(…)`)"),
    ] {
        refused(text, "PGRST127", &format!("{what} is not supported yet"), "");
    }
}

#[test]
fn orders_say_where_nulls_go() {
    check("order=title", "order title");
    check("order=title.desc,pages.asc.nullsfirst,born.nullslast", {
        "order title desc, pages nulls first, born nulls last"
    });
    check("order=data->a->>b.desc.nullslast", "order data->\"a\"->>\"b\" desc nulls last");
    check("order=id.desc,id.asc", "order id desc");
    refused(
        "order=id.asc.nullslasttt",
        "PGRST100",
        "\"failed to parse order (id.asc.nullslasttt)\" (line 1, column 17)",
        "unexpected 't' expecting \",\" or end of input",
    );
    refused("order=id.up", "PGRST100", "\"failed to parse order (id.up)\" (line 1, column 4)", "\"desc\"");
    refused("order=", "PGRST100", "\"failed to parse order ()\" (line 1, column 1)", "field name");
}

#[test]
fn pages_have_a_limit_and_an_offset() {
    check("limit=3&offset=2", "limit 3 offset 2");
    check("limit=0", "limit 0");
    check("offset=-4", "");
    refused(
        "limit=-1",
        "PGRST103",
        "Requested range not satisfiable",
        "Limit should be greater than or equal to zero.",
    );
    refused("limit=x", "PGRST100", "\"failed to parse limit (x)\" (line 1, column 1)", "an integer");
    refused(
        "offset=99999999999999999999",
        "PGRST100",
        "\"failed to parse offset (99999999999999999999)\" (line 1, column 1)",
        "an integer",
    );
    refused("limit=1&limit=2", "PGRST100", "the parameter `limit` is given twice", "once");
}

#[test]
fn writes_name_columns_and_conflicts() {
    check("columns=id,\"title\"", "columns id title");
    check("on_conflict=id,pages", "on_conflict id pages");
    refused(
        "columns=helicopter",
        "PGRST204",
        "Could not find the 'helicopter' column of 'books' in the schema cache",
        "",
    );
    refused("on_conflict=nope", "42703", "column books.nope does not exist", "");
}

#[test]
fn a_filter_on_what_is_not_embedded_says_so() {
    refused("authors.name=eq.x", "PGRST108", "'authors' is not an embedded resource in this request", "select");
    refused("authors.order=name", "PGRST108", "'authors' is not an embedded resource in this request", "select");
    refused("pages=5", "PGRST100", "\"failed to parse filter (5)\" (line 1, column 1)", "operator (eq, gt, ...)");
    refused("pages=eq", "PGRST100", "\"failed to parse filter (eq)\" (line 1, column 3)", "\".\"");
    refused("apples", "42703", "column books.apples does not exist", "");
}

#[test]
fn a_request_is_bounded() {
    let many = format!("pages=in.({}1)", "1,".repeat(20_000));
    assert_eq!(
        meaning(&many).map_err(|fault| fault.message),
        Err("a request may hold at most 10000 values".to_owned())
    );
    // What a list is filled up with takes no room from what follows.
    for (several, rest) in [(8193, "&id=eq.1"), (5000, "&id=in.(1,2,3)"), (9999, "&title=eq.x")] {
        for list in [
            format!("pages=in.(1{})", ",1".repeat(several - 1)),
            format!("pages=eq(any).{{1{}}}", ",1".repeat(several - 1)),
        ] {
            assert!(meaning(&format!("{list}{rest}")).is_ok(), "{several}{rest}");
        }
    }
    let two = |first: usize, second: usize| {
        format!("pages=in.(1{})&id=in.(1{})", ",1".repeat(first - 1), ",1".repeat(second - 1))
    };
    assert!(meaning(&two(5000, 5000)).is_ok());
    assert!(meaning(&two(5000, 5001)).is_err());
    let told = |text: &str| meaning(text).map_err(|fault| fault.message);
    let regexes = |count| told(&format!("and=({})", vec!["title.match.a"; count].join(",")));
    assert!(regexes(4).is_ok());
    assert_eq!(regexes(5), Err("a request may hold at most 4 regular expressions".to_owned()));
    assert_eq!(told("title=match(any).{a,b,c,d,e}"), regexes(5));
    let select = |from: usize, to: usize, what: &dyn Fn(usize) -> String| {
        let items: Vec<_> = (from..to).map(|n| format!("c{n}:{}", what(n))).collect();
        told(&format!("select={}", items.join(",")))
    };
    assert!(select(0, 200, &|n| format!("data->k{n}")).is_ok());
    assert_eq!(select(0, 201, &|n| format!("data->k{n}")), Err("`select` may name at most 200 columns".to_owned()));
    assert!(select(0, 8, &|_| "title".to_owned()).is_ok());
    let title = "`select` may name `title`, or one place inside it, at most 8 times";
    assert_eq!(select(0, 9, &|_| "title".to_owned()), Err(title.to_owned()));
    // A record inside a record is there as often as what leads to it is named.
    assert!(select(0, 9, &|n| format!("data{}", "->a".repeat(n))).is_err());
    assert!(select(0, 9, &|n| format!("data->{n}->a")).is_ok());
    assert!(select(0, 9, &|n| format!("data->-{}", n + 1)).is_err());
    let many = "id=eq.1&".repeat(2000);
    assert_eq!(meaning(&many).map_err(|fault| fault.message), Err("a URL may have at most 1000 parameters".to_owned()));
}

#[test]
fn long_lists_have_few_shapes() {
    let list = |what: &str, count: usize| {
        let values: Vec<_> = (1..=count).map(|n| n.to_string()).collect();
        query(books(&model()), Dialect::Sqlite, &what.replace('L', &values.join(","))).expect("a list")
    };
    for what in ["pages=in.(L)", "pages=not.in.(L)", "pages=eq(any).{L}", "and=(pages.gt(all).{L},id.eq.1)"] {
        let (some, more) = (list(what, 9), list(what, 16));
        assert_eq!(some.filter, more.filter, "{what}");
        assert_eq!(some.values[8], some.values[15], "{what}");
        assert_ne!(list(what, 17).filter, more.filter, "{what}");
        assert_eq!(list(what, 3).values.len() % 16, list(what, 3).values.len(), "{what}");
    }
    assert_eq!(list("pages=in.(L)", 9000).values.len(), 10_000);
    assert_eq!(list("pages=in.(L)", 10_000).values.len(), 10_000);
}

#[test]
fn what_a_caller_wrote_is_repeated_shortened() {
    let long = "x".repeat(5000);
    for text in [
        format!("pages=eq.{long}"),
        format!("pages={long}"),
        format!("select={long}:nope"),
        format!("{long}=eq.1"),
        format!("{long}.a=eq.1"),
        format!("limit={long}"),
        format!("{long}%ff=1"),
        format!("columns={long}"),
        format!("pages=in.({long})"),
    ] {
        let fault = meaning(&text).expect_err("it means nothing");
        let told = format!("{fault:?}");
        assert!(told.len() < 600, "{} of {}: {told}", told.len(), &text[..10]);
    }
}
