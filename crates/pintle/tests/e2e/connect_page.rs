//! The page of `apps/connect` in a browser: people, whom each has met, the plan, the day as it goes by.

use pintle_testbed::{Browser, Page};
use serde_json::{Value, json};

use crate::common::{App, Place, Server};

/// An event of one hall, where Ada met Bob at Alder Maps, and missed Eve at Birch Bank by an hour.
struct Event {
    app: App,
    server: Server,
    /// Where the API is.
    api: String,
    /// Where the page is.
    page: String,
}

/// A place so many metres east and north of the hall's south-west corner, in degrees.
fn degrees(east: f64, north: f64) -> (f64, f64) {
    (11.0 + east / 72_520.0, 49.4 + north / 111_220.0)
}

fn point(east: f64, north: f64) -> Value {
    let (longitude, latitude) = degrees(east, north);
    json!({ "type": "Point", "coordinates": [longitude, latitude] })
}

fn place(person: i64, time: &str, east: f64, north: f64) -> Value {
    let (longitude, latitude) = degrees(east, north);
    json!({ "person_id": person, "longitude": longitude, "latitude": latitude, "creation_time": format!("2020-03-04T{time}:00Z") })
}

impl Event {
    /// One process, with the page and the API at ports of their own.
    async fn at_two_ports(change: impl Fn(&str) -> String) -> Event {
        let app = App::shipped("connect");
        Event::changed(&app, |text| change(&text.replace("*:30001", "*:*")));
        let server = app.serve();
        for service in ["persons", "page"] {
            server.has_logged(&format!("\"services\":\"{service}"));
        }
        let log: Vec<Value> = server.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let address = |service: &str| {
            let found = log.iter().find(|line| line["services"].as_str().is_some_and(|names| names.contains(service)));
            format!("http://{}", found.unwrap()["address"].as_str().unwrap())
        };
        let (api, page) = (address("persons"), address("page"));
        let port = api.rsplit(':').next().unwrap();
        std::fs::write(app.file("public/settings.json"), json!({ "api": ["", format!(":{port}")] }).to_string())
            .unwrap();
        let event = Event { app, server, api, page };
        event.fill().await;
        event
    }

    /// A process for each service, behind a gateway.
    async fn behind_a_gateway(place: Place) -> Event {
        let app = App::shipped("connect").on(place);
        let server = app.serve();
        let event = Event { api: server.origin.clone(), page: server.origin.clone(), app, server };
        event.fill().await;
        event
    }

    fn changed(app: &App, change: impl Fn(&str) -> String) {
        let file = app.file("pintle.yaml");
        let text = std::fs::read_to_string(file).unwrap();
        app.manifest(&change(&text));
    }

    async fn post(&self, path: &str, rows: Value, token: &str) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut asked = client.post(format!("{}{path}", self.api));
        if !token.is_empty() {
            asked = asked.bearer_auth(token);
        }
        let body = rows.to_string();
        let answer = asked.header("content-type", "application/json").body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {} {}", answer.status(), answer.text().await.unwrap());
    }

    async fn fill(&self) {
        let token = self.app.token("builder", "service_role");
        let corners = [(0.0, 0.0), (100.0, 0.0), (100.0, 60.0), (0.0, 60.0), (0.0, 0.0)];
        let ring: Vec<Value> =
            corners.iter().map(|(east, north)| point(*east, *north)["coordinates"].clone()).collect();
        let outline = json!({ "type": "Polygon", "coordinates": [ring] });
        let hall = json!({ "id": 1, "name": "Hall A", "use": "stands", "outline": outline, "at": point(50.0, 30.0) });
        self.post("/rest/v1/halls", hall, &token).await;
        let booths = [("Alder Maps", 20.0), ("Birch Bank", 80.0)].into_iter().zip(1..);
        let booths =
            booths.map(|((name, east), id)| json!({ "id": id, "hall": 1, "name": name, "at": point(east, 30.0) }));
        self.post("/rest/v1/booths", booths.collect(), &token).await;
        let talk = json!({ "id": 1, "booth": 2, "title": "Lamps at scale", "starts_at": "2020-03-04T11:00:00Z",
            "ends_at": "2020-03-04T11:45:00Z" });
        self.post("/rest/v1/talks", talk, &token).await;
        let people =
            [("Ada", "Abel", "Alder Maps"), ("Bob", "Brandt", "Birch Bank"), ("Eve", "<b>Costa</b>", "Lumen & Co")];
        for (first_name, last_name, company_name) in people {
            let person = json!({ "first_name": first_name, "last_name": last_name, "company_name": company_name });
            self.post("/api/persons", person, &token).await;
        }
        for told in [
            place(1, "10:00", 20.0, 26.0),
            place(2, "10:05", 22.0, 26.0),
            place(1, "10:30", 80.0, 26.0),
            place(3, "11:35", 81.0, 27.0),
        ] {
            self.post("/api/locations", told, &token).await;
        }
    }

    /// The page, once it shows the day.
    fn open(&self, browser: &Browser, (width, height): (u32, u32), hash: &str) -> Page {
        let page = browser.page(width, height);
        page.open(&format!("{}/{hash}", self.page));
        page.wait("document.body.classList.contains('ready')");
        page
    }
}

/// The colour of the plan at a part of its width and height, once what was asked for is drawn.
fn colour(page: &Page, across: f64, down: f64) -> Value {
    page.evaluate(&format!(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {{ const map = document.getElementById('map'); \
         const copy = document.createElement('canvas'); [copy.width, copy.height] = [map.width, map.height]; \
         const to = copy.getContext('2d', {{ willReadFrequently: true }}); to.drawImage(map, 0, 0); \
         done([...to.getImageData(map.width * {across}, map.height * {down}, 1, 1).data].slice(0, 3)); }})))"
    ))
}

fn clock_is(page: &Page, time: &str) {
    page.wait(&format!("document.getElementById('clock').value === '{time}'"));
}

const ADA: &str = "#people li:nth-child(1) button";

#[tokio::test]
async fn a_person_s_card_tells_whom_they_met_where_and_when_and_follows_the_phones() {
    let Some(browser) = Browser::start() else { return };
    let event = Event::at_two_ports(str::to_owned).await;
    let page = event.open(&browser, (1200, 800), "");
    assert_eq!(page.evaluate("document.getElementById('date').value"), "2020-03-04");
    assert_eq!(page.text("#count"), "3 people");
    assert_eq!(page.text("#fresh"), "4 places, last at 11:35");
    page.click(ADA);
    page.wait("document.getElementById('met')?.innerText === 'Met 1 person'");
    for part in
        ["Ada Abel", "Alder Maps", "10:00–10:30", "2 places", "60 m or more", "Bob Brandt", "10:05 Hall A · Alder Maps"]
    {
        assert!(page.text("#person").contains(part), "{part} in {}", page.text("#person"));
    }
    // Who was there at another time is told apart. A name is a text, whatever stands in it.
    page.click("#person summary");
    let missed = page.text("#person details");
    for part in ["Just missed 1 more", "Eve <b>Costa</b>", "11:35 Hall A · Birch Bank"] {
        assert!(missed.contains(part), "{part} in {missed}");
    }
    page.click("#person .stay");
    clock_is(&page, "10:05");
    page.wait("location.hash === '#day=2020-03-04&time=10:05&person=1'");

    // Eve's phone tells late that she was there too.
    event.post("/api/locations", place(3, "10:28", 81.0, 25.0), "").await;
    page.wait("document.getElementById('met').innerText === 'Met 2 people'");
    assert!(page.text("#person .met").contains("10:30 Hall A · Birch Bank"), "{}", page.text("#person"));
    clock_is(&page, "10:05");
    // Somebody new comes on another day, which who follows the phones sees at once.
    page.click("#live");
    let person = json!({ "first_name": "Finn", "last_name": "Fox", "company_name": "Alder Maps" });
    event.post("/api/persons", person, "").await;
    let mut told = place(4, "09:00", 20.0, 20.0);
    told["creation_time"] = "2020-03-05T09:00:00Z".into();
    event.post("/api/locations", told, "").await;
    page.wait("document.getElementById('fresh').innerText === '1 place, last at 09:00'");
    page.click(".back");
    page.click("#find");
    page.type_text("alder fi");
    page.wait("document.getElementById('count').innerText === '1 person'");
    assert_eq!(page.evaluate("document.getElementById('live').ariaPressed"), "true");
    page.click("#earlier");
    page.wait("document.getElementById('date').value === '2020-03-04'");
    assert_eq!(page.evaluate("document.getElementById('live').ariaPressed"), "false", "it looks at what is past");
    assert_eq!(page.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_phone_whose_clock_is_wrong_leads_nobody_there() {
    let Some(browser) = Browser::start() else { return };
    let event = Event::at_two_ports(str::to_owned).await;
    for time in ["9999-12-31T09:00:00Z", "2099-01-01T00:00:00Z"] {
        let mut told = place(1, "10:00", 20.0, 20.0);
        told["creation_time"] = time.into();
        event.post("/api/locations", told, "").await;
    }
    // Of these days there is none, but the last of all.
    for (hash, day, fresh) in [
        ("", "2020-03-04", "4 places, last at 11:35"),
        ("#day=2020-13-45", "2020-03-04", "4 places, last at 11:35"),
        ("#day=0000-00-00", "2020-03-04", "4 places, last at 11:35"),
        ("#day=2020-02-31", "2020-03-04", "4 places, last at 11:35"),
        ("#day=9999-12-31", "9999-12-31", "1 place, last at 09:00"),
    ] {
        let page = event.open(&browser, (1200, 800), hash);
        assert_eq!(page.evaluate("document.getElementById('date').value"), day, "{hash}");
        assert_eq!(page.text("#fresh"), fresh, "{hash}");
        assert_eq!(page.evaluate("document.getElementById('live').ariaPressed"), "false", "{hash}");
        page.click("#live");
        page.wait("document.getElementById('date').value === '2020-03-04'");
        clock_is(&page, "11:35");
        assert_eq!(page.faults(), Vec::<String>::new(), "{hash}");
    }
}

#[tokio::test]
async fn a_long_name_stays_within_the_card_and_the_plan() {
    let Some(browser) = Browser::start() else { return };
    let event = Event::at_two_ports(str::to_owned).await;
    let person = json!({ "first_name": "A".repeat(200), "last_name": "b", "company_name": "c".repeat(200) });
    event.post("/api/persons", person, "").await;
    event.post("/api/locations", place(4, "10:05", 20.0, 26.0), "").await;
    let page = event.open(&browser, (1200, 800), "#day=2020-03-04&time=10:05");
    let wide = "[...document.querySelectorAll('#panel, #people button')].filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.outerHTML)";
    assert_eq!(page.evaluate(wide), json!([]));
    page.click("#people li:nth-child(1) button");
    page.wait("document.querySelector('#person h2')?.innerText.startsWith('AAAA')");
    assert_eq!(page.evaluate(wide), json!([]));
}

#[tokio::test]
async fn behind_a_gateway_all_is_asked_at_the_page_s_own_address() {
    one_address(Place::SqliteServices).await;
}

#[tokio::test]
async fn behind_a_gateway_it_is_the_same_on_postgres() {
    one_address(Place::PostgresServices).await;
}

async fn one_address(place: Place) {
    let Some(browser) = Browser::start() else { return };
    let event = Event::behind_a_gateway(place).await;
    let page = event.open(&browser, (1200, 800), "#day=2020-03-04&person=1");
    page.wait("document.getElementById('met')?.innerText === 'Met 1 person'");
    for request in page.requests() {
        let url = request["url"].as_str().unwrap();
        assert!(url.starts_with(&event.server.origin) || url.starts_with("data:"), "{url}");
    }
    assert_eq!(page.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn the_day_is_replayed_by_keys_alone_in_light_and_in_dark() {
    let Some(browser) = Browser::start() else { return };
    let event = Event::at_two_ports(str::to_owned).await;
    let page = event.open(&browser, (1200, 800), "#day=2020-03-04&time=10:50");
    page.wait("document.getElementById('said').innerText.startsWith('10:50: 1 person. Hall A 1')");
    page.evaluate("document.getElementById('slider').focus()");
    page.press("ArrowRight");
    clock_is(&page, "10:51");
    assert_eq!(page.evaluate("document.getElementById('slider').getAttribute('aria-valuetext')"), "10:51");
    page.evaluate("document.getElementById('map').focus()");
    page.press(" ");
    page.wait("document.getElementById('clock').value > '11:20'");
    page.wait("document.getElementById('on-stage').innerText === '(1)'");
    page.press(" ");
    assert_eq!(page.evaluate("document.getElementById('play').ariaPressed"), "false");

    // Between the booths there is nothing but the floor; beside the hall, the ground.
    let (light, ground) = (colour(&page, 0.5, 0.4), colour(&page, 0.5, 0.99));
    assert_ne!(light, ground);
    page.prefer_dark(true);
    page.wait("getComputedStyle(document.body).backgroundColor === 'rgb(19, 27, 36)'");
    assert_ne!(colour(&page, 0.5, 0.4), light);
    for _ in 0..4 {
        page.press("+");
    }
    assert_eq!(colour(&page, 0.5, 0.99), colour(&page, 0.5, 0.4), "from close by, all is floor");
    page.press("0");
    assert_ne!(colour(&page, 0.5, 0.99), colour(&page, 0.5, 0.4));
    assert_eq!(page.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn on_a_telephone_the_plan_is_moved_by_fingers_and_nothing_is_wider_than_it() {
    let Some(browser) = Browser::start() else { return };
    let event = Event::at_two_ports(str::to_owned).await;
    let page = event.open(&browser, (360, 740), "#day=2020-03-04&time=10:05");
    assert_eq!(page.evaluate("document.documentElement.scrollWidth"), 360);
    let (floor, ground) = (colour(&page, 0.5, 0.4), colour(&page, 0.5, 0.97));
    assert_ne!(floor, ground);
    page.fingers(&[&[(180.0, 150.0), (180.0, 250.0)], &[(180.0, 80.0), (180.0, 380.0)]]);
    assert_eq!(colour(&page, 0.5, 0.97), floor, "what was near is far apart now");
    page.fingers(&[&[(180.0, 380.0)], &[(180.0, 240.0)], &[(180.0, 80.0)]]);
    assert_eq!(colour(&page, 0.5, 0.97), ground, "moved up");
    page.click("[data-zoom=all]");
    assert_eq!(colour(&page, 0.5, 0.4), floor);

    // Ada stands at a fifth of the hall's width: a finger needs not be exact.
    let box_of = page.evaluate(
        "[document.getElementById('map').getBoundingClientRect()].map(({ x, y, height }) => [x, y, height])[0]",
    );
    let part = |at: usize| box_of[at].as_f64().unwrap();
    let (across, down) = (part(0) + 16.0 + 0.2 * 328.0, part(1) + (part(2) - 54.0 - 44.0) / 2.0 + 54.0 + 0.04 * 328.0);
    page.fingers(&[&[(across, down + 12.0)]]);
    page.wait("document.querySelector('#person h2')?.innerText === 'Ada Abel'");
    assert_eq!(page.evaluate("document.documentElement.scrollWidth"), 360);
    assert_eq!(page.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn where_places_are_not_for_everybody_a_token_is_asked_for() {
    let Some(browser) = Browser::start() else { return };
    let private = std::fs::read_to_string(crate::common::shipped("connect").join("private.yaml")).unwrap();
    let event = Event::at_two_ports(|_| private.replace("*:30001", "*:*")).await;
    let token = event.app.token_of("ada", "authenticated", Some("ada"));
    let ada = json!({ "first_name": "Ada", "last_name": "Lind", "company_name": "Alder Maps" });
    event.post("/api/persons", ada, &token).await;
    event.post("/api/locations", place(4, "10:00", 20.0, 26.0), &token).await;

    let page = browser.page(900, 700);
    page.open(&event.page);
    page.wait("!document.getElementById('enter').hidden && document.activeElement.id === 'token'");
    page.type_text("nobody's");
    page.press("Enter");
    page.wait("document.getElementById('refused').innerText !== ''");
    assert_eq!(page.evaluate("sessionStorage.length"), 0);
    page.type_text(&token);
    page.press("Enter");
    page.wait("document.getElementById('fresh').innerText === '1 place, last at 10:00'");
    assert!(page.faults().iter().all(|fault| fault.contains("401")), "{:?}", page.faults());
}

#[tokio::test]
async fn a_map_is_drawn_below_the_plan_where_a_server_of_tiles_is_named() {
    let Some(browser) = Browser::start() else { return };
    let event = Event::behind_a_gateway(Place::SqliteServices).await;
    let settings = json!({ "api": [""], "tiles": "/icon.svg?z={z}&x={x}&y={y}", "attribution": "© somebody" });
    std::fs::write(event.app.file("public/settings.json"), settings.to_string()).unwrap();
    let page = event.open(&browser, (900, 700), "#day=2020-03-04");
    assert_eq!(page.text("#attribution"), "© somebody");
    // At this place and this zoom, the tiles' numbers are these.
    page.wait("performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/icon.svg?z=19&x=278164&y=179159'))");
    assert_eq!(page.faults(), Vec::<String>::new());
}
