//! One request held against the oracle, and what may differ.

use std::collections::BTreeMap;

use pintle_model::Caller;

use crate::answer::{Answer, Done, Refusal, Tables};
use crate::pintle::Pintle;
use crate::request::Request;
use crate::rls::{Rls, Way};
use crate::world::{Key, SELECT, World};

/// A request in its world.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) world: World,
    pub(crate) caller: Caller,
    pub(crate) request: Request,
}

/// Differences that are listed in `docs/stores.md`, each met so often.
pub(crate) type Listed = BTreeMap<&'static str, u32>;

/// Where the three do not agree.
#[derive(Debug)]
pub(crate) struct Difference {
    /// The tables before the request.
    pub(crate) before: Tables,
    pub(crate) oracle: Answer,
    /// What it says to the same in another way.
    pub(crate) other: Option<Answer>,
    pub(crate) pintle: Vec<(&'static str, Answer)>,
}

/// Asks all, and compares. Also gives the oracle's answer.
pub(crate) async fn judge(
    case: &Case,
    rls: &Rls,
    stores: &[Pintle],
    listed: &mut Listed,
) -> Result<Answer, Difference> {
    let Case { world, caller, request } = case;
    let oracle = rls.ask(world, caller, request, Way::Whole).await;
    // An array of records is one statement to PostgreSQL, and one for each record to Pintle.
    let other = match request {
        Request::Insert { rows, .. } if rows.len() > 1 => Some(rls.ask(world, caller, request, Way::Apart).await),
        Request::Update { .. } if oracle.said == Err(Refusal::code("23505")) => {
            Some(rls.ask(world, caller, request, Way::Common).await)
        }
        _ => None,
    };
    let mut answers = Vec::new();
    let mut agree = true;
    for store in stores {
        let answer = store.ask(world, caller, request).await;
        // Whatever is refused leaves nothing.
        agree &= answer.said.is_ok() || answer.tables == *store.before();
        if !same(&oracle, &answer) {
            match reason(case, &oracle, other.as_ref(), &answer, store.on_sqlite()) {
                Some(reason) => *listed.entry(reason).or_default() += 1,
                None => agree = false,
            }
        }
        answers.push((store.name(), answer));
    }
    // Where the oracle has no answer, PostgreSQL's under Pintle stands for it.
    if let (true, [(_, sqlite), (_, postgres)]) = (no_answer(&oracle), &answers[..]) {
        agree &= same(postgres, sqlite) || reason(case, postgres, None, sqlite, true).is_some();
    }
    if agree {
        Ok(oracle)
    } else {
        Err(Difference { before: stores[0].before().clone(), oracle, other, pintle: answers })
    }
}

fn same(oracle: &Answer, answer: &Answer) -> bool {
    let null = |said: &Answer| said.said == Err(Refusal::NullInBody) || said.said == Err(Refusal::code("23502"));
    oracle == answer || (null(oracle) && null(answer) && oracle.tables == answer.tables)
}

/// A policy that PostgreSQL gives up on.
fn no_answer(oracle: &Answer) -> bool {
    ["42P17", "22003"].iter().any(|code| oracle.said == Err(Refusal::code(code)))
}

/// Why Pintle may answer otherwise, if it may. `other` is what the oracle says in another way.
fn reason(
    case: &Case,
    oracle: &Answer,
    other: Option<&Answer>,
    answer: &Answer,
    on_sqlite: bool,
) -> Option<&'static str> {
    let is = |said: &Result<Done, Refusal>, codes: &[&str]| codes.iter().any(|code| *said == Err(Refusal::code(code)));
    let found = match (&case.request, &oracle.said, &answer.said) {
        // A policy that looks into its own collection, whose select policy looks into another one: PostgreSQL calls it endless,
        // though it ends. Pintle refuses only what does not end. And arithmetic of integers never fails in a policy of Pintle's.
        _ if no_answer(oracle) => Some("a policy that PostgreSQL gives up on"),
        // A null that must not be one is seen in the body, before any row and its policies are.
        (request, _, Err(Refusal::NullInBody)) if request.lacks_a_value(&case.world) => Some("a null seen in the body"),
        // SQLite holds the policies against every row before any is changed: a row that may not be written so is told before
        // another one's value that is taken.
        (Request::Update { .. }, taken, Err(Refusal::Policy)) if on_sqlite && is(taken, &["23505"]) => {
            let sure = other.is_none_or(|other| same(other, answer));
            sure.then_some("policies before what is taken")
        }
        (Request::Delete { .. }, Ok(all), Ok(done)) if on_sqlite && cascades_into_itself(case) => {
            let fewer = oracle.tables == answer.tables && done.affected <= all.affected;
            fewer.then_some("a cascade into the same collection")
        }
        (Request::Insert { on_conflict, .. }, Err(Refusal::Policy), told) if on_sqlite && shows_a_counted_key(case) => {
            // By another unique field the row that is there is changed, and its own key is the one that the policy sees.
            let merged = on_conflict.is_some() && told.is_ok();
            (is(told, &["23503", "23505"]) || merged).then_some("a counted key's policy last")
        }
        _ => None,
    };
    // The records of an array are written one by one: a policy or a reference of the second sees the first, and the first
    // fault is told.
    let apart = other.filter(|_| matches!(case.request, Request::Insert { .. })).filter(|apart| {
        let (apart, answer) = ((*apart).clone().settled(false), answer.clone().settled(false));
        same(&apart, &answer) || reason(case, &apart, None, &answer, on_sqlite).is_some()
    });
    found.or(apart.map(|_| "records one by one"))
}

/// A removal of rows that take others of the same collection with them: SQLite follows the references after each row,
/// PostgreSQL after all. So where a row goes or changes because of another one before its turn, SQLite neither counts it nor
/// answers it as it was.
fn cascades_into_itself(case: &Case) -> bool {
    let of = case.request.of();
    let fields = &case.world.collections[of].fields;
    let own = fields.iter().any(|field| field.reference.is_some_and(|(to, delete)| to == of && delete != "restrict"));
    own && matches!(case.request, Request::Delete { .. })
}

/// A new row whose key SQLite counts, and a select policy that speaks of the key: it is held against the row when it is stored,
/// behind what is unique and what refers.
fn shows_a_counted_key(case: &Case) -> bool {
    let Request::Insert { of, rows, .. } = &case.request else { return false };
    let collection = &case.world.collections[*of];
    let says = collection.policies[SELECT].as_ref().is_some_and(|select| select.says(&collection.fields[0].name));
    let counts = collection.key == Key::Counted && rows[0].iter().all(|(at, _)| *at != 0);
    counts && says
}
