//! Texts are compressed for who takes that.

use std::io::{Read as _, Seek as _, Write as _};
use std::process::Command;

use reqwest::Method;

use super::{MANIFEST, page, sent, site};
use crate::common::Server;

/// A page's head and its body, which came by gzip, as it was before.
fn unpacked(server: &Server, path: &str) -> (String, Vec<u8>) {
    let mut answer = Vec::new();
    sent(server, &format!("GET {path}"), "Accept-Encoding: gzip\r\n").read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut packed = tempfile::tempfile().unwrap();
    packed.write_all(&answer[end..]).unwrap();
    packed.rewind().unwrap();
    let output = Command::new("gzip").arg("-dc").stdin(packed).output().unwrap();
    assert!(output.status.success(), "{head}");
    (head, output.stdout)
}

#[tokio::test]
async fn a_text_is_compressed_whatever_its_size_and_anew_when_it_changes() {
    let large: String = (0..200_000).map(|at| format!("let a{at} = {at};\n")).collect();
    let app = site(MANIFEST, &[("small.js", &large[..5000]), ("large.js", &large)]);
    let server = app.serve();
    for (path, text) in [("/large.js", large.as_str()), ("/small.js", &large[..5000]), ("/large.js", &large)] {
        let (head, body) = unpacked(&server, path);
        assert!(body == text.as_bytes(), "{path}: {} bytes of {}", body.len(), text.len());
        assert!(head.contains("\r\nvary: Accept-Encoding\r\n") && head.contains("\r\netag: W/\""), "{head}");
    }
    let (plain, head) = (server.get("/large.js").await.has(200), server.ask(Method::HEAD, "/large.js").await.bare(200));
    assert!(plain.text == large, "{} bytes", plain.text.len());
    for answer in [&plain, &head] {
        assert_eq!(
            [answer.header("content-length"), answer.header("vary")],
            [&large.len().to_string(), "Accept-Encoding"]
        );
        assert_eq!([answer.header("content-encoding"), answer.header("accept-ranges")], ["", "bytes"]);
    }

    let changed = format!("{large}let last;");
    page(&app, "large.js", &changed);
    assert!(unpacked(&server, "/large.js").1 == changed.as_bytes());
}
