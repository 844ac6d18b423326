//! Pictures, decoded again.

use super::png;

/// The picture of these options and rows: width, bytes a pixel, and the pixels as a browser would show them.
fn drawn(options: &str, rows: &str) -> Vec<[u8; 4]> {
    let bytes = png(options, rows.as_bytes()).unwrap();
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgba, png::BitDepth::Eight));
    pixels.chunks_exact(4).map(|pixel| [pixel[0], pixel[1], pixel[2], pixel[3]]).collect()
}

/// A picture as text: a letter for each colour.
fn shown(options: &str, rows: &str, width: usize) -> Vec<String> {
    let letter = |pixel: &[u8; 4]| match pixel {
        [255, 0, 0, 255] => 'r',
        [0, 255, 0, 255] => 'g',
        [0, 0, 255, 255] => 'b',
        [_, _, _, 0] => '.',
        other => panic!("{other:?}"),
    };
    drawn(options, rows).chunks(width).map(|line| line.iter().map(letter).collect()).collect()
}

fn refused(options: &str, rows: &str) -> String {
    png(options, rows.as_bytes()).unwrap_err()
}

const PALETTE: &str = r##""x":"x","y":"y","color":"t","palette":{"a":"#ff0000","b":[0,255,0],"7":"#0000ff"}"##;

#[test]
fn the_origin_is_in_the_middle_and_y_grows_downwards() {
    let options = format!(r#"{{"width":4,"height":3,{PALETTE}}}"#);
    let rows = r#"[{"x":0,"y":0,"t":"a"},{"x":-2,"y":-1,"t":"b"},{"x":1,"y":1,"t":7},{"x":2,"y":0,"t":"a"}]"#;
    assert_eq!(shown(&options, rows, 4), ["g...", "..r.", "...b"]);
}

#[test]
fn a_scale_makes_points_as_large_as_their_distance_and_may_turn_an_axis() {
    let options = format!(r#"{{"width":4,"height":4,"origin":{{"x":10,"y":20}},"scale":{{"x":2,"y":-2}},{PALETTE}}}"#);
    let rows = r#"[{"x":10,"y":20,"t":"a"},{"x":9,"y":21,"t":"b"}]"#;
    assert_eq!(shown(&options, rows, 4), ["g...", ".rr.", ".rr.", "...."]);
}

#[test]
fn later_rows_lie_above_and_what_is_outside_is_left_out() {
    let options = format!(r#"{{"width":3,"height":1,"size":3,{PALETTE}}}"#);
    let rows = r#"[{"x":0,"y":0,"t":"a"},{"x":1,"y":0,"t":"b"},{"x":1e300,"y":0,"t":"a"},{"x":-9,"y":0,"t":"a"}]"#;
    assert_eq!(shown(&options, rows, 3), ["rgg"]);
}

#[test]
fn rows_without_a_place_or_a_colour_are_not_drawn_unless_there_is_a_fallback() {
    let rows = r#"[{"x":null,"y":0,"t":"a"},{"x":0,"y":0,"t":"z"},{"x":1,"y":0,"t":null}]"#;
    let plain = format!(r#"{{"width":3,"height":1,{PALETTE}}}"#);
    assert_eq!(shown(&plain, rows, 3), ["..."]);
    let fallback = format!(r##"{{"width":3,"height":1,"fallback":"#ff0000",{PALETTE}}}"##);
    assert_eq!(shown(&fallback, rows, 3), [".rr"]);
    let all = r##"{"width":1,"height":1,"x":"a","y":"a","fallback":"#ff0000"}"##;
    assert_eq!(shown(all, r#"[{"a":0}]"#, 1), ["r"]);
}

#[test]
fn values_are_the_same_however_they_are_written() {
    let options =
        r##"{"width":4,"height":1,"x":"x","y":"y","color":"é","palette":{"Océan":"#0000ff","true":"#ff0000"}}"##;
    let rows =
        r#"[{"x":-2,"y":0,"\u00e9":"Oc\u00e9an"},{"x":-1,"y":0,"é":"Océan"},{"x":0,"y":0,"é":true,"more":{"x":[1]}}]"#;
    assert_eq!(shown(options, rows, 4), ["bbr."]);
}

#[test]
fn a_background_may_shine_through_and_many_colours_need_no_palette() {
    let options = r##"{"width":1,"height":1,"background":"#01020380","x":"x","y":"y","fallback":[9,8,7]}"##;
    assert_eq!(drawn(options, "[]"), [[1, 2, 3, 128]]);
    let palette: Vec<String> = (0..300).map(|n| format!("\"{n}\":[{},{},9]", n / 2, n % 2)).collect();
    let options = format!(
        r#"{{"width":300,"height":1,"x":"x","y":"y","color":"x","origin":{{"x":150,"y":0}},"palette":{{{}}}}}"#,
        palette.join(",")
    );
    let rows: Vec<String> = (0..300).map(|n| format!(r#"{{"x":{n},"y":0}}"#)).collect();
    let pixels = drawn(&options, &format!("[{}]", rows.join(",")));
    assert_eq!((pixels[0], pixels[299]), ([0, 0, 9, 255], [149, 1, 9, 255]));
}

#[test]
fn every_depth_of_a_palette_shows_the_same() {
    for colors in [1, 3, 4, 15, 16, 100, 255] {
        let palette: Vec<String> = (0..colors).map(|n| format!("\"{n}\":[{n},1,2]")).collect();
        let options = format!(
            r#"{{"width":7,"height":40,"x":"x","y":"y","color":"c","palette":{{{}}},"origin":{{"x":3,"y":20}}}}"#,
            palette.join(",")
        );
        let rows: Vec<String> =
            (0..7 * 40).map(|n| format!(r#"{{"x":{},"y":{},"c":{}}}"#, n % 7, n / 7, n % colors)).collect();
        let pixels = drawn(&options, &format!("[{}]", rows.join(",")));
        for (at, pixel) in pixels.iter().enumerate() {
            assert_eq!(usize::from(pixel[0]), at % colors, "{colors} colours, pixel {at}");
        }
    }
}

#[test]
fn every_bad_option_is_told() {
    let with = |more: &str| format!(r#"{{"width":4,"height":4,"x":"x","y":"y",{more}}}"#);
    for (options, told) in [
        ("7".to_owned(), "image.png takes an object of options, not 7"),
        (with(r#""colour":"t""#), "there is no option `colour`; there are `rows`, `width`"),
        (r#"{"height":4}"#.to_owned(), "`width` is missing: a number of pixels"),
        (r#"{"width":0,"height":4}"#.to_owned(), "`width` must be a whole number of pixels from 1 to 16384, not 0"),
        (r#"{"width":2.5,"height":4}"#.to_owned(), "not 2.5"),
        (r#"{"width":16384,"height":16384}"#.to_owned(), "16384 × 16384 are 268435456 pixels, at most 16777216"),
        (
            r##"{"width":4,"height":4,"x":"x","fallback":"#000000"}"##.to_owned(),
            "`y` is missing: the name of the field",
        ),
        (with(r#""color":3"#), "`color` must be the name of a field, not 3"),
        (with(r#""color":"t""#), "`palette` must say which value has which colour"),
        (with(r#""size":2"#), "say which colour the points have"),
        (with(r##""palette":{"a":"#000000"}"##), "`palette` needs `color`"),
        (with(r#""color":"t","palette":[1]"#), "`palette` must be an object of colours by value, not [1]"),
        (with(r#""color":"t","palette":{"a":"red"}"#), "`palette.a` must be a colour, as \"#33cc33\" or [51, 204, 51]"),
        (with(r#""fallback":[1,2,256]"#), "not [1,2,256]"),
        (with(r##""fallback":"#12345""##), "`fallback` must be a colour"),
        (with(r##""fallback":"#é2345""##), "`fallback` must be a colour"),
        (with(r##""fallback":"#000000","origin":3"##), "`origin` must be `{ x, y }` with two numbers, not 3"),
        (with(r##""fallback":"#000000","scale":{"x":1}"##), "`scale` must be a number, or `{ x, y }` with two"),
        (with(r##""fallback":"#000000","scale":0"##), "0 would leave nothing to see"),
        (
            with(r##""fallback":"#000000","size":257"##),
            "`size` must be a whole number of pixels from 1 to 256, not 257",
        ),
    ] {
        let message = refused(&options, "[]");
        assert!(message.contains(told) && message.starts_with("image.png"), "{options}: {message}");
    }
}

#[test]
fn every_bad_row_is_told_with_its_number() {
    let options = format!(r#"{{"width":4,"height":4,{PALETTE}}}"#);
    for (rows, told) in [
        ("{}", "image.png: invalid type: map, expected `rows`: an array of objects"),
        (r#"[{"x":1,"y":1,"t":"a"},7]"#, "image.png: invalid type: integer `7`, expected row 2: an object"),
        (r#"[{"x":1,"t":"a"}]"#, "image.png: row 1 has no `y`: the field must be among those that are selected"),
        (r#"[{"x":1,"y":1}]"#, "image.png: row 1 has no `t`: the field must be among those that are selected"),
        (r#"[{"x":"1","y":1,"t":"a"}]"#, r#"image.png: row 1: `x` must be a number, not "1""#),
        (r#"[{"x":1e999,"y":1,"t":"a"}]"#, "image.png: row 1: `x` must be a number, not 1e+999"),
        (r#"[{"x":1,"y":1,"t":"a"}"#, "image.png: EOF while parsing a list"),
    ] {
        assert_eq!(refused(&options, rows), told, "{rows}");
    }
}
