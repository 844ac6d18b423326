//! The oracle: plain PostgreSQL with real policies, real grants and real roles.

use pintle_model::Caller;
use pintle_testbed::{Database, Postgres};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::answer::{Answer, Done, Refusal, Tables};
use crate::request::Request;
use crate::sql::{Script, script};
use crate::world::{NOW, World, quoted};

/// What every policy may call, and who asks. `now()` is the request's time, as in Pintle: the session finds this one before
/// PostgreSQL's own.
const SETUP: &str = "
    CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE service_role BYPASSRLS;
    CREATE SCHEMA auth; CREATE SCHEMA moment;
    CREATE FUNCTION auth.claims() RETURNS jsonb STABLE LANGUAGE sql AS
        $$ SELECT current_setting('request.jwt.claims')::jsonb $$;
    CREATE FUNCTION auth.uid() RETURNS text STABLE LANGUAGE sql AS $$ SELECT auth.claims()->>'sub' $$;
    CREATE FUNCTION auth.role() RETURNS text STABLE LANGUAGE sql AS $$ SELECT auth.claims()->>'role' $$;
    CREATE FUNCTION auth.claim(name text) RETURNS text STABLE LANGUAGE sql AS $$ SELECT auth.claims()->>name $$;
    GRANT USAGE ON SCHEMA auth, moment TO anon, authenticated, service_role;
    SET TimeZone = 'UTC';
    SET client_min_messages = warning;
    SET search_path = app, moment, pg_catalog;
";

/// How a request is put to PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As one statement, as PostgREST does.
    Whole,
    /// An array of records as a statement for each.
    Apart,
    /// As one statement, where no field but the key is unique.
    Common,
}

/// A server with the three roles.
pub(crate) struct Rls {
    client: Client,
    _database: Database,
}

impl Rls {
    pub(crate) async fn new(server: &Postgres) -> Rls {
        let database = server.database();
        let client = connect(&database.url).await;
        client.batch_execute(SETUP).await.unwrap();
        let now = format!(
            "CREATE FUNCTION moment.now() RETURNS timestamptz STABLE LANGUAGE sql AS $$ SELECT to_timestamp({}) $$",
            NOW / 1_000_000
        );
        client.batch_execute(&now).await.unwrap();
        Rls { client, _database: database }
    }

    /// Makes the world's tables, and fills them.
    pub(crate) async fn enter(&self, world: &World) {
        let sql = format!(
            "DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app; \
             GRANT USAGE ON SCHEMA app TO anon, authenticated, service_role;\n{}{}",
            world.ddl(),
            world.fill()
        );
        self.client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    }

    /// Runs a request, and takes it back.
    pub(crate) async fn ask(&self, world: &World, caller: &Caller, request: &Request, way: Way) -> Answer {
        let before = self.tables(world).await;
        let begin = format!("BEGIN; {}", if way == Way::Common { world.common() } else { String::new() });
        self.client.batch_execute(&begin).await.unwrap();
        let said = self.run(caller, &script(request, world, way == Way::Apart)).await;
        let (said, tables) = match said {
            Ok(done) => {
                self.client.batch_execute("RESET ROLE").await.unwrap();
                (Ok(done), self.tables(world).await)
            }
            Err(refusal) => (Err(refusal), before.clone()),
        };
        self.client.batch_execute(&format!("ROLLBACK; {}", world.count_on())).await.unwrap();
        let said = said.map(|done| {
            let of = request.of();
            let new = tables[of].len().saturating_sub(before[of].len()) as u64;
            let inserts = matches!(request, Request::Insert { .. } | Request::Put { .. });
            Done { inserted: if inserts { new } else { 0 }, ..done }
        });
        Answer { said, tables }.settled(request.ordered())
    }

    async fn run(&self, caller: &Caller, script: &Script) -> Result<Done, Refusal> {
        let mut claims = serde_json::Map::new();
        claims.insert("role".to_owned(), caller.role.name().into());
        claims.extend(caller.user.iter().map(|user| ("sub".to_owned(), user.as_str().into())));
        claims.extend(caller.claims.iter().map(|(name, claim)| (name.clone(), claim.as_str().into())));
        let claims = quoted(&serde_json::Value::from(claims).to_string());
        let who = format!("SET LOCAL \"request.jwt.claims\" = {claims}; SET LOCAL ROLE {}", caller.role.name());
        self.client.batch_execute(&who).await.unwrap();
        let mut done = Done::default();
        for sql in &script.statements {
            let (rows, affected) = self.one(sql).await?;
            let is_write = !sql.starts_with("SELECT");
            done.affected += if is_write { affected } else { 0 };
            done.rows.extend(rows);
        }
        if let Some(count) = &script.count {
            let (rows, _) = self.one(count).await?;
            done.count = Some(rows[0].parse().unwrap());
        }
        Ok(done)
    }

    /// The first column of a statement's rows, and how many rows it gave or wrote.
    async fn one(&self, sql: &str) -> Result<(Vec<String>, u64), Refusal> {
        let messages = self.client.simple_query(sql).await.map_err(|error| match error.as_db_error() {
            Some(told) => Refusal::of_server(told.code().code(), &format!("{} ({sql})", told.message())),
            None => panic!("{error:?}\n{sql}"),
        })?;
        let (mut rows, mut affected) = (Vec::new(), 0);
        for message in messages {
            match message {
                SimpleQueryMessage::Row(row) => rows.push(row.get(0).unwrap_or_default().to_owned()),
                SimpleQueryMessage::CommandComplete(number) => affected = number,
                _ => {}
            }
        }
        Ok((rows, affected))
    }

    async fn tables(&self, world: &World) -> Tables {
        let mut tables = Vec::new();
        for collection in &world.collections {
            let key: Vec<&str> = collection.fields[..collection.key_len()].iter().map(|f| f.name.as_str()).collect();
            let sql = format!(
                "SELECT row_to_json(each)::text FROM (SELECT * FROM {} ORDER BY {}) each",
                collection.name,
                key.join(", ")
            );
            tables.push(self.one(&sql).await.unwrap().0);
        }
        tables
    }
}

/// A connection that lives as long as its client.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
