//! `apps/retriever`: what players post, and the map around a tile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::driver::{self, Load, Run};
use crate::fleet::{Fleet, Pintle, Target};
use crate::measure::{CONNECTIONS, Plan, median};
use crate::process::{self, Server};
use crate::progress;
use crate::stores::Another;
use crate::work::{Grammar, Operation, Work};
use crate::world;

/// How long a server and its caches run in before they are measured.
const WARM_UP: Duration = Duration::from_millis(300);
/// What the app knows a player by.
const PLAYER: &str = "of-the-bench";

/// What was found: medians of the rounds.
#[derive(Debug)]
pub(crate) struct Retriever {
    /// Tiles a second, posted one view after another: where nobody was, and where one was.
    pub(crate) view_tiles: [f64; 2],
    /// Lists of the tiles near by, a second: each another, and of a few that are kept.
    pub(crate) near: [f64; 2],
    /// Bare answers of as many bytes.
    pub(crate) static_answers: f64,
    /// Bytes of such a list.
    pub(crate) near_bytes: usize,
}

/// The app, served.
struct Game {
    server: Server,
    /// Header lines of the player.
    headers: Arc<str>,
    /// What was asked for so far: views, and lists of tiles near by.
    asked: [Arc<AtomicU64>; 2],
    // Last: the server uses it.
    store: Another,
}

/// Fills a store and measures. Files lie in `folder`.
pub(crate) fn run(fleet: &Fleet, plan: Plan, folder: &Path) -> Result<Retriever> {
    progress("apps/retriever: making its ground");
    let game = Game::start(fleet, folder)?;
    let near_bytes = game.check()?;
    let (mut near, mut statics) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 1..=plan.rounds {
        let rate = |operation| game.load(operation, CONNECTIONS, plan.time).map(|run| run.per_second());
        near[0].push(rate(Operation::Near)?);
        near[1].push(rate(Operation::NearAgain)?);
        let work = game.work(Operation::Static(near_bytes));
        let load = limit(CONNECTIONS, plan.time);
        statics.push(driver::drive(fleet.server(Target::Bare).address, &work, load)?.per_second());
        progress(&format!(
            "tiles near by {round}/{}  {:.0} a second, kept {:.0}, static answer {:.0}",
            plan.rounds,
            near[0][round - 1],
            near[1][round - 1],
            statics[round - 1],
        ));
    }
    let mut view_tiles = [Vec::new(), Vec::new()];
    for round in 1..=plan.rounds {
        for (operation, found) in [Operation::NewView, Operation::KnownView].into_iter().zip(&mut view_tiles) {
            let run = game.load(operation, 1, plan.time)?;
            let rate = run.per_second() * world::VIEW_TILES as f64;
            progress(&format!(
                "{} {round}/{}  {rate:.0} tiles a second, {:.2} ms, 99 % within {:.2} ms",
                operation.name(),
                plan.rounds,
                run.latency_ms(0.5),
                run.latency_ms(0.99)
            ));
            found.push(rate);
        }
    }
    Ok(Retriever {
        view_tiles: view_tiles.map(median),
        near: near.map(median),
        static_answers: median(statics),
        near_bytes,
    })
}

impl Game {
    /// Serves it with its ground known, and with nothing on it.
    fn start(fleet: &Fleet, folder: &Path) -> Result<Game> {
        let store = fleet.stores.another(folder);
        let binary = fleet.pintle.binary.clone();
        let pintle = Pintle::prepare(binary, "../apps/retriever", store.url.clone(), "service_role")?;
        let address = process::free_address()?;
        let mut command = pintle.serve(address);
        command.env("AUTH_TOKENS", format!(r#"{{"{PLAYER}":"player"}}"#));
        let server = Server::start(command, address)?;
        let asked = [0, 0].map(|count| Arc::new(AtomicU64::new(count)));
        let game = Game { server, headers: format!("Authorization: Basic {PLAYER}\r\n").into(), asked, store };
        let work = Work {
            operation: Operation::Tiles,
            grammar: Grammar::Rest,
            headers: pintle.headers().into(),
            created: Arc::default(),
        };
        let load = Load { connections: 1, time: Duration::from_secs(600), each: world::TILES_REQUESTS };
        driver::drive(address, &work, load)?;
        game.store.settle();
        Ok(game)
    }

    fn work(&self, operation: Operation) -> Work {
        let views = matches!(operation, Operation::NewView | Operation::KnownView);
        Work {
            operation,
            grammar: Grammar::Plain,
            headers: Arc::clone(&self.headers),
            created: Arc::clone(&self.asked[usize::from(!views)]),
        }
    }

    fn load(&self, operation: Operation, connections: u64, time: Duration) -> Result<Run> {
        let work = self.work(operation);
        driver::drive(self.server.address, &work, limit(connections, WARM_UP))?;
        driver::drive(self.server.address, &work, limit(connections, time))
    }

    /// Answers must be what is measured; how long a list of tiles near by is.
    fn check(&self) -> Result<usize> {
        let ask = |operation, random| driver::ask(self.server.address, &self.work(operation), random);
        let list = ask(Operation::NearAgain, 42)?;
        let tiles: Vec<Value> = serde_json::from_slice(&list).context("the list of tiles is no JSON")?;
        ensure!(tiles.len() == world::NEAR_TILES, "{} tiles are near by, not {}", tiles.len(), world::NEAR_TILES);
        ask(Operation::NewView, 0)?;
        Ok(list.len())
    }
}

fn limit(connections: u64, time: Duration) -> Load {
    Load { connections, time, each: u64::MAX }
}
