//! The page at `/map` in a browser, as a player uses it.

use std::time::Instant;

use pintle_testbed::{Browser, Page};
use serde_json::{Value, json};

use super::{Game, alice, npc, pc, place_in, tile};
use crate::common::{PATIENCE, Place};

/// Land with a lake on it, and Alice in a town.
async fn world(game: &Game) {
    let mut tiles = Vec::new();
    for x in 480..=520 {
        for y in 240..=260 {
            let items = match (x, y) {
                (500, 250) => json!({
                    "places": [place_in(1, "Taverne", Some("Port-aux-Brumes"))],
                    "pcs": [pc(1, "Alice", Some(4)), pc(2, "Bob", Some(4))],
                }),
                (497, 252) => json!({ "pcs": [pc(3, "Ulf", Some(9))] }),
                (503, 248) => json!({ "npcs": [npc(7, "Loup")] }),
                _ => json!({}),
            };
            tiles.push(tile(x, y, items));
            if (503..=508).contains(&x) && (250..=253).contains(&y) {
                tiles.last_mut().unwrap()["type"] = "Océan".into();
            }
        }
    }
    game.view(tiles).await;
}

/// Enters with a token, as a player types it.
fn enter(page: &Page, token: &str) {
    page.click("#token");
    page.type_text(token);
    page.press("Enter");
}

/// The colour of the map at so many points from its middle.
fn colour(page: &Page, right: i64, down: i64) -> [u64; 3] {
    // Of a copy: a canvas that is read is drawn in another way from then on.
    let pixel = page.evaluate(&format!(
        "(() => {{ const map = document.getElementById('map'); const copy = document.createElement('canvas'); \
         [copy.width, copy.height] = [map.width, map.height]; const to = copy.getContext('2d', {{ willReadFrequently: true }}); \
         to.drawImage(map, 0, 0); return [...to.getImageData(map.width / 2 + {right}, map.height / 2 + {down}, 1, 1).data]; }})()"
    ));
    [0, 1, 2].map(|part| pixel[part].as_u64().unwrap())
}

/// Where the page looks: column, row, size of a hex; when what the address tells is so.
fn looks_at(page: &Page, condition: &str) -> [f64; 3] {
    let found = page.wait(&format!(
        "(() => {{ const [x, y, size] = location.hash.slice(1).split(',').map(Number); return ({condition}) && [x, y, size]; }})()"
    ));
    [0, 1, 2].map(|part| found[part].as_f64().unwrap())
}

#[tokio::test]
async fn the_map_is_drawn_moves_by_mouse_and_keys_and_shows_a_post_within_seconds() {
    let Some(browser) = Browser::start() else { return };
    let game = Game::on(Place::Sqlite);
    world(&game).await;
    let page = browser.page(1000, 700);
    page.open(&format!("{}/map/#500,250,30", game.server.origin));
    enter(&page, "of-alice");
    page.wait("document.getElementById('fresh').innerText === 'up to date'");
    assert_eq!(page.text("#user"), "Alice");

    // A hex of size 30 is 52 points wide: two to the left is land, four and a half to the right and one row down is the lake.
    page.wait("document.getElementById('map').width === 1000");
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    let [land, lake, alice_s] = [colour(&page, -104, 10), colour(&page, 234, 45), colour(&page, 0, 0)];
    assert!(land[1] > land[0] && land[1] > land[2], "land is green: {land:?}");
    assert!(lake[2] > lake[0] && lake[2] > lake[1], "a lake is blue: {lake:?}");
    assert_ne!(alice_s, colour(&page, 104, -90), "somebody stands in the middle");

    page.click_at(500.0, 350.0);
    let card = page.text("#tile");
    for part in ["Plaine", "x 500, y 250", "you are here", "Alice", "Bob", "Taverne", "Port-aux-Brumes", "level 5"] {
        assert!(card.contains(part), "{part} in {card}");
    }
    page.wheel((500.0, 350.0), -200.0);
    let [_, _, size] = looks_at(&page, "size > 40");
    page.press("-");
    looks_at(&page, &format!("size < {size}"));
    page.press("ArrowLeft");
    looks_at(&page, "x < 500");
    page.drag((300.0, 300.0), (300.0, 100.0));
    looks_at(&page, "y > 250");
    page.click("[data-zoom=all]");
    let [x, y, size] = looks_at(&page, "size < 20");
    assert!((x - 500.0).abs() < 3.0 && (y - 250.0).abs() < 3.0 && size > 5.0, "all of it: {x}, {y}, {size}");

    assert_eq!(page.evaluate("document.getElementById('terrains').innerText.includes('Terre battue')"), json!(false));
    let posted = Instant::now();
    let mut new = tile(521, 250, json!({ "pcs": [pc(4, "Erik", None)] }));
    new["type"] = "Terre battue".into();
    game.post("/view", json!([new])).await.has(200);
    page.wait("document.getElementById('terrains').innerText.includes('Terre battue')");
    assert!(posted.elapsed() < PATIENCE / 2, "seen after {:?}", posted.elapsed());
    page.click("#find");
    page.type_text("erik");
    page.press("Enter");
    page.wait("document.getElementById('tile').innerText.includes('x 521, y 250')");
    looks_at(&page, "x === 521 && size === 22");
    page.press("-");
    looks_at(&page, "size < 22");
    assert_eq!(page.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn tiles_that_lie_far_off_do_not_empty_the_map() {
    let Some(browser) = Browser::start() else { return };
    let game = Game::on(Place::Sqlite);
    world(&game).await;
    let page = browser.page(1200, 657);
    let opened = |page: &Page| {
        page.open(&format!("{}/map/", game.server.origin));
        page.wait(
            "!document.getElementById('bar').hidden && document.getElementById('fresh').innerText === 'up to date'",
        );
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        page.evaluate("document.getElementById('zoom').querySelector('[data-zoom=all]').click()");
        looks_at(page, "size > 0")
    };
    // A few of them are left out.
    game.view(vec![tile(70_000, 0, json!({})), tile(0, -1_000_000, json!({}))]).await;
    page.open(&format!("{}/map/", game.server.origin));
    enter(&page, "of-alice");
    // The token is kept once it has been answered.
    page.wait("document.getElementById('fresh').innerText === 'up to date'");
    let [x, y, size] = opened(&page);
    assert!((480.0..520.0).contains(&x) && (240.0..260.0).contains(&y) && size > 5.0, "{x}, {y}, {size}");
    assert!(land(colour(&page, 0, 60)), "{:?}", colour(&page, 0, 60));
    // Where there are too many to see all, it looks at one's own character.
    game.view((0..900).map(|n| tile(20_000 + n * 60, 0, json!({}))).collect::<Vec<_>>()).await;
    let [x, y, size] = opened(&page);
    assert!((x, y) == (500.0, 250.0) && size > 5.0, "{x}, {y}, {size}");
    assert_eq!(page.faults(), Vec::<String>::new());
}

/// Whether it is land, and not the dark beside the world.
fn land([red, green, blue]: [u64; 3]) -> bool {
    green > red && green > blue && green > 60
}

#[tokio::test]
async fn a_token_that_is_none_is_told_and_leaving_forgets_the_one_that_is() {
    let Some(browser) = Browser::start() else { return };
    let game = Game::on(Place::Sqlite);
    world(&game).await;
    let page = browser.page(390, 780);
    page.open(&format!("{}/map/", game.server.origin));
    enter(&page, "nobody's");
    page.wait("document.getElementById('refused').innerText === 'This token is not known here.'");
    enter(&page, "of-bob");
    page.wait("document.getElementById('user').innerText === 'Bob'");
    // On a telephone the bar fits, and the card of a tile is a sheet that takes the place of what stands below.
    assert_eq!(page.evaluate("document.documentElement.scrollWidth"), json!(390));
    page.click("#leave");
    page.wait("!document.getElementById('enter').hidden && document.getElementById('bar').hidden");
    page.open(&format!("{}/map/", game.server.origin));
    page.wait("!document.getElementById('enter').hidden");
    assert_eq!(page.evaluate("sessionStorage.length"), json!(0));
    let faults: Vec<String> = page.faults();
    assert!(faults.iter().all(|fault| fault.contains("401")), "{faults:#?}");
}

#[tokio::test]
async fn names_that_are_made_of_markup_are_texts() {
    let Some(browser) = Browser::start() else { return };
    let game = Game::on(Place::Sqlite);
    let name = "<img src=x onerror=\"document.title='taken over'\">";
    let standing = json!({ "pcs": [pc(1, name, Some(4))], "places": [place_in(2, name, Some(name))] });
    game.view(vec![tile(0, 0, standing)]).await;
    let page = browser.page(800, 600);
    page.open(&format!("{}/map/#0,0,40", game.server.origin));
    enter(&page, "of-alice");
    page.wait("document.getElementById('fresh').innerText === 'up to date'");
    page.click_at(400.0, 300.0);
    assert!(page.text("#tile").contains(name), "{}", page.text("#tile"));
    assert_eq!(page.evaluate("document.images.length"), json!(2), "the page's own");
    let answered: Value = alice(game.server.get("/standing")).await.has(200).json();
    assert_eq!(answered["pcs"][0]["name"], name);
    assert_eq!(page.faults(), Vec::<String>::new());
}
