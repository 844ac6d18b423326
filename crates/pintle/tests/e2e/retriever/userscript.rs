//! The sample of a user script, in a browser, on pages as the game would have them, of another origin than the app's.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use pintle_testbed::{Browser, Page};
use serde_json::{Value, json};

use crate::common::{App, Place, Server, shipped};

const VIEW: &str = r#"
<div class=tile data-x=10 data-y=-4 data-type=Plaine>
  <b class=place data-id=3 data-level=2 data-name="Taverne" data-town-id=7 data-town-name="Port-aux-Brumes"></b>
  <b class=pc data-id=1 data-level=13 data-name="Aldric" data-guild-id=1 data-guild-name="Les Veilleurs"></b>
  <b class=npc data-id=9 data-level="1 203" data-name="Loup" data-wounds="égratigné"></b>
  <b class=resource data-level=2 data-name=Fer></b>
  <b class=object data-id=5 data-name=Corde></b>
</div>
<div class=tile data-x=11 data-y=-4 data-type="Océan"></div>"#;

const CHARACTER: &str = r#"
<div id=character data-id=1><h1 class=name>Aldric</h1><img class=face src="data:,"><i class=race>Nain</i><i class=dla>12:00</i>
<i class=pas>6</i><i class=pos>10, -4</i><i class=xp>1 250</i><i class=xpMax>2 000</i><i class=pv>40</i><i class=pvMax>55</i></div>"#;

const GUILD: &str = r#"
<table id=guild><tr data-id=1 data-name=Aldric data-race=Nain data-pc=12><td>Aldric</tr>
<tr data-id=2 data-name="Bérénice" data-race=Elfe data-pc=8><td>Bérénice</tr></table>"#;

/// Pages of the game at `/view`, `/character` and `/guild`. Their origin.
fn game() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // A connection that is opened for later says nothing.
            std::thread::spawn(move || {
                let mut head = [0; 8192];
                let read = stream.read(&mut head).unwrap_or(0);
                let page = match String::from_utf8_lossy(&head[..read]).split(' ').nth(1) {
                    Some("/view") => VIEW,
                    Some("/character") => CHARACTER,
                    Some("/guild") => GUILD,
                    _ => "<p>Nothing to post",
                };
                let page = format!(
                    "<!doctype html><meta charset=utf-8><link rel=icon href=\"data:,\"><title>Game</title>{page}"
                );
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len());
            });
        }
    });
    origin
}

/// The app for a game of this origin, served.
fn retriever(origin: &str) -> (App, Server) {
    let app = App::shipped("retriever").on(Place::Sqlite);
    let manifest = std::fs::read_to_string(app.file("pintle.yaml")).unwrap();
    assert!(manifest.contains("\"https://game.example\""), "the manifest names the game's origin");
    app.manifest(&manifest.replace("https://game.example", origin));
    let server = app.serve_in(&[("AUTH_TOKENS", r#"{"of-aldric":"Aldric"}"#)]);
    (app, server)
}

/// A player's tab, with a script manager: what it grants to scripts is there, and this is what it keeps for the script.
fn player(browser: &Browser, kept: &Value) -> Page {
    let page = browser.page(800, 600);
    page.before_each(&format!(
        "const kept = {kept}; window.GM_getValue = (name, otherwise) => kept[name] ?? otherwise; \
         window.GM_setValue = (name, value) => {{ kept[name] = value; }}; \
         window.GM_registerMenuCommand = (label, run) => {{ window.menu = run; }};"
    ));
    page
}

/// Opens a page of the game and runs the script in it. What the script says at the page's corner.
fn run(page: &Page, url: &str) -> String {
    page.open(url);
    let script = std::fs::read_to_string(shipped("retriever").join("userscript/retriever.user.js")).unwrap();
    page.evaluate(&format!("{script}; 0"));
    let lines = "[...document.querySelectorAll('div')].map((line) => line.innerText)";
    let said = page.wait(&format!("{lines}.findLast((text) => text.startsWith('retriever:'))"));
    said.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_page_of_the_game_shows_arrives_with_the_player_s_token() {
    let Some(browser) = Browser::start() else { return };
    let origin = game();
    let (_app, server) = retriever(&origin);
    let kept = json!({ "address": server.origin, "token": "of-aldric" });
    let page = player(&browser, &kept);
    assert_eq!(run(&page, &format!("{origin}/view")), "retriever: Job done (1)");
    let sent = page.requests().into_iter().find(|request| request["method"] == "POST").unwrap();
    assert_eq!(sent["url"], format!("{}/view", server.origin));
    let headers = sent["headers"].as_object().unwrap();
    let header =
        |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    assert_eq!(header("authorization"), Some(&json!("Basic of-aldric")));

    let rows = async |path: &str| {
        let mut rows = server.get(path).header("Authorization", "Basic of-aldric").await.has(200).json();
        for row in rows.as_array_mut().unwrap() {
            assert_eq!(row["user"], "Aldric", "{path}");
            row.as_object_mut().unwrap().retain(|field, _| field != "user" && field != "date" && field != "data");
        }
        rows
    };
    assert_eq!(
        rows("/rest/v1/tiles?order=x").await,
        json!([{ "x": 10, "y": -4, "type": "Plaine" }, { "x": 11, "y": -4, "type": "Océan" }])
    );
    let place = json!([{ "id": 3, "level": 2, "name": "Taverne", "townId": 7, "townName": "Port-aux-Brumes", "x": 10, "y": -4 }]);
    assert_eq!(rows("/rest/v1/places").await, place);
    let aldric = json!([{
        "id": 1, "level": 13, "name": "Aldric", "wounds": null, "guildId": 1, "guildName": "Les Veilleurs", "x": 10, "y": -4,
    }]);
    assert_eq!(rows("/rest/v1/pcs").await, aldric);
    let wolf = json!([{ "id": 9, "level": 1203, "name": "Loup", "wounds": "égratigné", "x": 10, "y": -4 }]);
    assert_eq!(rows("/rest/v1/npcs").await, wolf);
    assert_eq!(
        rows("/rest/v1/resources?select=level,name,x,y,user").await,
        json!([{ "level": 2, "name": "Fer", "x": 10, "y": -4 }])
    );
    assert_eq!(rows("/rest/v1/objects").await, json!([{ "id": 5, "name": "Corde", "x": 10, "y": -4 }]));
    assert_eq!(rows("/rest/v1/jsons").await, json!([{ "id": 1 }]), "the post as it came");

    assert_eq!(run(&page, &format!("{origin}/character")), "retriever: Job done (1)");
    let infos = rows("/rest/v1/pcsInfos?select=id,name,race,img,dla,pas,pos,xp,xpMax,user").await;
    let known = json!({
        "id": 1, "name": "Aldric", "race": "Nain", "img": "data:,", "dla": "12:00", "pas": 6, "pos": "10, -4", "xp": 1250, "xpMax": 2000,
    });
    assert_eq!(infos, json!([known]));
    assert_eq!(run(&page, &format!("{origin}/guild")), "retriever: Job done (2)");
    let caracs = rows("/rest/v1/pcsCaracs?select=id,name,pv,pvMax,pc,user&order=id").await;
    assert_eq!(
        caracs,
        json!([
            { "id": 1, "name": "Aldric", "pv": 40, "pvMax": 55, "pc": 12 },
            { "id": 2, "name": "Bérénice", "pv": null, "pvMax": null, "pc": 8 },
        ])
    );
    assert_eq!(page.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_script_without_a_token_asks_for_one_and_what_is_refused_is_told() {
    let Some(browser) = Browser::start() else { return };
    let origin = game();
    let (_app, server) = retriever(&origin);
    let view = format!("{origin}/view");
    let address = &server.origin;
    let page = player(&browser, &json!({ "address": address }));
    assert_eq!(run(&page, &view), "retriever: no token yet: see the script's menu");
    assert!(page.requests().iter().all(|request| request["method"] == "GET"), "nothing is sent without one");
    // What its menu asks for is kept, without a slash at the address's end.
    let answers = json!([format!("{address}/"), " of-aldric "]);
    page.evaluate(&format!("{{ const answers = {answers}; window.prompt = () => answers.shift(); menu(); }}"));
    assert_eq!(page.evaluate("[GM_getValue('address'), GM_getValue('token')]"), json!([address, "of-aldric"]));

    let page = player(&browser, &json!({ "address": address, "token": "of-nobody" }));
    let said = run(&page, &view);
    assert!(said.contains("token") && !said.contains("Job done"), "{said}");

    // A page of an origin that the manifest does not name.
    let page = player(&browser, &json!({ "address": address, "token": "of-aldric" }));
    let said = run(&page, &format!("{}/view", game()));
    assert_eq!(said, format!("retriever: {address} does not answer"));
    page.wait_for_fault("CORS");
    let stored = server.get("/rest/v1/jsons").header("Authorization", "Basic of-aldric").await;
    stored.is(200, json!([]));
}
