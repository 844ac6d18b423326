//! A page of the tests' own, as a person would use it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::Browser;

const PAGE: &str = "<!doctype html><meta http-equiv=content-security-policy content=\"default-src 'self'; img-src data:; script-src \
     'unsafe-inline'\"><title>Try</title><link rel=icon href=data:,><input id=name><button>Greet</button><p></p><script>\
     document.querySelector('button').addEventListener('click', () => setTimeout(() => { \
     document.querySelector('p').textContent = 'Hello ' + document.querySelector('input').value; }, 50)); \
     addEventListener('keydown', ({ key }) => { document.title = key; });</script>";

/// Answers each request with the page. Its address.
fn site() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            // What is asked does not matter; a connection that is opened for later says nothing.
            std::thread::spawn(move || {
                if stream.read(&mut head).is_ok_and(|read| read > 0) {
                    let length = PAGE.len();
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
                    let _ = write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{PAGE}");
                }
            });
        }
    });
    address
}

#[test]
fn a_page_is_typed_into_clicked_and_looked_at_and_its_faults_are_told() {
    let Some(browser) = Browser::start() else { return };
    let page = browser.page(300, 200);
    page.open(&site());
    page.click("#name");
    page.type_text("Ann");
    page.press("ArrowLeft");
    page.wait("document.title === 'ArrowLeft'");
    page.click("button");
    page.wait("document.querySelector('p').textContent");
    assert_eq!(page.text("p"), "Hello Ann");
    assert_eq!(page.evaluate("Promise.resolve([innerWidth, innerHeight])"), serde_json::json!([300, 200]));
    assert_eq!(page.faults(), Vec::<String>::new());

    let file = std::env::temp_dir().join(format!("pintle-browser-{}.png", std::process::id()));
    page.screenshot(&file);
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"IEND\xaeB`\x82"), "{} bytes", bytes.len());

    page.evaluate(
        "document.body.append(Object.assign(new Image(), { src: 'http://other.example/a.png' })); console.error('oh')",
    );
    page.evaluate("setTimeout(() => { throw new Error('late'); }); 0");
    for part in ["Content Security Policy", "console: oh", "late"] {
        page.wait_for_fault(part);
    }
}
