//! Opening: one server a file, commands beside it, and files that are none of ours.

mod support;

use pintle_model::{Collection, CollectionId};
use pintle_store::{Access, Error, Location, Store};
use support::{Place, configs, get_config, insert_config};

#[test]
fn a_location_is_sqlite_and_a_path() {
    assert_eq!("sqlite:a/b.db".parse::<Location>().unwrap(), Location::Sqlite("a/b.db".into()));
    assert_eq!("sqlite:".parse::<Location>().unwrap_err(), "a store is `sqlite:PATH`: the path is missing");
    assert!("mysql://x".parse::<Location>().is_err());
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused_until_the_first_ends() {
    let place = Place::new(configs());
    let first = place.open();
    let second = Store::open(&place.location(), &place.model, Access::Serve);
    let Err(Error::Open(message)) = second else { panic!("two servers on one file") };
    assert!(message.contains("is served already, by process "), "{message}");
    drop(first);
    place.open();
}

#[test]
fn servers_of_services_share_a_file_but_not_with_a_server_of_all_nor_with_another_of_the_same() {
    let place = Place::new(configs());
    let open = |access: Access| {
        Store::open(&place.location(), &place.model, access).map_err(|error| match error {
            Error::Open(message) => message,
            other => panic!("{other:?}"),
        })
    };
    let service = |name: &str| open(Access::Service(name.to_owned()));
    let (a, b) = (service("a").unwrap(), service("b").unwrap());
    let (path, me) = (place.path(), std::process::id());
    let path = path.display();
    assert_eq!(service("a").unwrap_err(), format!("the service `a` of `{path}` is served already, by process {me}"));
    let all = format!("`{path}` is served already, by process {me} (service `a`) and process {me} (service `b`)");
    assert_eq!(open(Access::Serve).unwrap_err(), all);
    drop(a);
    let a = service("a").unwrap();
    drop((a, b));
    let whole = open(Access::Serve).unwrap();
    assert_eq!(service("a").unwrap_err(), format!("all services of `{path}` are served already, by process {me}"));
    drop(whole);
    service("a").unwrap();
}

#[tokio::test]
async fn servers_of_services_see_at_once_what_others_wrote() {
    let mut model = configs();
    model.collections.push(Collection { name: "others".to_owned(), ..model.collections[0].clone() });
    let place = Place::new(model);
    let open = |name: &str| Store::open(&place.location(), &place.model, Access::Service(name.to_owned())).unwrap();
    let (a, b) = (open("a"), open("b"));
    a.migrate(pintle_store::Consent::Forward).unwrap();
    let mut quiet = 0;
    for n in 0..50 {
        let (before_a, before_b) = (a.changes(CollectionId(0)), b.changes(CollectionId(0)));
        a.write(insert_config(&format!("a{n}"), "[]")).await.unwrap();
        let heard = b.changes(CollectionId(0));
        assert!(a.changes(CollectionId(0)) != before_a && heard != before_b, "write {n}");
        // What it writes itself is no news of others, but for the look that is taken twice a second in any case.
        let other = b.changes(CollectionId(1));
        b.write(insert_config(&format!("b{n}"), "[]")).await.unwrap();
        quiet += usize::from(b.changes(CollectionId(1)) == other);
    }
    assert!(quiet > 0, "each of its own writes was taken for another's");
}

#[test]
fn a_new_file_that_another_one_is_about_to_write_is_waited_for() {
    let place = Place::new(configs());
    let other = place.by_hand();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let (opened, answer) = std::sync::mpsc::channel();
        let place = &place;
        scope.spawn(move || opened.send(Store::open(&place.location(), &place.model, Access::Beside).map(drop)));
        let early = answer.recv_timeout(std::time::Duration::from_millis(100));
        assert!(early.is_err(), "it does not wait: {early:?}");
        other.execute_batch("COMMIT").unwrap();
        answer.recv().unwrap().unwrap();
    });
}

#[test]
fn services_that_start_at_once_on_a_new_file_make_its_tables_once() {
    for _ in 0..10 {
        let place = Place::new(configs());
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let place = &place;
                scope.spawn(move || {
                    let store = Store::open(&place.location(), &place.model, Access::Service(name.to_owned())).unwrap();
                    store.migrate(pintle_store::Consent::Forward).unwrap();
                });
            }
        });
    }
}

#[tokio::test]
async fn a_command_writes_beside_the_server_which_hears_of_it() {
    let place = Place::new(configs());
    let server = place.open();
    server.migrate(pintle_store::Consent::Forward).unwrap();
    server.write(insert_config("a", "[]")).await.unwrap();
    let command = Store::open(&place.location(), &place.model, Access::Beside).unwrap();
    let before = server.changes(CollectionId(0));
    command.write(insert_config("b", "[]")).await.unwrap();
    let heard = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while server.changes(CollectionId(0)) == before {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    heard.await.expect("the server hears of it");
    assert_eq!(server.read(get_config("b")).await.unwrap().len, 1);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let place = Place::new(configs());
    std::fs::write(place.path(), "a shopping list, long enough to hold a header of a hundred bytes".repeat(20))
        .unwrap();
    let Err(Error::Open(message)) = Store::open(&place.location(), &place.model, Access::Serve) else {
        panic!("opened a shopping list")
    };
    assert!(message.contains("is no SQLite database"), "{message}");
    assert!(std::fs::read_to_string(place.path()).unwrap().starts_with("a shopping list"));
}

#[test]
fn the_store_makes_its_folder() {
    let mut place = Place::new(configs());
    place.folder = tempfile::tempdir().unwrap();
    let path = place.folder.path().join("a/b/data.db");
    Store::open(&Location::Sqlite(path.clone()), &place.model, Access::Serve).unwrap();
    assert!(path.exists());
}

#[test]
fn closing_leaves_one_file_with_all_in_it() {
    let place = Place::new(configs());
    drop(place.open());
    let left: Vec<_> = std::fs::read_dir(place.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    assert_eq!(left, ["data.db"]);
}
