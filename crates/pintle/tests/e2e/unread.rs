//! Bodies that nobody reads, since their requests are refused before.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::common::{App, PATIENCE, Server};

const LENGTH: usize = 64 << 10;

/// A connection, and a request on it that the server has nothing for, without its body.
fn connected(server: &Server) -> (BufReader<TcpStream>, String) {
    let address = server.origin.trim_start_matches("http://");
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    (BufReader::new(stream), format!("POST /nothing HTTP/1.1\r\nHost: {address}\r\nContent-Length: {LENGTH}\r\n\r\n"))
}

/// Reads the next answer: there is no such path.
fn answer(stream: &mut BufReader<TcpStream>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0, "the connection has ended: {head:?}");
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    assert!(head.starts_with("http/1.1 404 "), "{head}");
}

#[tokio::test]
async fn who_sends_all_of_it_may_ask_again_on_the_same_connection() {
    let server = App::shipped("configs").serve();
    let (mut stream, head) = connected(&server);
    for _ in 0..3 {
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        // Nothing of it is refused by a connection that is gone, which could cost the answer itself.
        stream.get_mut().write_all(&vec![b'x'; LENGTH]).unwrap();
        answer(&mut stream);
    }
}

#[tokio::test]
async fn who_is_still_sending_reads_the_answer_and_may_go_on() {
    let server = App::shipped("configs").serve();
    let (mut stream, head) = connected(&server);
    for _ in 0..3 {
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        answer(&mut stream);
        stream.get_mut().write_all(&vec![b'x'; LENGTH]).unwrap();
    }
}

#[tokio::test]
async fn who_sends_on_and_on_is_not_read_for_ever() {
    let server = App::shipped("configs").serve();
    let (mut stream, head) = connected(&server);
    stream.get_mut().write_all(head.as_bytes()).unwrap();
    answer(&mut stream);
    // Its body never ends, and so the connection does.
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).unwrap_or(0), 0, "{rest:?}");
}
