//! `pintle health`: whether a server is ready, by the exit code.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::common::{App, finish, pintle, run};

const EMPTY: &str = "pintle: 1\nname: small\n";

#[test]
fn a_server_that_is_ready_ends_it_with_0_and_without_a_word() {
    let app = App::of(EMPTY);
    let server = app.serve();
    let quiet = (0, String::new(), String::new());
    assert_eq!(run(&["health", &server.origin]), quiet);
    assert_eq!(run(&["health", &format!("{}/health/live", server.origin)]), quiet);
    let address = server.origin.trim_start_matches("http://");
    assert_eq!(finish(pintle(&["health"]).env("PINTLE_LISTEN", address)), quiet);
    let everywhere = address.replace("127.0.0.1", "0.0.0.0");
    assert_eq!(finish(pintle(&["health"]).env("PINTLE_LISTEN", everywhere)), quiet);
}

#[test]
fn any_other_ends_it_with_1_and_one_line_that_says_why() {
    let app = App::of(EMPTY);
    let mut server = app.serve();
    let nowhere = format!("{}/nowhere", server.origin);
    let (code, out, err) = run(&["health", &nowhere]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, format!("error: {nowhere} answers 404: there is nothing at /nowhere\n"));

    server.kill();
    let (code, out, err) = run(&["health", &server.origin]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with(&format!("error: {}/health/ready does not answer: ", server.origin)), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn one_that_says_nothing_is_waited_for_for_two_seconds() {
    // The system takes the connection; nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let begun = Instant::now();
    let (code, out, err) = run(&["health", &url]);
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, format!("error: {url}/health/ready does not answer: nothing came within 2 s\n"));
}

#[test]
fn what_is_no_url_of_a_server_is_a_mistake_of_the_command_line() {
    for wrong in ["localhost:8080", "https://example.com"] {
        let (code, _, err) = run(&["health", wrong]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("http://HOST:PORT[/PATH]"), "{err}");
    }
}
