//! Pictures of an app, as its documentation shows them.

use std::path::Path;

use crate::common::{App, pintle, run, shipped};

const SUBJECTS: [&str; 2] = ["services", "collections"];

#[test]
fn the_shipped_apps_show_what_they_are_now() {
    for name in ["configs", "connect", "retriever"] {
        let app = shipped(name);
        let app = app.to_str().unwrap();
        for subject in SUBJECTS {
            let (code, drawn, errors) = run(&["diagram", app, "--of", subject]);
            assert_eq!((code, errors.as_str()), (0, ""), "{name} {subject}");
            let shown = std::fs::read_to_string(format!("{app}/{subject}.svg")).unwrap_or_default();
            let again = format!("pintle diagram apps/{name} --of {subject} --output apps/{name}/{subject}.svg");
            assert_eq!(drawn, shown, "draw it again: {again}");
        }
    }
}

#[test]
fn a_result_that_could_not_be_written_is_told_and_one_that_nobody_reads_is_not() {
    let app = shipped("configs");
    for words in [&["diagram", app.to_str().unwrap()][..], &["schema"], &["check", app.to_str().unwrap()]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = pintle(words).stdout(full).output().unwrap();
        let err = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{words:?}: {err}");
        assert_eq!(err, "error: cannot write to standard output: No space left on device (os error 28)\n", "{words:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = pintle(words).stdout(writer).output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]), "{words:?}");
    }
}

#[test]
fn a_picture_of_dots_is_as_large_as_the_drawing_twice_and_shows_more_than_paper() {
    let folder = tempfile::tempdir().unwrap();
    let app = shipped("retriever");
    for subject in SUBJECTS {
        let picture = folder.path().join(format!("{subject}.png"));
        let words = ["diagram", app.to_str().unwrap(), "--of", subject, "--output", picture.to_str().unwrap()];
        assert_eq!(run(&words), (0, String::new(), String::new()));
        let svg = std::fs::read_to_string(app.join(format!("{subject}.svg"))).unwrap();
        let side = |name: &str| {
            let (_, rest) = svg.split_once(&format!(" {name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse::<u32>().unwrap()
        };
        let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&picture).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut dots = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut dots).unwrap();
        assert_eq!((info.width, info.height), (2 * side("width"), 2 * side("height")), "{subject}");
        // Text is dark and boxes have coloured bands: neither is there when a font is not found or a shape is not drawn.
        let dots: Vec<&[u8]> = dots.chunks_exact(4).collect();
        let of = |r, g, b| dots.iter().filter(|dot| dot[..3] == [r, g, b]).count();
        assert!(of(0x0b, 0x6e, 0x75) > 1000, "{subject}: bands");
        assert!(of(0x1b, 0x27, 0x33) > 500, "{subject}: text");
    }
}

#[test]
fn circles_of_references_and_names_of_another_kind_are_drawn() {
    let app = App::of(
        "
pintle: 1
name: circle
collections:
  a: { key: { id: integer }, fields: { b: { type: ref, to: b }, self: { type: ref, to: a, unique: true } } }
  b: { key: { id: integer }, fields: { c: { type: ref, to: c } } }
  c: { key: { id: integer }, fields: { a: { type: ref, to: a } } }
scripts: { fetch: ['https://a.example', '${env:HOOK}'] }
",
    );
    let (code, drawn, _) = run(&["diagram", app.path(), "--of", "collections"]);
    assert_eq!((code, drawn.matches("marker-end").count()), (0, 4), "{drawn}");
    let (code, drawn, _) = run(&["diagram", app.path()]);
    assert_eq!(code, 0);
    assert!(drawn.contains(">https://a.example<") && drawn.contains(">${env:HOOK}<"), "{drawn}");
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let app = shipped("configs");
    let (code, _, errors) = run(&["diagram", app.to_str().unwrap(), "--output", "picture.gif"]);
    assert_eq!(code, 2);
    assert!(errors.contains("`picture.gif` says no format") && errors.contains(".svg"), "{errors}");
    assert!(!Path::new("picture.gif").exists());
}
