//! Compression of answers. The layers that others wrote leave out every answer with `Content-Range`, which here counts
//! rows, not bytes, and stands on every list.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use crate::answer::Answer;

/// What else than the URL an answer that may be coded depends on.
pub(crate) const VARY: HeaderValue = HeaderValue::from_static("Accept-Encoding");
/// Below this a packet is sent in any case.
const BYTES_MIN: u64 = 1024;
/// Above this compressing would hold up the other requests of a thread.
const INLINE_BYTES_MAX: u64 = 64 << 10;
/// Above this it would take longer than most networks need for what it saves.
const BYTES_MAX: u64 = 8 << 20;
/// Fast levels: an answer is compressed for one caller.
const GZIP_LEVEL: u32 = 4;
const BROTLI_LEVEL: i32 = 4;
/// 2^18 bytes of window: what a list of records repeats is near.
const BROTLI_WINDOW: i32 = 18;

/// How an answer is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Coding {
    Gzip,
    Brotli,
}

/// Whether this answer could have another coding for another caller, so that `Vary` must say so. What comes piece by piece
/// could not.
pub(crate) fn may_be_coded(answer: &Answer) -> bool {
    let Either::Left(_) = answer.body() else { return false };
    let size = hyper::body::Body::size_hint(answer.body()).lower();
    is_worth_it(size) && !answer.headers().contains_key(header::CONTENT_ENCODING)
}

/// Whether so many bytes are compressed.
pub(crate) fn is_worth_it(bytes: u64) -> bool {
    (BYTES_MIN..=BYTES_MAX).contains(&bytes)
}

/// Compresses an answer's body, if that is worth it and the caller takes it.
pub(crate) async fn answer(answer: Answer, asked: &Parts) -> Answer {
    if !may_be_coded(&answer) {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    head.headers.append(header::VARY, VARY);
    let Some(coding) = coding(asked) else { return Answer::from_parts(head, body) };
    let Either::Left(whole) = body else { return Answer::from_parts(head, body) };
    let Ok(whole) = whole.collect().await;
    let bytes = whole.to_bytes();
    let plain = bytes.clone();
    let body = match coding.encoded(bytes).await {
        Some(coded) => {
            coding.told(&mut head.headers);
            coded
        }
        None => plain,
    };
    Answer::from_parts(head, Either::Left(Full::new(body)))
}

/// The coding for a caller. A body that is not sent is not compressed to be thrown away: `HEAD` tells the plain form's length.
pub(crate) fn coding(asked: &Parts) -> Option<Coding> {
    accepted(&asked.headers).filter(|_| asked.method != Method::HEAD)
}

impl Coding {
    pub(crate) const ALL: [Coding; 2] = [Coding::Gzip, Coding::Brotli];

    /// The coded form of a body.
    pub(crate) async fn encoded(self, bytes: Bytes) -> Option<Bytes> {
        if bytes.len() as u64 <= INLINE_BYTES_MAX {
            return self.encode(&bytes);
        }
        tokio::task::spawn_blocking(move || self.encode(&bytes)).await.ok().flatten()
    }

    /// Says that the answer with these headers has this form. Parts can be asked for of the plain form alone, by its strong
    /// tag; the tag of this one is a weak one.
    pub(crate) fn told(self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(self.name()));
        if headers.remove(header::ACCEPT_RANGES).is_none() {
            return;
        }
        if let Some(tag) = headers.get_mut(header::ETAG)
            && let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat())
        {
            *tag = weak;
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Brotli => "br",
        }
    }

    fn encode(self, bytes: &[u8]) -> Option<Bytes> {
        let room = Vec::with_capacity(bytes.len() / 4);
        match self {
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(room, Compression::new(GZIP_LEVEL));
                encoder.write_all(bytes).ok()?;
                encoder.finish().ok().map(Bytes::from)
            }
            Coding::Brotli => {
                let params = brotli::enc::BrotliEncoderParams {
                    quality: BROTLI_LEVEL,
                    lgwin: BROTLI_WINDOW,
                    ..Default::default()
                };
                let mut coded = room;
                brotli::BrotliCompress(&mut &*bytes, &mut coded, &params).ok()?;
                Some(coded.into())
            }
        }
    }
}

/// The coding that the caller likes best of ours; of equals the one that makes less.
fn accepted(headers: &HeaderMap) -> Option<Coding> {
    let (mut gzip, mut brotli, mut any) = (None, None, None);
    let all = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for part in all.flat_map(|value| value.split(',')) {
        let mut words = part.split(';').map(str::trim);
        let name = words.next().unwrap_or_default();
        let weight = words.find_map(|word| word.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
        let weight = weight.unwrap_or(0.0);
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "br" => brotli = Some(weight),
            "*" => any = Some(weight),
            _ => {}
        }
    }
    let (gzip, brotli) = (gzip.or(any).unwrap_or(0.0), brotli.or(any).unwrap_or(0.0));
    if brotli > 0.0 && brotli >= gzip {
        Some(Coding::Brotli)
    } else if gzip > 0.0 {
        Some(Coding::Gzip)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn asked(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_caller_says_what_it_takes() {
        assert_eq!(accepted(&asked("gzip, deflate, br")), Some(Coding::Brotli));
        assert_eq!(accepted(&asked("gzip")), Some(Coding::Gzip));
        assert_eq!(accepted(&asked("br;q=0.5, gzip;q=0.8")), Some(Coding::Gzip));
        assert_eq!(accepted(&asked("br;q=0, gzip;q=0")), None);
        assert_eq!(accepted(&asked("*")), Some(Coding::Brotli));
        assert_eq!(accepted(&asked("*;q=0")), None);
        assert_eq!(accepted(&asked("identity")), None);
        assert_eq!(accepted(&HeaderMap::new()), None);
    }

    fn request(method: Method) -> Parts {
        let request = hyper::Request::builder().method(method).header("accept-encoding", "gzip");
        request.body(()).unwrap().into_parts().0
    }

    #[tokio::test]
    async fn only_what_is_sent_and_of_middling_size_is_compressed() {
        let most = usize::try_from(BYTES_MAX).unwrap();
        for (method, size, coded) in [
            (Method::GET, 1000, false),
            (Method::GET, 1024, true),
            (Method::HEAD, 1024, false),
            (Method::GET, most + 1, false),
        ] {
            let plain = crate::answer::bare(hyper::StatusCode::OK, vec![b'x'; size].into());
            let answer = answer(plain, &request(method.clone())).await;
            assert_eq!(answer.headers().contains_key(header::CONTENT_ENCODING), coded, "{method} {size}");
            assert_eq!(answer.headers().contains_key(header::VARY), size == 1024, "{method} {size}");
        }
    }

    #[test]
    fn what_is_coded_can_be_read_again() {
        let text = "pintle ".repeat(1000);
        let mut read = String::new();
        let gzip = Coding::Gzip.encode(text.as_bytes()).unwrap();
        flate2::read::GzDecoder::new(&*gzip).read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
        let mut read = Vec::new();
        let coded = Coding::Brotli.encode(text.as_bytes()).unwrap();
        brotli::BrotliDecompress(&mut &*coded, &mut read).unwrap();
        assert_eq!(read, text.as_bytes());
        assert!(coded.len() < 200);
    }
}
