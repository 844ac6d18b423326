//! Messages cut out of a stream: each has a byte that says whether it is compressed, its length in four bytes, and then itself.

use std::io::Read as _;

use bytes::{Buf as _, BytesMut};
use flate2::read::GzDecoder;
use hyper::StatusCode;

use crate::failure::Failure;

/// Bytes before each message.
const HEAD: usize = 5;
/// Bytes of a message that is no record: it holds a name.
const QUESTION_BYTES_MAX: usize = 1024;

/// What is left of a stream that was not cut yet.
#[derive(Debug)]
pub(crate) struct Messages {
    rest: BytesMut,
    /// Bytes of a message at the most.
    most: usize,
    /// Whether they are records.
    records: bool,
    /// Whether compressed ones are in gzip; if not, there may be none.
    gzip: bool,
    /// Bytes to come of a message that is too long.
    skip: usize,
}

impl Messages {
    /// Of records that have at most so many bytes.
    pub(crate) fn new(most: usize, gzip: bool) -> Messages {
        Messages { rest: BytesMut::new(), most, records: true, gzip, skip: 0 }
    }

    /// Of what tools ask, which is short.
    pub(crate) fn of_questions(gzip: bool) -> Messages {
        Messages { records: false, ..Messages::new(QUESTION_BYTES_MAX, gzip) }
    }

    /// Adds what came of the stream.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.rest.extend_from_slice(chunk);
    }

    /// Hands the next message to `take`, or in its place, where it is too long or broken, why it is refused: one at a time, since what
    /// is compressed may become a thousand times as much. Nothing where none is whole.
    ///
    /// # Errors
    /// Where messages cannot be told apart any more.
    pub(crate) fn next<T>(&mut self, take: impl FnOnce(Result<&[u8], Failure>) -> T) -> Result<Option<T>, Failure> {
        let skipped = self.skip.min(self.rest.len());
        self.rest.advance(skipped);
        self.skip -= skipped;
        let Some((head, rest)) = self.rest.split_first_chunk::<HEAD>() else { return Ok(None) };
        let [coded, length @ ..] = *head;
        let length = u32::from_be_bytes(length) as usize;
        if coded > 1 || coded == 1 && !self.gzip {
            return Err(Failure::bad_request("the stream holds what is no message of gRPC")
                .hint("a compressed message needs the header `grpc-encoding: gzip`"));
        }
        if length > self.most {
            self.skip = HEAD + length;
            return Ok(Some(take(Err(self.too_long()))));
        }
        // Room is made as it comes, not as it says.
        let Some(message) = rest.get(..length) else { return Ok(None) };
        let taken = if coded == 1 {
            let plain = self.inflate(message);
            take(plain.as_deref().map_err(Clone::clone))
        } else {
            take(Ok(message))
        };
        self.rest.advance(HEAD + length);
        Ok(Some(taken))
    }

    /// Whether the stream ended between two messages.
    pub(crate) fn is_whole(&self) -> bool {
        self.rest.is_empty() && self.skip == 0
    }

    fn inflate(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut plain = Vec::new();
        // What is small may become anything: no more is made of it than may be.
        let read = GzDecoder::new(message).take(self.most as u64 + 1).read_to_end(&mut plain);
        match read {
            Ok(length) if length > self.most => Err(self.too_long()),
            Ok(_) => Ok(plain),
            Err(error) => Err(Failure::bad_request("the message is not compressed as gzip").details(error.to_string())),
        }
    }

    fn too_long(&self) -> Failure {
        if self.records {
            return crate::pipeline::too_long(self.most);
        }
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the message has more than {} bytes", self.most))
    }
}

/// Writes a message's head and the message.
pub(crate) fn write(out: &mut Vec<u8>, message: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    message(out);
    // No answer is as long as 2^32 bytes.
    let length = u32::try_from(out.len() - start - HEAD).unwrap_or(u32::MAX);
    out[start + 1..start + HEAD].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn cut(chunks: &[&[u8]], gzip: bool) -> Result<(Vec<String>, bool), u16> {
        let (mut messages, mut found) = (Messages::new(9, gzip), Vec::new());
        for chunk in chunks {
            messages.push(chunk);
            let told = |message: Result<&[u8], Failure>| match message {
                Ok(message) => String::from_utf8_lossy(message).into_owned(),
                Err(failure) => failure.status.as_str().to_owned(),
            };
            while let Some(message) = messages.next(told).map_err(|failure| failure.status.as_u16())? {
                found.push(message);
            }
        }
        Ok((found, messages.is_whole()))
    }

    fn stream(messages: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for message in messages {
            write(&mut out, |out| out.extend_from_slice(message.as_bytes()));
        }
        out
    }

    #[test]
    fn messages_are_the_same_wherever_the_stream_is_cut_and_one_that_is_too_long_costs_itself_alone() {
        let all = stream(&["one", "", "more than nine", "nine byte"]);
        let wanted = ["one", "", "413", "nine byte"];
        for at in 0..all.len() {
            let (before, behind) = all.split_at(at);
            assert_eq!(cut(&[before, behind], false), Ok((wanted.map(str::to_owned).to_vec(), true)), "{at}");
            assert!(!cut(&[before], false).unwrap().1 || [0, 8, 13, 32].contains(&at), "{at}");
        }
        let bytes: Vec<&[u8]> = all.chunks(1).collect();
        assert_eq!(cut(&bytes, false).unwrap().0, wanted);
    }

    #[test]
    fn what_is_compressed_is_bounded_by_what_it_becomes() {
        let gzip = |text: &str| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let framed = |coded: u8, bytes: &[u8]| [&[coded, 0, 0, 0, u8::try_from(bytes.len()).unwrap()], bytes].concat();
        // With room for its own bytes, which are more than it holds.
        let cut = |bytes: &[u8], gzip| {
            let mut messages = Messages::new(40, gzip);
            messages.push(bytes);
            let told = |message: Result<&[u8], Failure>| message.map(<[u8]>::to_vec).map_err(|it| it.status.as_u16());
            messages.next(told).map_err(|failure| failure.hint)
        };
        assert_eq!(cut(&framed(1, &gzip("a text")), true), Ok(Some(Ok(b"a text".to_vec()))));
        assert_eq!(cut(&framed(1, &gzip(&"a".repeat(1000))), true), Ok(Some(Err(413))));
        assert_eq!(cut(&framed(1, b"garbage"), true), Ok(Some(Err(400))));
        assert!(cut(&framed(1, &gzip("a text")), false).unwrap_err().unwrap().contains("grpc-encoding"));
        assert!(cut(&framed(7, b""), true).is_err());
    }
}
