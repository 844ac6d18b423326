//! The page at `/map`: what it is made of is served, and nothing of it stands where the policy on content forbids it.

use regex::Regex;
use reqwest::header::HeaderMap;

use super::Game;
use crate::common::Place;

in_every_way!(the_page_and_all_that_it_loads_is_served, the_page_asks_for_nothing_that_its_policy_forbids);

/// A file as a browser gets it: its type, its headers, its text.
async fn file(game: &Game, path: &str) -> (String, HeaderMap, String) {
    let answer = game.server.get(path).await.has(200);
    let kind = answer.header("content-type").split(';').next().unwrap().to_owned();
    (kind, answer.headers, answer.text)
}

async fn the_page_and_all_that_it_loads_is_served(place: Place) {
    let game = Game::on(place);
    let (kind, _, page) = file(&game, "/map/").await;
    assert_eq!(kind, "text/html");
    assert!(page.contains("<canvas"), "{page}");
    // Whoever leaves out the slash gets there too.
    let (_, _, same) = file(&game, "/map").await;
    assert_eq!(same, page);

    let loaded = Regex::new(r#"(?:href|src)="(/[^"]+)""#).unwrap();
    let mut wanted: Vec<String> = loaded.captures_iter(&page).map(|found| found[1].to_owned()).collect();
    let imported = Regex::new(r#"from "\./([a-z]+\.js)""#).unwrap();
    let mut seen = 0;
    while let Some(path) = wanted.get(seen).cloned() {
        seen += 1;
        let (kind, _, text) = file(&game, &path).await;
        let expected = match path.rsplit('.').next().unwrap() {
            "js" => "text/javascript",
            "css" => "text/css",
            _ => "image/svg+xml",
        };
        assert_eq!(kind, expected, "{path}");
        for found in imported.captures_iter(&text).map(|found| format!("/map/{}", &found[1])) {
            if !wanted.contains(&found) {
                wanted.push(found);
            }
        }
    }
    assert!(wanted.len() > 8, "the page's scripts are not where they were thought to be: {wanted:?}");
}

async fn the_page_asks_for_nothing_that_its_policy_forbids(place: Place) {
    let game = Game::on(place);
    let (_, headers, page) = file(&game, "/map/").await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'self'") || policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for inline in [r"<script(?: [^>]*)?>[^<]", r"<style", r"\sstyle=", r"\son[a-z]+=", r"https?://"] {
        assert!(!Regex::new(inline).unwrap().is_match(&page), "{inline} in {page}");
    }
}
