//! Records without end: one request, a line each, sent as fast as they are taken.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Bytes that are sent at once.
const CHUNK_BYTES: usize = 64 << 10;

/// What is sent where.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    /// Header lines of who sends, each with its line's end.
    pub(crate) headers: String,
    /// Appends the nth record.
    pub(crate) write: fn(u64, &mut Vec<u8>),
    /// What each becomes.
    pub(crate) became: &'static str,
}

/// When a stream ends: after so many records, or so long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) records: u64,
    pub(crate) time: Duration,
}

impl Stream {
    /// Sends records from the one numbered `first` on. How many there were, and how many a second, until the last was answered.
    ///
    /// # Errors
    /// When not all became what they should.
    pub(crate) fn send(&self, first: u64, end: End) -> Result<(u64, f64)> {
        let mut stream =
            TcpStream::connect(self.address).with_context(|| format!("cannot connect to {}", self.address))?;
        let begun = Instant::now();
        write!(
            stream,
            "POST {} HTTP/1.1\r\nHost: bench\r\n{}Content-Type: application/x-ndjson\r\nPrefer: return=minimal\r\n\
             Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
            self.path, self.headers
        )?;
        let (mut lines, mut sent) = (Vec::with_capacity(CHUNK_BYTES * 2), 0);
        while sent < end.records && begun.elapsed() < end.time {
            lines.clear();
            while sent < end.records && lines.len() < CHUNK_BYTES {
                (self.write)(first + sent, &mut lines);
                lines.push(b'\n');
                sent += 1;
            }
            write!(stream, "{:x}\r\n", lines.len())?;
            lines.extend_from_slice(b"\r\n");
            stream.write_all(&lines)?;
        }
        stream.write_all(b"0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let all = format!(r#"{{"records":{sent},"{}":{sent},"#, self.became);
        ensure!(
            answer.starts_with("HTTP/1.1 200 ") && answer.contains(&all),
            "of {sent} records not all are {}: {answer}",
            self.became
        );
        Ok((sent, sent as f64 / begun.elapsed().as_secs_f64()))
    }
}
