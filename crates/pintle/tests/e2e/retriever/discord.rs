//! The guild's channel hears of what was never seen before: a webhook that the test answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Game, npc, place_in, tile};
use crate::common::{PATIENCE, Place};

in_every_way!(
    places_and_foes_are_told_when_they_are_seen_first,
    nothing_is_told_of_a_post_that_is_refused,
    names_call_nobody_and_long_lists_are_cut,
    a_webhook_that_does_not_answer_disturbs_no_post,
);

/// A webhook: its URL, and what it is sent.
fn webhook() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/webhooks/1/secret", listener.local_addr().unwrap());
    let (sent, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            let length =
                head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            let read = reader
                .read_exact(&mut body)
                .and_then(|()| reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"));
            let line = head.lines().next().unwrap_or_default().to_owned();
            if read.is_err() || sent.send((line, serde_json::from_slice(&body).unwrap_or_default())).is_err() {
                return;
            }
        }
    });
    (url, received)
}

/// The next message's text.
fn next(received: &Receiver<(String, Value)>) -> String {
    let (line, body) = received.recv_timeout(PATIENCE).unwrap();
    assert_eq!(line, "POST /api/webhooks/1/secret HTTP/1.1");
    assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
    body["content"].as_str().unwrap().to_owned()
}

async fn places_and_foes_are_told_when_they_are_seen_first(place: Place) {
    let (url, received) = webhook();
    let game = Game::with(place, &[("DISCORD_WEBHOOK", &url)]);
    let items =
        json!({ "places": [place_in(1, "Forge", None)], "npcs": [npc(2, "Rat")], "pcs": [super::pc(3, "Bob", None)] });
    game.view(json!([tile(4, 5, items.clone())])).await;
    assert_eq!(
        next(&received),
        "**Alice** sees for the first time:\n- the place **Forge** (level 2) at 4, 5\n- the foe **Rat** (level 3) at 4, 5"
    );
    // Once more, and one that is new: the next message is about that alone.
    game.view(json!([tile(4, 5, items)])).await;
    game.view(json!([tile(4, 6, json!({ "npcs": [{ "id": 9, "level": null, "name": "Loup" }, npc(2, "Rat")] }))]))
        .await;
    assert_eq!(next(&received), "**Alice** sees for the first time:\n- the foe **Loup** at 4, 6");
}

async fn nothing_is_told_of_a_post_that_is_refused(place: Place) {
    let (url, received) = webhook();
    let game = Game::with(place, &[("DISCORD_WEBHOOK", &url)]);
    game.post("/view", json!([tile(1, 1, json!({ "npcs": [npc(1, "Rat"), { "id": -5 }] }))])).await.has(400);
    game.view(json!([tile(1, 1, json!({ "npcs": [npc(2, "Loup")] }))])).await;
    assert!(next(&received).ends_with("the foe **Loup** (level 3) at 1, 1"), "the first that it hears of");
    assert_eq!(received.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
}

async fn names_call_nobody_and_long_lists_are_cut(place: Place) {
    let (url, received) = webhook();
    let game = Game::with(place, &[("DISCORD_WEBHOOK", &url)]);
    game.view(json!([tile(1, 1, json!({ "npcs": [npc(1, "@everyone **bold** <@1>")] }))])).await;
    let message = next(&received);
    assert!(message.contains(r"\@everyone \*\*bold\*\* \<\@1\>"), "{message}");
    let many: Vec<Value> = (10..300).map(|id| npc(id, "Rat")).collect();
    game.view(json!([tile(1, 2, json!({ "npcs": many }))])).await;
    let message = next(&received);
    assert!(message.chars().count() <= 2000, "{}", message.len());
    let told = message.lines().filter(|line| line.starts_with("- ")).count();
    assert!(message.ends_with(&format!("… and {} more", 290 - told)), "{message}");
}

async fn a_webhook_that_does_not_answer_disturbs_no_post(place: Place) {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let game = Game::with(place, &[("DISCORD_WEBHOOK", &format!("http://{closed}/hook"))]);
    game.view(json!([tile(1, 1, json!({ "npcs": [npc(1, "Rat")] }))])).await;
    assert_eq!(game.stored("npcs", "id").await.as_array().unwrap().len(), 1);
}
