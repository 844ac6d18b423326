//! The controls beside each other: what is measured against them is only worth something if they are right.

use std::net::SocketAddr;
use std::sync::Arc;

use pintle_testbed::Postgres;
use serde_json::Value;
use tokio::net::TcpListener;

use super::{postgres, sqlite};
use crate::driver;
use crate::work::{Grammar, Operation, Work};

const ITEMS: u64 = 2000;

fn work(operation: Operation, token: &str, first: u64) -> Work {
    let headers = format!("Authorization: Bearer {token}\r\n").into();
    Work { operation, grammar: Grammar::Plain, headers, created: Arc::new(first.into()) }
}

async fn ask(address: SocketAddr, work: Work, random: u64) -> anyhow::Result<Value> {
    let body = tokio::task::spawn_blocking(move || driver::ask(address, &work, random)).await??;
    let mut value: Value = serde_json::from_slice(&body)?;
    let items = match &mut value {
        Value::Array(items) => items.iter_mut().collect(),
        item => vec![item],
    };
    for item in items {
        let created = item.as_object_mut().unwrap().remove("created").unwrap();
        created.as_str().unwrap().parse::<jiff::Timestamp>()?;
    }
    Ok(value)
}

#[tokio::test]
async fn both_controls_that_of_sqlite_and_that_of_postgres_answer_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let files = sqlite::prepare(&path, ITEMS).unwrap();
    let database = Postgres::shared().database();
    let server = postgres::Server::prepare(&database.url, "open sesame", ITEMS).await.unwrap();
    let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
    let [first, second] = listeners.map(|listener| {
        listener.set_nonblocking(true).unwrap();
        TcpListener::from_std(listener).unwrap()
    });
    let serving = [
        tokio::spawn(async move { sqlite::serve(first, files, &path).await }),
        tokio::spawn(postgres::serve(second, server)),
    ];
    for operation in [Operation::Read, Operation::List, Operation::Create] {
        for random in [0, 41] {
            let work = || work(operation, "open sesame", ITEMS + random);
            let [files, rows] = addresses.map(|address| ask(address, work(), random));
            let (files, rows) = (files.await.unwrap(), rows.await.unwrap());
            assert_eq!(files, rows, "{}", operation.name());
            let items = rows.as_array().map_or(1, Vec::len);
            assert_eq!(items, if operation == Operation::List { 2 } else { 1 }, "{rows}");
        }
        let refused = ask(addresses[1], work(operation, "open poppy", 5000), 0).await.unwrap_err();
        assert!(refused.to_string().contains(" 401 "), "{refused}");
    }
    let locations = addresses.map(|address| {
        tokio::task::spawn_blocking(move || driver::ask(address, &work(Operation::Location, "", 41), 0))
    });
    let [files, rows] = locations.map(async |location| String::from_utf8(location.await.unwrap().unwrap()).unwrap());
    let (files, rows) = (files.await, rows.await);
    assert_eq!(files, rows);
    assert!(rows.contains(r#""person_id":42,"#), "{rows}");
    let twice = ask(addresses[1], work(Operation::Create, "open sesame", 7), 0).await.unwrap_err();
    assert!(twice.to_string().contains(" 409 "), "{twice}");
    serving.iter().for_each(tokio::task::JoinHandle::abort);
}
