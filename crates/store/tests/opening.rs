//! Opening: one server a file, commands beside it, and files that are none of ours.

mod support;

use pintle_model::CollectionId;
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

#[tokio::test]
async fn a_command_writes_beside_the_server_which_hears_of_it() {
    let place = Place::new(configs());
    let server = place.open();
    server.migrate(pintle_store::Consent::Forward).unwrap();
    server.write(insert_config("a", "[]")).await.unwrap();
    let command = Store::open(&place.location(), &place.model, Access::Beside).unwrap();
    let before = server.changes(CollectionId(0));
    command.write(insert_config("b", "[]")).await.unwrap();
    let heard = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while server.changes(CollectionId(0)) == before {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    heard.await.expect("the server hears of it within a second");
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
