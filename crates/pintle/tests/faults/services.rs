//! Two services of an app as processes that share one SQLite file, of which one after the other is killed.

use crate::client::Client;
use crate::common::{App, Server};
use crate::record::{self, MANIFEST, Writers};

/// What each of them exposes.
const SERVICES: [&str; 2] = ["records", "more"];
/// How often one of them is killed.
const KILLS: usize = 20;
const WRITERS: usize = 4;

/// An app of two collections that are alike, each a service's.
fn app() -> App {
    let (before, records) = MANIFEST.split_once("  records:").expect("a collection");
    let more = records.replace("/records", "/more");
    App::of(&format!(
        "{before}  records:{records}  more:{more}services:\n  records: {{ collections: [records] }}\n  more: {{ collections: [more] \
         }}\n"
    ))
}

fn serve(app: &App, at: usize) -> Server {
    app.serve_with(&["--service", SERVICES[at]])
}

#[test]
fn what_a_killed_service_answered_is_there_and_the_other_goes_on() {
    let app = app();
    let token = app.token("writer", "authenticated");
    // At once, on a file that is not there yet.
    let mut servers = std::thread::scope(|scope| {
        let starting = [0, 1].map(|at| {
            scope.spawn({
                let app = &app;
                move || serve(app, at)
            })
        });
        starting.map(|server| server.join().expect("a server starts"))
    });
    let start = |server: &Server, at: usize, round| Writers::start_in(SERVICES[at], server, &token, round, WRITERS);
    let mut writers = [0, 1].map(|at| start(&servers[at], at, 0));
    let mut answered = [const { std::collections::BTreeSet::new() }; 2];
    for kill in 1..=KILLS {
        for writers in &writers {
            // Each of them comes to write, however busy the other is; and any other answer than 201 ends a writer in a panic.
            writers.wait_for(5 + kill * 7 % 30);
        }
        let victim = kill % 2;
        servers[victim].kill();
        answered[victim].extend(std::mem::replace(&mut writers[victim], Writers::none()).join());
        writers[1 - victim].wait_for(5);
        servers[victim] = serve(&app, victim);
        writers[victim] = start(&servers[victim], victim, kill);
    }
    servers.iter_mut().for_each(Server::kill);
    let server = app.serve();
    for (at, (writers, mut answered)) in writers.into_iter().zip(answered).enumerate() {
        answered.extend(writers.join());
        record::check(&Client::of(&server, &token).list(&format!("/{}", SERVICES[at])), &answered);
        assert!(answered.len() > KILLS, "{} wrote next to nothing", SERVICES[at]);
    }
}
