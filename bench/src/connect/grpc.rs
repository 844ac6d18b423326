//! Locations by gRPC: one call, as programs make it that were generated of the protocol.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::location::{self, Location};

/// Messages that are sent at once.
const TOGETHER: usize = 500;
const VARINT: u64 = 0;
const FIXED: u64 = 1;
const BYTES: u64 = 2;

/// Sends so many locations from the one numbered `first` on; how many a second, until all were told to be stored.
///
/// # Errors
/// When not all are stored.
pub(super) fn send(address: SocketAddr, first: u64, records: u64) -> Result<f64> {
    let end = first + records;
    let pieces = (first..end).step_by(TOGETHER).map(move |n| {
        let mut piece = BytesMut::new();
        (n..end).take(TOGETHER).for_each(|n| message(&location::of(n), &mut piece));
        Ok::<_, Infallible>(Frame::data(piece.freeze()))
    });
    let request = Request::post(format!("http://{address}/connect.LocationsPipeline/Take"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(StreamBody::new(stream::iter(pieces)))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        let begun = Instant::now();
        let answer = client.request(request).await.context("the call of gRPC")?.into_body().collect().await?;
        let elapsed = begun.elapsed().as_secs_f64();
        let status = answer.trailers().and_then(|trailers| trailers.get("grpc-status")).cloned();
        let mut all = BytesMut::new();
        for field in [1, 2] {
            tag(field, VARINT, &mut all);
            varint(records, &mut all);
        }
        let summary: Bytes = answer.to_bytes();
        let stored =
            status.is_some_and(|status| status == "0") && summary.get(5..).is_some_and(|s| s.starts_with(&all));
        ensure!(stored, "of {records} records by gRPC not all are stored: {summary:?}");
        Ok(records as f64 / elapsed)
    })
}

/// A location, behind its length.
fn message(location: &Location, out: &mut BytesMut) {
    let Location { id, person, longitude, latitude, seconds } = location;
    let start = out.len();
    // Not compressed; its length is written when it is known.
    out.put_slice(&[0; 5]);
    text(number("id"), id.as_bytes(), out);
    tag(number("person_id"), VARINT, out);
    varint(*person, out);
    for (name, degrees) in [("longitude", longitude), ("latitude", latitude)] {
        tag(number(name), FIXED, out);
        out.put_f64_le(*degrees);
    }
    let mut time = BytesMut::new();
    tag(1, VARINT, &mut time);
    varint(*seconds, &mut time);
    text(number("creation_time"), &time, out);
    let length = u32::try_from(out.len() - start - 5).unwrap_or(u32::MAX);
    out[start + 1..start + 5].copy_from_slice(&length.to_be_bytes());
}

fn text(field: u64, bytes: &[u8], out: &mut BytesMut) {
    tag(field, BYTES, out);
    varint(bytes.len() as u64, out);
    out.put_slice(bytes);
}

fn tag(field: u64, wire: u64, out: &mut BytesMut) {
    varint(field << 3 | wire, out);
}

fn varint(mut value: u64, out: &mut BytesMut) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// A field's number, as `docs/ingest.md` says it.
fn number(name: &str) -> u64 {
    const LOWEST: u32 = 1 << 18;
    const NUMBERS: u32 = (1 << 25) - LOWEST;
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    u64::from(LOWEST + hash % NUMBERS)
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_have_the_numbers_of_the_protocol() {
        let numbers = ["id", "person_id", "longitude", "latitude"].map(super::number);
        assert_eq!(numbers, [27_814_624, 22_040_728, 9_481_038, 26_686_789]);
    }
}
