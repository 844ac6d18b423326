//! `/docs` in a browser: the page works under its own content security policy, and asks the app itself.

use pintle_testbed::Browser;
use serde_json::json;

use crate::common::App;

#[tokio::test]
async fn the_documentation_is_shown_and_tries_requests_out() {
    let Some(browser) = Browser::start() else { return };
    let app = App::shipped("configs");
    let token = app.token("t", "service_role");
    let server = app.serve();
    server.post("/configs", json!({ "name": "Nanette", "data": [] })).token(&token).await.has(201);
    let page = browser.page(1100, 900);
    for path in ["/docs", "/"] {
        page.open(&format!("{}{path}", server.origin));
        page.wait("document.querySelectorAll('.opblock').length > 10");
    }
    assert!(page.text(".info .title").contains("configs"), "{}", page.text(".info"));
    let list = ".opblock-get:has([data-path='/configs'])";
    page.click(&format!("{list} .opblock-summary-control"));
    page.click(&format!("{list} .execute"));
    page.wait(&format!("document.querySelector(\"{list} .live-responses-table\")?.innerText.includes('Nanette')"));
    let asked = |request: &serde_json::Value| {
        request["url"].as_str().is_some_and(|url| url.starts_with(&format!("{}/configs", server.origin)))
    };
    assert_eq!(page.requests().into_iter().filter(asked).count(), 1);
    // On a telephone, and when evening comes.
    page.resize(390, 780);
    assert_eq!(page.evaluate("document.documentElement.scrollWidth <= innerWidth"), json!(true));
    for (dark, ground) in [(true, "rgb(28, 32, 34)"), (false, "rgb(250, 250, 250)")] {
        page.prefer_dark(dark);
        page.wait(&format!("getComputedStyle(document.body).backgroundColor === '{ground}'"));
    }
    assert_eq!(page.faults(), Vec::<String>::new());
}
