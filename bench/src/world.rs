//! The map that `apps/retriever` keeps: its ground, and what players see of it.

use std::io::Write;

/// Tiles on each side of the ground that is known from the start.
const SIDE: u64 = 450;
/// Tiles of one request that makes the ground.
const TILES: u64 = 4500;
/// Requests that make the ground.
pub(crate) const TILES_REQUESTS: u64 = SIDE * SIDE / TILES;
/// Tiles on each side of what a player sees.
const VIEW_SIDE: u64 = 21;
/// Tiles of what a player sees.
pub(crate) const VIEW_TILES: u64 = VIEW_SIDE * VIEW_SIDE;
/// Views side by side before the next line of them: coordinates are bounded.
const VIEWS_A_LINE: u64 = 40_000;
/// How far a list of tiles reaches.
const NEAR: u64 = 10;
/// Tiles that it answers.
pub(crate) const NEAR_TILES: usize = 331;
/// Places on the ground around which a list is whole.
const WHOLE: u64 = SIDE - 2 * NEAR;
/// Places that are asked for again and again.
pub(crate) const PLACES: u64 = 100;

const TYPES: [&str; 5] = ["Plaine", "Océan", "Espace pavé", "Terre battue", "Plaine fleurie"];
/// What may stand on a tile.
const STANDING: [&str; 5] = ["places", "pcs", "npcs", "resources", "objects"];

/// The nth part of the ground, as rows, appended to `to`.
pub(crate) fn write_tiles(n: u64, to: &mut Vec<u8>) {
    for tile in n * TILES..(n + 1) * TILES {
        let (x, y) = (tile / SIDE, tile % SIDE);
        let kind = TYPES[(x * 7 + y) as usize % TYPES.len()];
        // Writing to a vector cannot fail.
        let _ = write!(to, r#"{}{{"x":{x},"y":{y},"type":"{kind}"}}"#, if tile == n * TILES { '[' } else { ',' });
    }
    to.push(b']');
}

/// What is seen by the nth player, who is alone there, appended to `to`: on each hundred tiles 2 places, 3 pcs, 8 npcs, 6
/// resources and 2 objects.
pub(crate) fn write_view(n: u64, to: &mut Vec<u8>) {
    let (left, top) = (n % VIEWS_A_LINE * VIEW_SIDE, n / VIEWS_A_LINE * VIEW_SIDE);
    for tile in 0..VIEW_TILES {
        // Beside the ground that is known from the start.
        let (x, y) = (left + tile / VIEW_SIDE, 1000 + top + tile % VIEW_SIDE);
        let id = n * VIEW_TILES + tile + 1;
        let kind = TYPES[id as usize % TYPES.len()];
        let before = if tile == 0 { '[' } else { ',' };
        let _ = write!(to, r#"{before}{{"x":{x},"y":{y},"type":"{kind}","items":{{"#);
        let stands = match tile * 37 % 100 {
            0..2 => 0,
            2..5 => 1,
            5..13 => 2,
            13..19 => 3,
            19..21 => 4,
            _ => STANDING.len(),
        };
        for (at, name) in STANDING.into_iter().enumerate() {
            let _ = write!(to, r#"{}"{name}":["#, if at == 0 { "" } else { "," });
            if at == stands {
                write_one(name, id, to);
            }
            to.push(b']');
        }
        to.extend_from_slice(b"}}");
    }
    to.push(b']');
}

/// What stands on a tile, as the game tells it, appended to `to`.
fn write_one(name: &str, id: u64, to: &mut Vec<u8>) {
    let _ = match name {
        "places" => write!(to, r#"{{"id":{id},"level":3,"name":"Taverne {id}","townId":7,"townName":"Port"}}"#),
        "pcs" => write!(
            to,
            r#"{{"id":{id},"level":12,"name":"Joueur {id}","wounds":null,"guildId":4,"guildName":"Les Veilleurs"}}"#
        ),
        "npcs" => write!(to, r#"{{"id":{id},"level":5,"name":"Loup","wounds":"légères"}}"#),
        "resources" => write!(to, r#"{{"level":2,"name":"Fer"}}"#),
        _ => write!(to, r#"{{"id":{id},"name":"Épée"}}"#),
    };
}

/// The request for the tiles around the nth place, without its version.
pub(crate) fn write_near(n: u64, to: &mut Vec<u8>) -> std::io::Result<()> {
    let n = n % (WHOLE * WHOLE);
    write!(to, "GET /tiles/{}/{}/{NEAR}", NEAR + n / WHOLE, NEAR + n % WHOLE)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{STANDING, TILES_REQUESTS, VIEW_TILES, write_near, write_tiles, write_view};

    #[test]
    fn the_world_is_whole_and_each_view_another() {
        let read = |write: fn(u64, &mut Vec<u8>), n| {
            let mut body = Vec::new();
            write(n, &mut body);
            let Ok(Value::Array(tiles)) = serde_json::from_slice(&body) else { panic!("{body:?}") };
            tiles
        };
        let last = read(write_tiles, TILES_REQUESTS - 1).pop().unwrap();
        assert_eq!([&last["x"], &last["y"]], [449, 449]);
        let (one, other) = (read(write_view, 7), read(write_view, 8));
        assert_eq!(one.len() as u64, VIEW_TILES);
        assert!(one.iter().all(|a| other.iter().all(|b| (&a["x"], &a["y"]) != (&b["x"], &b["y"]))));
        let standing = |kind| one.iter().filter(|tile| tile["items"][kind] != Value::Array(vec![])).count();
        assert_eq!(STANDING.map(standing), [9, 13, 36, 26, 8]);
        let mut request = Vec::new();
        write_near(430, &mut request).unwrap();
        assert_eq!(request, b"GET /tiles/11/10/10");
    }
}
