//! One request held against the oracle, and what may differ.

use pintle_model::Caller;

use crate::answer::{Answer, Refusal, Tables};
use crate::pintle::Pintle;
use crate::policy::Cond;
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
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) recursion: u32,
    pub(crate) null_in_body: u32,
    pub(crate) one_by_one: u32,
    pub(crate) own_cascade: u32,
    pub(crate) key_last: u32,
    pub(crate) policy_first: u32,
}

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
        agree &= may_say(case, &oracle, other.as_ref(), &answer, listed);
        answers.push((store.name, answer));
    }
    if agree {
        Ok(oracle)
    } else {
        Err(Difference { before: stores[0].before().clone(), oracle, other, pintle: answers })
    }
}

/// Whether Pintle may answer so.
fn may_say(case: &Case, oracle: &Answer, other: Option<&Answer>, answer: &Answer, listed: &mut Listed) -> bool {
    if same(oracle, answer) {
        return true;
    }
    // A policy that looks into its own table, whose select policy looks into another one: PostgreSQL calls it endless, though
    // it ends. Pintle refuses only what does not end.
    if oracle.said == Err(Refusal::code("42P17")) {
        listed.recursion += 1;
        return true;
    }
    if answer_needs_the_key(case) && oracle.said == Err(Refusal::Policy) && is_constraint(answer) {
        listed.key_last += 1;
        return true;
    }
    if cascades_into_itself(case) && oracle.tables == answer.tables {
        listed.own_cascade += 1;
        return true;
    }
    // A null that must not be one is seen in the body, before any row and its policies are.
    if answer.said == Err(Refusal::NullInBody) {
        listed.null_in_body += 1;
        return case.request.lacks_a_value(&case.world);
    }
    // The records of an array are written one by one: a policy or a reference of the second sees the first, and the first
    // fault is told.
    // A change of several rows: each row's policies are held against it before any row is changed, so that a row which may
    // not be written so is told before another one's value that is taken.
    if other.is_some_and(|other| same(&other.clone().settled(false), &answer.clone().settled(false))) {
        *(if matches!(case.request, Request::Update { .. }) {
            &mut listed.policy_first
        } else {
            &mut listed.one_by_one
        }) += 1;
        return true;
    }
    false
}

fn same(oracle: &Answer, answer: &Answer) -> bool {
    let null = |said: &Answer| said.said == Err(Refusal::NullInBody) || said.said == Err(Refusal::code("23502"));
    oracle == answer || (null(oracle) && null(answer) && oracle.tables == answer.tables)
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
fn answer_needs_the_key(case: &Case) -> bool {
    let Request::Insert { of, rows, .. } = &case.request else { return false };
    let collection = &case.world.collections[*of];
    let select = collection.policies[SELECT].as_ref().map(Cond::to_string).unwrap_or_default();
    let counts = collection.key == Key::Counted && rows[0].iter().all(|(at, _)| *at != 0);
    counts && select.contains(&collection.fields[0].name)
}

fn is_constraint(answer: &Answer) -> bool {
    ["23503", "23505"].iter().any(|code| answer.said == Err(Refusal::code(code)))
}
