//! Whatever text a manifest holds, it is read or every mistake is told, inside the text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (model, mistakes) = pintle_model::load("pintle.yaml", text, &|_| Err("there are no other files".to_owned()));
    assert!(model.is_some() || !mistakes.is_empty(), "a manifest is refused without a word");
    for mistake in mistakes {
        assert!(mistake.file.text.get(mistake.span.start..mistake.span.end).is_some(), "{mistake:?} is outside");
    }
});
