//! In which order collections are copied, and which references must wait.

use pintle_model::{Collection, CollectionId, Model};

/// A collection's turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Which.
    pub(super) id: CollectionId,
    /// Fields that are null at first and set when all rows are there: references that go round.
    pub(super) later: Vec<usize>,
    /// References to rows of the same collection that cannot be null: those rows go first.
    pub(super) first: Vec<usize>,
}

/// Every collection once, so that what is referred to comes first.
///
/// # Errors
/// When collections refer to each other round by fields that cannot be null: then no row can be the first.
pub(super) fn steps(model: &Model) -> Result<Vec<Step>, String> {
    let mut left: Vec<CollectionId> = (0..model.collections.len()).map(CollectionId).collect();
    let mut steps = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |id: &CollectionId, only_required: bool| {
            let collection = model.collection(*id);
            references(collection)
                .any(|(field, to)| to != *id && left.contains(&to) && !(only_required && may_wait(collection, field)))
        };
        let next = left.iter().position(|id| !waits(id, false)).or_else(|| left.iter().position(|id| !waits(id, true)));
        let Some(next) = next else {
            let names: Vec<_> = left.iter().map(|id| format!("`{}`", model.collection(*id).name)).collect();
            return Err(format!(
                "{} refer to each other by fields that are required, so no row of them can be the first: make one of \
                 these references not required in the manifest, and migrate both stores",
                names.join(", ")
            ));
        };
        let id = left[next];
        let collection = model.collection(id);
        let round = |(field, to): (usize, CollectionId)| left.contains(&to).then_some(field);
        let (later, first) = references(collection).filter_map(round).partition(|field| may_wait(collection, *field));
        steps.push(Step { id, later, first });
        left.remove(next);
    }
    Ok(steps)
}

/// A collection's references: which field, to which collection.
fn references(collection: &Collection) -> impl Iterator<Item = (usize, CollectionId)> {
    let target = |(at, field): (usize, &pintle_model::Field)| Some((at, field.reference.as_ref()?.collection));
    collection.fields.iter().enumerate().filter_map(target)
}

fn may_wait(collection: &Collection, field: usize) -> bool {
    !collection.fields[field].required && !collection.is_key(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(collections: &str) -> Model {
        let text = format!("pintle: 1\ncollections:\n{collections}");
        let (model, mistakes) = pintle_model::load("pintle.yaml", &text, &|_| Err(String::new()));
        assert!(mistakes.is_empty(), "{mistakes:?}");
        model.unwrap()
    }

    /// `name later first`, a collection each.
    fn told(collections: &str) -> Result<Vec<String>, String> {
        let model = model(collections);
        let fields = |step: &Step, fields: &[usize]| {
            let names = fields.iter().map(|field| model.collection(step.id).fields[*field].name.clone());
            names.collect::<Vec<_>>().join("+")
        };
        let steps = steps(&model)?;
        let own = steps.iter().filter(|step| !model.collection(step.id).system);
        Ok(own
            .map(|step| {
                let name = &model.collection(step.id).name;
                format!("{name} {} {}", fields(step, &step.later), fields(step, &step.first)).trim().to_owned()
            })
            .collect())
    }

    #[test]
    fn what_is_referred_to_comes_first() {
        let order = told(
            "  c: { fields: { b: { type: ref, to: b, required: true } } }\n  \
             b: { fields: { a: { type: ref, to: a } } }\n  a: { fields: { n: integer } }",
        );
        assert_eq!(order.unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn references_that_go_round_wait() {
        let order = told(
            "  a: { fields: { b: { type: ref, to: b, required: true }, up: { type: ref, to: a } } }\n  \
             b: { fields: { a: { type: ref, to: a } } }",
        );
        assert_eq!(order.unwrap(), ["b a", "a up"]);
        let order = told("  a: { fields: { up: { type: ref, to: a, required: true } } }");
        assert_eq!(order.unwrap(), ["a  up"]);
    }

    #[test]
    fn a_circle_of_required_references_is_told() {
        let refused = told(
            "  a: { fields: { b: { type: ref, to: b, required: true } } }\n  \
             b: { fields: { a: { type: ref, to: a, required: true } } }\n  c: { fields: { n: integer } }",
        );
        let refused = refused.unwrap_err();
        assert!(refused.starts_with("`a`, `b` refer to each other by fields that are required"), "{refused}");
    }
}
