//! Rows, and who sees which, in the plainest words.

use pintle_model::{Caller, Role};

use crate::chance::Chance;

#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: i64,
    name: String,
    team: Option<&'static str>,
    level: Option<i64>,
    score: Option<i64>,
    active: Option<bool>,
    seen: Option<u8>,
    digits: &'static str,
}

#[derive(Debug, Clone)]
struct Post {
    person: i64,
    title: Option<String>,
    likes: Option<i64>,
    data: Option<&'static str>,
    digits: &'static str,
}

#[derive(Debug, Clone)]
struct Mark {
    x: i64,
    y: i64,
    kind: &'static str,
}

/// All rows.
#[derive(Debug, Clone)]
pub(crate) struct World {
    people: Vec<Person>,
    posts: Vec<Post>,
    marks: Vec<Mark>,
}

const WORDS: [&str; 8] = ["7", "12", "ab", "Ärger", "a_b", "", "x%", "zzz"];
const JSONS: [&str; 5] =
    ["{\"a\": 1, \"b\": \"7\"}", "{\"b\": \"x\"}", "[1, 2, 3]", "null", "{\"a\": {\"c\": [true]}}"];

fn maybe<T>(chance: &mut Chance, value: T) -> Option<T> {
    (!chance.percent(15)).then_some(value)
}

impl World {
    /// Rows for one caller: what is hidden from it holds a text that is no number.
    pub(crate) fn new(chance: &mut Chance, caller: &Caller) -> World {
        let small = |chance: &mut Chance, end: usize| i64::try_from(chance.below(end)).unwrap();
        let people = (0..8)
            .map(|id| Person {
                id,
                name: chance.word(&WORDS).to_owned(),
                team: Some(chance.word(&["a", "b", "c"])).filter(|_| !chance.percent(10)),
                level: Some(small(chance, 9) - 2).filter(|_| !chance.percent(10)),
                score: Some(small(chance, 20)).filter(|_| !chance.percent(10)),
                active: Some(chance.percent(60)).filter(|_| !chance.percent(10)),
                seen: Some(u8::try_from(chance.below(4)).unwrap()).filter(|_| !chance.percent(10)),
                digits: chance.word(&["1", "30"]),
            })
            .collect();
        let posts = (0..10)
            .map(|_| {
                let (title, likes, data) = (chance.word(&WORDS).to_owned(), small(chance, 5), chance.word(&JSONS));
                Post {
                    person: small(chance, 9),
                    title: maybe(chance, title),
                    likes: maybe(chance, likes),
                    data: maybe(chance, data),
                    digits: chance.word(&["2", "40"]),
                }
            })
            .collect();
        let marks = (0..9)
            .filter_map(|n| {
                let kind = chance.word(&["sea", "hill", "road"]);
                (!chance.percent(30)).then_some(Mark { x: n / 3, y: n % 3, kind })
            })
            .collect();
        let mut world = World { people, posts, marks };
        let seen = world.seen_by(caller);
        for person in &mut world.people {
            if !seen.people.iter().any(|other| other.id == person.id) {
                person.digits = "hidden";
            }
        }
        for post in &mut world.posts {
            if !seen.people.iter().any(|person| person.id == post.person && person.active == Some(true)) {
                post.digits = "hidden";
            }
        }
        world
    }

    /// What is left of it for a caller.
    pub(crate) fn seen_by(&self, caller: &Caller) -> World {
        let team = caller.claims.get("team").map(String::as_str);
        let seen = |person: &&Person| person.id == 1 || (team.is_some() && person.team == team);
        let people: Vec<Person> = self.people.iter().filter(seen).cloned().collect();
        let by = |post: &&Post| people.iter().any(|person| person.id == post.person && person.active == Some(true));
        let posts = self.posts.iter().filter(by).cloned().collect();
        let marks = if caller.role == Role::Authenticated { self.marks.clone() } else { Vec::new() };
        World { people, posts, marks }
    }

    /// The people whom a caller does not see.
    pub(crate) fn hidden_from(&self, caller: &Caller) -> Vec<i64> {
        let seen = self.seen_by(caller);
        let hidden = |id: &i64| !seen.people.iter().any(|person| person.id == *id);
        self.people.iter().map(|person| person.id).filter(hidden).collect()
    }

    /// Statements that store it in the place of what was there.
    pub(crate) fn inserts(&self) -> Vec<String> {
        let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let or_null = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
        let people = self.people.iter().map(|one| {
            format!(
                "({}, {}, {}, {}, {}, {}, {}, {}, {})",
                one.id,
                text(&one.name),
                or_null(one.team.map(text)),
                or_null(one.level.map(|level| level.to_string())),
                or_null(one.score.map(|score| format!("{}.25", score))),
                or_null(one.active.map(|active| active.to_string())),
                or_null(one.seen.map(|day| format!("'2024-01-0{} 10:00:00'", day + 1))),
                or_null(one.seen.map(|day| format!("'1999-0{}-15'", day + 1))),
                text(one.digits),
            )
        });
        let posts = self.posts.iter().map(|one| {
            format!(
                "({}, {}, {}, {}, {})",
                one.person,
                or_null(one.title.as_deref().map(text)),
                or_null(one.likes.map(|likes| likes.to_string())),
                or_null(one.data.map(text)),
                text(one.digits),
            )
        });
        let marks = self.marks.iter().map(|one| format!("({}, {}, {})", one.x, one.y, text(one.kind)));
        let of = |head: &str, rows: Vec<String>| {
            (!rows.is_empty()).then(|| format!("insert into {head} values {}", rows.join(", ")))
        };
        let people = of("people (id, name, team, level, score, active, seen, born, digits)", people.collect());
        let posts = of("posts (person, title, likes, data, digits)", posts.collect());
        let marks = of("marks (x, y, kind)", marks.collect());
        let empty = ["people", "posts", "marks"].map(|table| format!("delete from {table}"));
        empty.into_iter().chain(people).chain(posts).chain(marks).collect()
    }
}
