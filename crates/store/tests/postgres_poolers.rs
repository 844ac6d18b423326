//! A pooler between Pintle and PostgreSQL that does not pass the session's settings on is told of, in words.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use pintle_store::Error;
use support::postgres::{self, configs, number};

/// The version of the protocol, as the first message has it.
const PROTOCOL: [u8; 4] = [0, 3, 0, 0];

/// What it does with a first message that has `options`.
#[derive(Clone, Copy)]
enum Pooler {
    Passes,
    Drops,
    Refuses,
}

/// Stands between for one connection, until either side ends it.
fn stand_between(mut client: TcpStream, server: &str, pooler: Pooler) -> std::io::Result<()> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let mut message = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
    client.read_exact(&mut message)?;
    if message.starts_with(&PROTOCOL) {
        let words: Vec<&[u8]> = message[4..message.len() - 2].split(|&byte| byte == 0).collect();
        let pairs = words.chunks(2).filter(|pair| !matches!(pooler, Pooler::Drops) || pair[0] != b"options");
        let kept: Vec<u8> = pairs.flatten().flat_map(|word| [word, &b"\0"[..]].concat()).collect();
        message = [&PROTOCOL[..], &kept, b"\0"].concat();
        if matches!(pooler, Pooler::Refuses) {
            let told = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
            let length = u32::try_from(told.len() + 4).unwrap().to_be_bytes();
            return client.write_all(&[b"E", &length[..], told].concat());
        }
    }
    let mut server = TcpStream::connect(server)?;
    let length = u32::try_from(message.len() + 4).unwrap().to_be_bytes();
    server.write_all(&[&length[..], &message].concat())?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut client, &mut server);
    server.shutdown(Shutdown::Both)
}

#[tokio::test]
async fn a_pooler_that_drops_or_refuses_the_session_s_settings_is_told_of() {
    let place = postgres::place(configs(), "");
    let url = place.database.as_ref().unwrap().url.clone();
    let (before, address) = url.rsplit_once('@').unwrap();
    let (address, name) = address.split_once('/').unwrap();
    for (pooler, says) in [
        (Pooler::Passes, None),
        (Pooler::Drops, Some("`search_path` is `\"$user\", public`, not `\"public\"`")),
        (Pooler::Refuses, Some("unsupported startup parameter: options")),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = address.to_owned();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || stand_between(client, &server, pooler));
            }
        });
        let store = postgres::open(&format!("{before}@127.0.0.1:{port}/{name}?sslmode=disable"), &place.model);
        let answer = store.read(number("SELECT 1")).await;
        match (says, answer) {
            (None, Ok(_)) => {}
            (Some(says), Err(Error::Open(told))) => {
                assert!(told.contains(says) && told.contains("PgBouncer"), "{told}");
            }
            (_, answer) => panic!("{says:?}: {answer:?}"),
        }
    }
}
