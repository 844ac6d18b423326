//! Keys as the protocol names them.

use serde_json::{Value, json};

/// A key's event: its name as `KeyboardEvent.key` has it (`ArrowLeft`, `Enter`, `+`), and what it types.
pub(super) fn event(kind: &str, key: &str) -> Value {
    let code = match key {
        "Backspace" => 8,
        "Tab" => 9,
        "Enter" => 13,
        "Escape" => 27,
        "ArrowLeft" => 37,
        "ArrowUp" => 38,
        "ArrowRight" => 39,
        "ArrowDown" => 40,
        "Delete" => 46,
        _ => 0,
    };
    let mut event = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code });
    let text = if key == "Enter" { "\r" } else { key };
    if kind == "keyDown" && text.chars().count() == 1 {
        event["text"] = text.into();
    }
    event
}
