//! CSV to JSON and back.

use serde_json::Value;

/// CSV as JSON: an array of objects with a header, else of arrays. All values are strings.
pub(super) fn parse(text: &str, header: bool, delimiter: &str) -> Result<Vec<u8>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(header).delimiter(one_byte(delimiter)?).from_reader(text.as_bytes());
    let names: Vec<String> = if header {
        let names = reader.headers().map_err(|error| error.to_string())?;
        names.iter().map(|name| Value::from(name).to_string()).collect()
    } else {
        Vec::new()
    };
    let mut json = vec![b'['];
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| error.to_string())? {
        if json.len() > 1 {
            json.push(b',');
        }
        json.push(if header { b'{' } else { b'[' });
        for (at, value) in record.iter().enumerate() {
            if at > 0 {
                json.push(b',');
            }
            if let Some(name) = names.get(at) {
                json.extend_from_slice(name.as_bytes());
                json.push(b':');
            }
            serde_json::to_writer(&mut json, value).map_err(|error| error.to_string())?;
        }
        json.push(if header { b'}' } else { b']' });
    }
    json.push(b']');
    Ok(json)
}

/// CSV of a JSON array of arrays: null is nothing, what has no text of its own is written as JSON.
pub(super) fn format(rows: &str, delimiter: &str) -> Result<String, String> {
    let rows: Vec<Vec<Value>> = serde_json::from_str(rows)
        .map_err(|_| "csv.format takes rows that are all objects, or all arrays".to_owned())?;
    let mut writer = csv::WriterBuilder::new().delimiter(one_byte(delimiter)?).flexible(true).from_writer(Vec::new());
    for row in rows {
        let texts = row.into_iter().map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        });
        writer.write_record(texts).map_err(|error| error.to_string())?;
    }
    let bytes = writer.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn one_byte(delimiter: &str) -> Result<u8, String> {
    match delimiter.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(format!("the delimiter of CSV is one letter, such as `,` or `;`, not {delimiter:?}")),
    }
}
