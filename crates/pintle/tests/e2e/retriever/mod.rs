//! `apps/retriever`: what players report, and what their guild mates are told.

mod discord;
mod map;
mod page;
mod reads;
mod rows;
mod tokens;
mod userscript;
mod view;

use serde_json::{Value, json};

use crate::common::{Answer, App, Ask, Place, Server};

/// The app, served, with players Alice and Bob.
struct Game {
    app: App,
    server: Server,
}

impl Game {
    fn on(place: Place) -> Game {
        Game::with(place, &[])
    }

    /// With more variables in its environment.
    fn with(place: Place, environment: &[(&str, &str)]) -> Game {
        let app = App::shipped("retriever").on(place);
        let tokens = [("AUTH_TOKENS", r#"{"of-alice":"Alice","of-bob":"Bob"}"#)];
        let server = app.serve_in(&[&tokens, environment].concat());
        Game { app, server }
    }

    /// What Alice is answered.
    async fn get(&self, path: &str) -> Answer {
        alice(self.server.get(path)).await
    }

    /// What Alice is answered who posts this.
    async fn post(&self, path: &str, body: Value) -> Answer {
        alice(self.server.post(path, body)).await
    }

    /// Alice sees these tiles.
    async fn view(&self, tiles: impl Into<Value>) {
        self.post("/view", tiles.into()).await.has(200);
    }

    /// What is stored: rows of a collection in the order of some fields, without who reported them, and when.
    async fn stored(&self, collection: &str, order: &str) -> Value {
        let mut rows = self.get(&format!("/rest/v1/{collection}?order={order}")).await.has(200).json();
        for row in rows.as_array_mut().unwrap() {
            row.as_object_mut().unwrap().retain(|field, _| field != "user" && field != "date");
        }
        rows
    }
}

/// As Alice's user script sends it.
fn alice(ask: Ask) -> Ask {
    ask.header("Authorization", "Basic of-alice")
}

/// A tile as a user script posts it, with nothing on it but this.
fn tile(x: i64, y: i64, items: Value) -> Value {
    let mut all = json!({ "places": [], "pcs": [], "npcs": [], "resources": [], "objects": [] });
    for (kind, list) in items.as_object().unwrap() {
        all[kind] = list.clone();
    }
    json!({ "x": x, "y": y, "type": "Plaine", "items": all })
}

/// A player character of a guild.
fn pc(id: i64, name: &str, guild: Option<i64>) -> Value {
    let guild_name = guild.map(|id| format!("guild {id}"));
    json!({ "id": id, "level": 5, "name": name, "wounds": "none", "guildId": guild, "guildName": guild_name })
}

fn npc(id: i64, name: &str) -> Value {
    json!({ "id": id, "level": 3, "name": name, "wounds": null })
}

fn place_in(id: i64, name: &str, town: Option<&str>) -> Value {
    json!({ "id": id, "level": 2, "name": name, "townId": town.map(|_| 7), "townName": town })
}
