//! What stands between Pintle and PostgreSQL, and does not pass all on.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pintle_store::{Consent, Error, Store};
use support::Place;
use support::postgres::{self, CONFIGS, configs, insert, number, psql};

/// The version of the protocol, as the first message has it.
const PROTOCOL: [u8; 4] = [0, 3, 0, 0];

/// A transaction's beginning, as it is sent, and one of the same length that PostgreSQL does not understand.
const BEGIN: &[u8] = b"Q\0\0\0\x0aBEGIN\0";
const SPOILT: &[u8] = b"Q\0\0\0\x0aBEGUN\0";

/// A part of what a migration asks first.
const HISTORY: &[u8] = b"model::text, finished_at";

/// What it does with a first message that has `options`, with a transaction's beginning, or with the first migration.
#[derive(Clone, Copy)]
enum Pooler {
    Passes,
    Drops,
    Refuses,
    Spoils,
    Ends,
}

/// Stands between for one connection, until either side ends it.
fn stand_between(mut client: TcpStream, server: &str, pooler: Pooler, ended: &AtomicBool) -> std::io::Result<()> {
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
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = client.read(&mut bytes)?;
        if read == 0 {
            return server.shutdown(Shutdown::Both);
        }
        let find = |what: &[u8]| bytes[..read].windows(what.len()).position(|part| part == what);
        if matches!(pooler, Pooler::Ends) && find(HISTORY).is_some() && !ended.swap(true, Ordering::Relaxed) {
            return server.shutdown(Shutdown::Both);
        }
        let begin = find(BEGIN);
        if let (Pooler::Spoils, Some(at)) = (pooler, begin) {
            bytes[at..at + BEGIN.len()].copy_from_slice(SPOILT);
        }
        server.write_all(&bytes[..read])?;
    }
}

/// The store on the database, with this between.
fn open_through(place: &Place, pooler: Pooler) -> Store {
    let url = &place.database.as_ref().unwrap().url;
    let (user, address) = url.rsplit_once('@').unwrap();
    let (server, name) = address.split_once('/').unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (server, ended) = (server.to_owned(), Arc::new(AtomicBool::new(false)));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, ended) = (server.clone(), Arc::clone(&ended));
            std::thread::spawn(move || stand_between(client, &server, pooler, &ended));
        }
    });
    postgres::open(&format!("{user}@127.0.0.1:{port}/{name}?sslmode=disable"), &place.model)
}

#[tokio::test]
async fn a_pooler_that_drops_or_refuses_the_session_s_settings_is_told_of() {
    let place = postgres::place(configs(), "");
    for (pooler, says) in [
        (Pooler::Passes, None),
        (Pooler::Drops, Some("`search_path` is `\"$user\", public`, not `\"public_pintle_points\",\"public\"`")),
        (Pooler::Refuses, Some("unsupported startup parameter: options")),
    ] {
        let answer = open_through(&place, pooler).read(number("SELECT 1")).await;
        match (says, answer) {
            (None, Ok(_)) => {}
            (Some(says), Err(Error::Open(told))) => {
                assert!(told.contains(says) && told.contains("PgBouncer"), "{told}");
            }
            (_, answer) => panic!("{says:?}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn rows_whose_transaction_does_not_begin_are_not_kept_one_by_one() {
    let place = postgres::place(configs(), CONFIGS);
    let store = open_through(&place, Pooler::Spoils);
    let failed = store.write(insert(&[("a", None), ("b", None)])).await.unwrap_err();
    assert!(format!("{failed:?}").contains("BEGUN"), "{failed:?}");
    assert_eq!(psql(&place, "SELECT count(*) FROM configs"), "0");
    store.write(insert(&[("c", None)])).await.unwrap();
    assert_eq!(psql(&place, "SELECT string_agg(name, ',') FROM configs"), "c");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_begins_anew_where_the_connection_that_was_made_for_it_has_broken() {
    let place = postgres::place(configs(), "");
    open_through(&place, Pooler::Ends).migrate(Consent::Forward).unwrap();
    assert_eq!(psql(&place, "SELECT count(*) FROM configs"), "0");
}
