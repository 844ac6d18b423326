//! What is told of calls that have ended.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use futures_util::stream;
use tonic::Code;

use super::client::With;
use super::{TAKE, TAKE_EACH, TAKE_SECRETS, served};
use crate::common::{PATIENCE, Place, Server};

/// Sends a record, waits until an answer begins, and is gone.
fn leave_amid_a_call(server: &Server, record: &[u8]) {
    let mut connection = TcpStream::connect(server.origin.strip_prefix("http://").unwrap()).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "Host: localhost\r\nContent-Type: application/grpc\r\nTE: trailers\r\nTransfer-Encoding: chunked";
    let length = u32::try_from(record.len()).unwrap();
    write!(connection, "POST {TAKE_EACH} HTTP/1.1\r\n{head}\r\n\r\n{:x}\r\n", 5 + length).unwrap();
    connection.write_all(&[&[0][..], &length.to_be_bytes(), record, b"\r\n"].concat()).unwrap();
    connection.read_exact(&mut [0; 12]).unwrap();
}

pub(crate) async fn calls_are_counted_and_logged_by_how_they_ended(place: Place) {
    let (_app, server, client) = served(place).await;
    let records = stream::iter(vec![client.place(1, 1.0)]);
    client.take(TAKE, records, With::default()).await.unwrap();
    let refused = client.take(TAKE_SECRETS, stream::empty(), With::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    leave_amid_a_call(&server, &client.place(1, 1.0));
    let counted = |method: &str, service: &str, status: &str| match place {
        Place::Sqlite | Place::Postgres => {
            format!("pintle_grpc_calls_total{{method=\"{method}\",status=\"{status}\"}} 1\n")
        }
        _ => format!("pintle_gateway_grpc_calls_total{{service=\"{service}\",status=\"{status}\"}} 1\n"),
    };
    let wanted = [
        counted(TAKE, "places", "OK"),
        counted(TAKE_SECRETS, "people", "UNAUTHENTICATED"),
        counted(TAKE_EACH, "places", "CANCELLED"),
    ];
    let begun = Instant::now();
    loop {
        let metrics = server.get("/metrics").await.has(200).text;
        // Who has gone amid a message has sent half of one: whichever is noticed first.
        let has =
            |line: &str| metrics.contains(line) || metrics.contains(&line.replace("CANCELLED", "INVALID_ARGUMENT"));
        let Some(missing) = wanted.iter().find(|line| !has(line)) else { break };
        assert!(begun.elapsed() < PATIENCE, "{missing}{metrics}");
    }
    if let Place::Sqlite | Place::Postgres = place {
        for (path, status) in [(TAKE, "OK\""), (TAKE_SECRETS, "UNAUTHENTICATED\""), (TAKE_EACH, "")] {
            server.has_logged(&format!("\"path\":\"{path}\",\"status\":200,\"grpc_status\":\"{status}"));
        }
    } else {
        server.has_logged("\"status\":200,\"grpc_status\":\"UNAUTHENTICATED\",\"service\":\"people\"");
    }
}
