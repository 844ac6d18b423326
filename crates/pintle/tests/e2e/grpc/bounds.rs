//! What a caller can make a server hold.

use std::io::Write as _;

use futures_util::stream;
use http_body_util::BodyExt as _;
use tonic::Code;

use super::body::Endless;
use super::client::With;
use super::{TAKE, count, memory, served};
use crate::common::Place;

pub(crate) async fn what_is_compressed_takes_no_more_memory(place: Place) {
    let (_app, server, client) = served(place).await;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        let whole = encoder.finish().unwrap();
        [&[1][..], &u32::try_from(whole.len()).unwrap().to_be_bytes(), &whole].concat()
    };
    let one = gzip(&client.place_with_id(1, &"x".repeat(1_000_000)));
    // All of them come at once, as a gateway passes them on.
    let send = async |times: u8| {
        let http1 = reqwest::Client::builder().http1_only().build().unwrap();
        let request = http1.post(format!("{}{TAKE}", server.origin)).header("content-type", "application/grpc");
        let request = request.header("te", "trailers").header("grpc-encoding", "gzip");
        let answer = request.body(one.repeat(times.into())).send().await.unwrap();
        let summary = answer.bytes().await.unwrap();
        // So many records, and as many stored.
        assert_eq!(summary.get(5..), Some(&[8, times, 16, times][..]), "{summary:?}");
    };
    send(3).await;
    let before = memory(&server, "VmHWM:");
    send(100).await;
    let grown = memory(&server, "VmHWM:") - before;
    assert!(grown < 24, "of 100 MB it kept {grown} MB");
    assert_eq!(count(&server).await, "1");
}

pub(crate) async fn what_anybody_may_ask_is_small_and_is_answered_soon(place: Place) {
    let (_app, server, client) = served(place).await;
    let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let status = client.raw(reflection, vec![vec![0; 2000]]).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "the message has more than 1024 bytes"));
    // A question without an end.
    let http2 = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let request = http2.post(format!("{}/grpc.health.v1.Health/Check", server.origin));
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    let answer = request.body(reqwest::Body::wrap(Endless(Some(vec![0; 5])))).send().await.unwrap();
    let read = reqwest::Body::from(answer).collect().await.unwrap();
    assert_eq!(read.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(read.to_bytes()[..], [0, 0, 0, 0, 2, 8, 1]);
}

pub(crate) async fn what_is_too_much_is_refused_with_a_time_to_wait(place: Place) {
    let (_app, server, client) = served(place).await;
    let records = |from: u64| stream::iter((from..from + 500).map(|n| client.place_with_id(n, "")).collect::<Vec<_>>());
    let (mut stored, mut refused, mut from) = (0, 0, 0);
    let deadline = std::time::Instant::now() + crate::common::PATIENCE;
    while refused == 0 || stored == 0 {
        assert!(std::time::Instant::now() < deadline, "{stored} were taken, {refused} refused");
        let calls =
            (0..8).map(|n| client.take("/phones.NarrowPipeline/Take", records(from + n * 500), With::default()));
        for answer in futures_util::future::join_all(calls).await {
            match answer {
                Ok(summary) => stored += summary["stored"].as_u64().unwrap(),
                Err(status) => {
                    assert_eq!(status.code(), Code::ResourceExhausted);
                    assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1000");
                    let details = String::from_utf8_lossy(status.details()).into_owned();
                    assert!(details.contains("type.googleapis.com/google.rpc.RetryInfo"), "{details}");
                    refused += 1;
                }
            }
        }
        from += 4000;
    }
    assert_eq!(count(&server).await, stored.to_string());
}
