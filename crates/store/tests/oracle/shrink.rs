//! A difference, made as small as it goes, as a picture.

use std::fmt::Write as _;

use crate::judge::{Case, Difference, Listed, judge};
use crate::pintle::Pintle;
use crate::place::Place;
use crate::rls::Rls;
use crate::smaller::smaller;
use crate::world::Cell;

/// Cases that are tried at the most.
const TRIES: usize = 400;

/// Makes the case small while it still differs, and shows it.
pub(crate) async fn picture(case: Case, difference: Difference, rls: &Rls, mut places: Vec<Place>) -> String {
    let (mut case, mut difference) = (case, difference);
    let mut tries = 0;
    'smaller: loop {
        for candidate in smaller(&case) {
            tries += 1;
            if tries > TRIES {
                break 'smaller;
            }
            let (found, left) = differs(&candidate, rls, places).await;
            places = left;
            if let Some(found) = found {
                (case, difference) = (candidate, found);
                continue 'smaller;
            }
        }
        break;
    }
    show(&case, &difference)
}

async fn differs(case: &Case, rls: &Rls, places: Vec<Place>) -> (Option<Difference>, Vec<Place>) {
    rls.enter(&case.world).await;
    let mut stores = Vec::new();
    for place in places {
        stores.push(Pintle::enter(place, &case.world).await);
    }
    let found = judge(case, rls, &stores, &mut Listed::default()).await.err();
    (found, stores.into_iter().map(Pintle::leave).collect())
}

fn show(case: &Case, difference: &Difference) -> String {
    let Case { world, caller, request } = case;
    let mut text = world.manifest();
    text += "rows:\n";
    for (collection, rows) in world.collections.iter().zip(&world.rows) {
        let rows: Vec<String> =
            rows.iter().map(|row| format!("({})", row.iter().map(Cell::json).collect::<Vec<_>>().join(", "))).collect();
        let _ = writeln!(text, "  {}: {}", collection.name, rows.join(" "));
    }
    let (user, claims) = (caller.user.as_deref().unwrap_or("nobody"), &caller.claims);
    let _ = writeln!(text, "caller: {} {user} {claims:?}", caller.role.name());
    let name = world.collections[request.of()].name;
    let _ = writeln!(text, "request: {} /{name}?{}", request.method(), request.query(world));
    let _ = writeln!(text, "  prefer:{}\n  body: {}", request.prefer(), request.body(world));
    let script = crate::sql::script(request, world, false);
    let _ = writeln!(text, "  in SQL: {}", script.statements.join("; "));
    let _ = writeln!(text, "answers:\n  the oracle: {}", difference.oracle.shown(&difference.before));
    if let Some(other) = &difference.other {
        let _ = writeln!(text, "  the oracle, in another way: {}", other.shown(&difference.before));
    }
    for (store, answer) in &difference.pintle {
        let _ = writeln!(text, "  {store}: {}", answer.shown(&difference.before));
    }
    text
}
