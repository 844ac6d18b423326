//! The load: keep-alive connections, each with one request under way, on one thread; little work a request.
//!
//! A wrong status or a broken connection ends the run with an error: a server that answers errors fast is not fast.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::work::Work;

/// How long and how wide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: u64,
    pub(crate) time: Duration,
    /// Requests of each connection at the most.
    pub(crate) each: u64,
}

/// What a run found.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) requests: u64,
    pub(crate) elapsed: Duration,
    /// Of each request, in microseconds, in ascending order.
    latencies_us: Vec<u32>,
}

impl Run {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that `share` of the requests stayed below, in milliseconds.
    pub(crate) fn latency_ms(&self, share: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.latencies_us.get(at).map_or(0.0, |&us| f64::from(us) / 1000.0)
    }
}

/// Drives a server, on this thread.
pub(crate) fn drive(address: SocketAddr, work: &Work, load: Load) -> Result<Run> {
    let [run, _] = drive_both(address, [work, work], u64::MAX, load)?;
    Ok(run)
}

/// Drives a server with two kinds of requests, on this thread: one of `each` requests, by chance, is of the second kind. What was
/// found of each kind.
pub(crate) fn drive_both(address: SocketAddr, works: [&Work; 2], each: u64, load: Load) -> Result<[Run; 2]> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let begun = Instant::now();
        let mut connections = JoinSet::new();
        for number in 0..load.connections {
            connections.spawn(connection(address, works.map(Work::clone), each, (number, begun), load));
        }
        let mut found = [Vec::new(), Vec::new()];
        while let Some(ended) = connections.join_next().await {
            for (found, more) in found.iter_mut().zip(ended.context("a connection's task ended early")??) {
                found.extend(more);
            }
        }
        let elapsed = begun.elapsed();
        Ok(found.map(|mut latencies_us: Vec<u32>| {
            latencies_us.sort_unstable();
            Run { requests: latencies_us.len() as u64, elapsed, latencies_us }
        }))
    })
}

/// Asks once, for `random`: the body of the answer.
///
/// # Errors
/// As [`drive`].
pub(crate) fn ask(address: SocketAddr, work: &Work, random: u64) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        let (mut request, mut body, mut answer) = (Vec::new(), Vec::new(), Answer::default());
        work.write(random, &mut request, &mut body);
        stream.write_all(&request).await?;
        answer.read(&mut stream).await?;
        answer.must_be(work, address)?;
        Ok(answer.buffer[answer.head..answer.filled].to_vec())
    })
}

async fn connection(
    address: SocketAddr,
    works: [Work; 2],
    each: u64,
    (number, begun): (u64, Instant),
    load: Load,
) -> Result<[Vec<u32>; 2]> {
    let mut stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (mut request, mut body, mut answer) = (Vec::new(), Vec::new(), Answer::default());
    let mut random = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (mut latencies_us, mut asked) = ([Vec::with_capacity(8192), Vec::new()], 0);
    let (until, mut begun) = (begun + load.time, Instant::now());
    while begun < until && asked < load.each {
        (random, asked) = (next(random), asked + 1);
        let kind = usize::from((random >> 11) % each == each - 1);
        let work = &works[kind];
        work.write(random >> 11, &mut request, &mut body);
        stream.write_all(&request).await?;
        answer.read(&mut stream).await?;
        answer.must_be(work, address)?;
        let ended = Instant::now();
        latencies_us[kind].push(u32::try_from((ended - begun).as_micros()).unwrap_or(u32::MAX));
        begun = ended;
    }
    Ok(latencies_us)
}

/// Xorshift: enough to pick items.
fn next(mut random: u64) -> u64 {
    random ^= random << 13;
    random ^= random >> 7;
    random ^ (random << 17)
}

/// One answer, in a buffer that is kept for the next.
#[derive(Debug)]
struct Answer {
    status: u16,
    buffer: Vec<u8>,
    filled: usize,
    head: usize,
}

impl Default for Answer {
    fn default() -> Answer {
        Answer { status: 0, buffer: vec![0; 32 << 10], filled: 0, head: 0 }
    }
}

impl Answer {
    /// Reads one whole answer.
    ///
    /// # Errors
    /// When the connection ends, or the answer is none that this driver knows.
    async fn read(&mut self, stream: &mut TcpStream) -> Result<()> {
        (self.filled, self.head) = (0, 0);
        let mut whole = usize::MAX;
        while self.filled < whole {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.filled * 2, 0);
            }
            let count = stream.read(&mut self.buffer[self.filled..]).await?;
            if count == 0 {
                bail!("the server closed the connection after {:?}", self.text());
            }
            self.filled += count;
            if self.head == 0
                && let Some(end) = self.buffer[..self.filled].windows(4).position(|four| four == b"\r\n\r\n")
            {
                self.head = end + 4;
                whole = self.head + self.read_head()?;
            }
        }
        Ok(())
    }

    /// An error unless it has the status of the right answer.
    fn must_be(&self, work: &Work, address: SocketAddr) -> Result<()> {
        if self.status != work.status() {
            bail!("{} to {address}: {}", work.operation.name(), self.text());
        }
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.buffer[..self.filled]).into_owned()
    }

    /// Keeps the status; the length of the body.
    fn read_head(&mut self) -> Result<usize> {
        let head = std::str::from_utf8(&self.buffer[..self.head]).context("the answer's head is no text")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        self.status = status.context("the answer has no status")?;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("content-length") {
                return value.trim().parse().context("the answer's length is no number");
            }
        }
        if matches!(self.status, 204 | 304) { Ok(0) } else { bail!("an answer without a length: {head}") }
    }
}

/// Asks until there is an answer, as soon as the server listens.
pub(crate) fn first_answer(address: SocketAddr, request: &str) -> Result<()> {
    use std::io::{Read, Write};
    let begun = Instant::now();
    loop {
        let mut start = [0; 12];
        let asked = std::net::TcpStream::connect(address).and_then(|mut stream| {
            stream.write_all(request.as_bytes())?;
            stream.read_exact(&mut start)
        });
        match asked {
            Ok(()) if start.ends_with(b" 200") => return Ok(()),
            Ok(()) => bail!("the first answer was {}", String::from_utf8_lossy(&start)),
            Err(error) if begun.elapsed() > Duration::from_secs(10) => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_micros(200)),
        }
    }
}
