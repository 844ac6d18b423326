//! What the store adds to the driver: a read by key and an insert, through the store and by the driver alone, on as many
//! connections, as times a second and as processor time of this process. Run by hand: `cargo test --release -p pintle-store --test postgres_speed -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is run by hand, and prints what it measures")]

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use pintle_model::{Type, Value};
use pintle_store::Store;
use support::postgres::{self, CONFIGS, configs, insert};
use support::{Place, inputs, read};
use tokio_postgres::{Client, NoTls, Statement};

const CLIENTS: u64 = 16;
const TIME: Duration = Duration::from_secs(1);
const ROWS: u64 = 1000;

/// A read by key; its plan is made once, as the server's are.
fn get(number: u64) -> pintle_query::Read {
    static PLAN: OnceLock<Arc<pintle_query::ReadPlan>> = OnceLock::new();
    let plan = PLAN.get_or_init(|| {
        let columns = [("name", Type::Text), ("data", Type::Json), ("rank", Type::Integer)];
        let sql = "SELECT name, data, rank FROM configs WHERE name = $1::text";
        let mut plan = read(sql, &columns, vec![Value::Null]).plan;
        Arc::get_mut(&mut plan).unwrap().point = true;
        plan
    });
    pintle_query::Read { plan: Arc::clone(plan), inputs: inputs(vec![Value::Text(format!("n{}", number % ROWS))]) }
}

/// An insert of one row; its plan is made once.
fn put(name: String) -> pintle_query::Write {
    static PLAN: OnceLock<Arc<pintle_query::WritePlan>> = OnceLock::new();
    let plan = Arc::clone(PLAN.get_or_init(|| insert(&[]).plan));
    let row = vec![Value::Text(name), Value::Json("{}".to_owned()), Value::Null];
    let (inputs, rows) = (inputs(Vec::new()), vec![row]);
    pintle_query::Write { plan, inputs, rows, single: false, max_affected: None, rollback: false }
}

/// The processor time of this process, in microseconds.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap() * 10_000.0).sum()
}

/// How fast, and how much work.
#[derive(Clone, Copy)]
struct Rate {
    a_second: f64,
    micros_each: f64,
}

impl Rate {
    fn print(self, what: &str, by_hand: Rate) {
        println!(
            "{what}: {:.0}/s by the store, {:.0}/s by hand: {:.2}; {:.1} µs of processor time, {:.1} by hand: {:.2}",
            self.a_second,
            by_hand.a_second,
            self.a_second / by_hand.a_second,
            self.micros_each,
            by_hand.micros_each,
            self.micros_each / by_hand.micros_each,
        );
    }
}

/// Runs `one` over and over by all clients, each with its own `state`.
async fn rate<S: Send + 'static, F: Future<Output = S> + Send>(
    states: Vec<S>,
    one: impl Fn(S, u64) -> F + Copy + Send + Sync + 'static,
) -> Rate {
    let before = processor();
    let (begun, count) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let clients = states.into_iter().map(|mut state| {
        let count = Arc::clone(&count);
        tokio::spawn(async move {
            while begun.elapsed() < TIME {
                state = one(state, count.fetch_add(1, Ordering::Relaxed)).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let count = count.load(Ordering::Relaxed) as f64;
    Rate { a_second: count / begun.elapsed().as_secs_f64(), micros_each: (processor() - before) / count }
}

/// The driver, by hand: statements that are kept, the same values, the same columns read.
async fn by_hand(place: &Place) -> Vec<(Client, Statement, Statement)> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let url = &place.database.as_ref().unwrap().url;
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("SET synchronous_commit = off").await.unwrap();
        let get = client.prepare("SELECT name, data::text, rank FROM configs WHERE name = $1").await.unwrap();
        let put = "INSERT INTO configs (name, data) VALUES ($1, $2::text::jsonb) RETURNING name, rank";
        let put = client.prepare(put).await.unwrap();
        clients.push((client, get, put));
    }
    clients
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn what_the_store_adds_to_the_driver() {
    let place = postgres::place(configs(), CONFIGS);
    let store = place.open();
    let names: Vec<String> = (0..ROWS).map(|n| format!("n{n}")).collect();
    let rows: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
    store.write(insert(&rows)).await.unwrap();
    for round in 0..9_u64 {
        let stores: Vec<Store> = (0..CLIENTS).map(|_| store.clone()).collect();
        let read = rate(stores.clone(), |store, number| async move {
            assert_eq!(store.read(get(number)).await.unwrap().len, 1);
            store
        });
        let read = read.await;
        let read_by_hand = rate(by_hand(&place).await, |(client, get, put), number| async move {
            let rows = client.query(&get, &[&format!("n{}", number % ROWS)]).await.unwrap();
            let text: (String, String, Option<i64>) = (rows[0].get(0), rows[0].get(1), rows[0].get(2));
            assert!(serde_json::json!({ "name": text.0, "data": text.1, "rank": text.2 }).to_string().len() > 2);
            (client, get, put)
        });
        let read_by_hand = read_by_hand.await;
        read.print("read", read_by_hand);
        let stores: Vec<(Store, u64)> = stores.into_iter().map(|store| (store, round)).collect();
        let write = rate(stores, |(store, round), number| async move {
            store.write(put(format!("s{round}-{number}"))).await.unwrap();
            (store, round)
        });
        let write = write.await;
        let clients = by_hand(&place).await.into_iter().map(|client| (client, round)).collect();
        let write_by_hand = rate(clients, |((client, get, put), round), number| async move {
            let rows = client.query(&put, &[&format!("h{round}-{number}"), &"{}"]).await.unwrap();
            assert_eq!(rows.len(), 1);
            ((client, get, put), round)
        });
        let write_by_hand = write_by_hand.await;
        write.print("insert", write_by_hand);
    }
}
