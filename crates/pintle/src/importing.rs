//! Files of records: CSV, NDJSON, GeoJSON, read one record after the other, from any place on.

mod bounded;
mod kept;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;

use bounded::{Bounded, CHUNK_BYTES, END, Ended, Reading, byte_order_mark, next_line, too_long};
use kept::{Keeping, Kept};
use pintle_model::collection::PositionOf;
use pintle_model::value::print::json_string;
use pintle_model::{Collection, Type};
use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Levels of arrays and objects that a point's geometry has.
const GEOMETRY_DEPTH: u32 = 2;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Ndjson,
    GeoJson,
}

/// How far a file is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Bytes from the beginning on.
    pub(crate) bytes: u64,
    /// The line behind them, from 0 on; of a GeoJSON file none.
    pub(crate) line: u64,
    /// Records before it.
    pub(crate) records: u64,
}

/// What takes each record as JSON, or why it is none, with the line that it begins in (of GeoJSON: its number) and the place behind it.
/// Whether to go on.
pub(crate) type Take<'t> = &'t mut dyn FnMut(Result<&[u8], &str>, u64, Mark) -> Result<bool, String>;

impl Format {
    /// By the file's name.
    pub(crate) fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            "geojson" | "json" => Some(Format::GeoJson),
            _ => None,
        }
    }

    /// Reads a file from a place on. A record of it has at most so many bytes.
    pub(crate) fn read(
        self,
        file: File,
        from: Mark,
        collection: &Collection,
        most: u64,
        take: Take<'_>,
    ) -> Result<(), String> {
        match self {
            Format::Csv => csv(file, from, collection, most, take),
            Format::Ndjson => ndjson(file, from, most, take),
            Format::GeoJson => geojson(file, from, collection, most, take),
        }
    }
}

fn ndjson(mut file: File, from: Mark, most: u64, take: Take<'_>) -> Result<(), String> {
    file.seek(SeekFrom::Start(from.bytes)).map_err(|error| error.to_string())?;
    let (mut reader, mut mark, mut line) = (BufReader::with_capacity(CHUNK_BYTES, file), from, Vec::new());
    if mark.bytes == 0 {
        mark.bytes = byte_order_mark(&mut reader).map_err(|error| error.to_string())?;
    }
    loop {
        let read = next_line(&mut reader, &mut line, most).map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(());
        }
        mark.bytes += read;
        mark.line += 1;
        let record = line.trim_ascii();
        if record.is_empty() && read <= most {
            continue;
        }
        mark.records += 1;
        let long = (record.len() as u64 > most || record.is_empty()).then(|| too_long(most));
        if !take(long.as_deref().map_or(Ok(record), Err), mark.line, mark)? {
            return Ok(());
        }
    }
}

fn csv(file: File, from: Mark, collection: &Collection, most: u64, take: Take<'_>) -> Result<(), String> {
    let mut file = BufReader::new(file);
    let behind = u64::from(ends_with_cr_lf(&mut file).map_err(|error| error.to_string())?);
    let reading = Reading::new(most);
    let file = Ended::new(Bounded(file.into_inner(), reading.clone()));
    let mut reader = csv::ReaderBuilder::new().flexible(true).buffer_capacity(CHUNK_BYTES).from_reader(file);
    // A quote that is never closed makes one record of all the rest.
    let told = |error: csv::Error, line: u64| {
        let long = format!(
            "the record that begins in line {line}: {}. Does a quote open there that is not closed?",
            too_long(most)
        );
        if reading.is_over() { long } else { error.to_string() }
    };
    let open =
        |line: u64| Err(format!("the record that begins in line {line}: a quote opens there that is not closed"));
    reading.begins(0);
    let names = reader.byte_headers().map_err(|error| told(error, 1))?;
    if is_open(names) {
        return open(1);
    }
    let names = columns(names)?;
    if from.bytes > 0 {
        let mut place = csv::Position::new();
        place.set_byte(from.bytes).set_line(from.line + 1).set_record(from.records);
        reader.seek(place).map_err(|error| error.to_string())?;
    }
    let (mut row, mut mark, mut json) = (csv::ByteRecord::new(), from, Vec::new());
    loop {
        let begins = (reader.position().byte(), reader.position().line() + behind);
        reading.begins(begins.0);
        if !reader.read_byte_record(&mut row).map_err(|error| told(error, begins.1))? {
            return Ok(());
        }
        if is_end(&row) {
            return Ok(());
        }
        let line = row.position().map_or(0, csv::Position::line) + behind;
        if is_open(&row) {
            return open(line);
        }
        // A last line that does not end ends with what tells the end, which is no part of the file.
        let bytes = reader.position().byte().min(reading.bytes());
        mark = Mark { bytes, line: reader.position().line() - 1, records: mark.records + 1 };
        let read =
            if mark.bytes - begins.0 > most { Err(too_long(most)) } else { cells(&names, &row, collection, &mut json) };
        if !take(read.as_ref().map(|()| json.as_slice()).map_err(String::as_str), line, mark)? {
            return Ok(());
        }
    }
}

/// Whether the file is over.
fn is_end(row: &csv::ByteRecord) -> bool {
    row.len() == 1 && row.get(0) == Some(END)
}

/// Whether a quote that nobody closes has taken in all the rest of the file.
fn is_open(row: &csv::ByteRecord) -> bool {
    !is_end(row) && row.iter().next_back().is_some_and(|cell| cell.ends_with(END))
}

/// The names of a file's columns.
fn columns(row: &csv::ByteRecord) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for name in row.iter().filter(|name| *name != END) {
        let name = str::from_utf8(name).map_err(|_| "its first line, of names, is no UTF-8".to_owned())?;
        if names.iter().any(|earlier| earlier == name) {
            return Err(format!("its first line names `{name}` twice, and a field has one value"));
        }
        names.push(name.to_owned());
    }
    if names.is_empty() { Err("it has no first line, of names".to_owned()) } else { Ok(names) }
}

/// A row as a JSON object.
fn cells(names: &[String], row: &csv::ByteRecord, collection: &Collection, json: &mut Vec<u8>) -> Result<(), String> {
    if row.len() != names.len() {
        return Err(format!("it has {} cells, and the file's first line names {}", row.len(), names.len()));
    }
    json.clear();
    json.push(b'{');
    for (name, cell) in names.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        let cell = str::from_utf8(cell).map_err(|_| format!("{name}: it is no UTF-8"))?;
        member(json, name);
        value(json, collection.field(name).map(|(_, field)| field.ty), cell).map_err(|why| format!("{name}: {why}"))?;
    }
    json.push(b'}');
    Ok(())
}

/// Whether a file's lines end with CR LF: the reader counts a line when it reads on behind the CR, so that it is one behind.
fn ends_with_cr_lf(file: &mut BufReader<File>) -> std::io::Result<bool> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    file.rewind()?;
    Ok(line.ends_with(b"\r\n"))
}

fn member(json: &mut Vec<u8>, name: &str) {
    if json.len() > 1 {
        json.push(b',');
    }
    json_string(json, name);
    json.push(b':');
}

/// A cell as JSON: of its field's type where it reads as one, else as a text, which the door complains of. It would take any text for json,
/// so that one is read here.
fn value(json: &mut Vec<u8>, ty: Option<Type>, cell: &str) -> Result<(), String> {
    let is_json = || serde_json::from_str::<IgnoredAny>(cell);
    match ty {
        Some(Type::Integer | Type::Number | Type::Boolean) => match ty.map(|ty| ty.read_text(cell.trim())) {
            Some(Ok(value)) => value.write_json(json),
            _ => json_string(json, cell),
        },
        Some(Type::Json) => {
            is_json().map_err(|error| {
                format!("it is no JSON: {error} of the cell; a text stands in quotation marks there")
            })?;
            json.extend_from_slice(cell.as_bytes());
        }
        Some(Type::Point) if is_json().is_ok() => json.extend_from_slice(cell.as_bytes()),
        _ => json_string(json, cell),
    }
    Ok(())
}

/// The features of a collection. Its text cannot be entered in its middle, so what was read before is passed over.
fn geojson(file: File, from: Mark, collection: &Collection, most: u64, take: Take<'_>) -> Result<(), String> {
    let mut file = BufReader::with_capacity(CHUNK_BYTES, file);
    let kept = Kept::behind(byte_order_mark(&mut file).map_err(|error| error.to_string())?, most);
    let file = Keeping(file, kept.clone());
    let mut outcome = Ok(());
    let features = Features { from, mark: Mark::default(), kept, most, collection, take, outcome: &mut outcome };
    let mut file = serde_json::Deserializer::from_reader(file);
    let read = file.deserialize_map(features).and_then(|()| file.end());
    outcome?;
    match read {
        Ok(()) => Ok(()),
        Err(error) if error.to_string().starts_with(STOPPED) => Ok(()),
        Err(error) => Err(format!("it is no GeoJSON of a FeatureCollection: {error}")),
    }
}

/// What ends a file that is not read to its end.
const STOPPED: &str = "stopped";

struct Features<'f, 't> {
    from: Mark,
    mark: Mark,
    kept: Kept,
    most: u64,
    collection: &'f Collection,
    take: Take<'t>,
    outcome: &'f mut Result<(), String>,
}

#[derive(Deserialize)]
struct Feature<'f> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow, default)]
    id: Option<&'f RawValue>,
    #[serde(borrow, default)]
    geometry: Option<&'f RawValue>,
    #[serde(borrow, default)]
    properties: Option<&'f RawValue>,
}

/// A point, as far as its numbers are of interest.
#[derive(Deserialize)]
struct Place<'g> {
    #[serde(borrow)]
    coordinates: Vec<&'g RawValue>,
}

impl Features<'_, '_> {
    /// Hands on the feature that was read last; whether to go on.
    fn feature(&mut self) -> Result<bool, String> {
        self.mark.records += 1;
        self.mark.bytes = self.kept.bytes();
        if self.mark.records <= self.from.records {
            return Ok(true);
        }
        let record = self.kept.last(|feature| match feature {
            long if long.len() as u64 > self.most => Err(too_long(self.most)),
            feature => record(str::from_utf8(feature).map_err(|_| "it is no UTF-8")?, self.collection),
        });
        (self.take)(record.as_deref().map_err(String::as_str), self.mark.records, self.mark)
    }
}

/// A feature's properties, with its id as the key and its geometry as the collection's position; or why it is none.
fn record(feature: &str, collection: &Collection) -> Result<Vec<u8>, String> {
    // An array would be read as its members in their order.
    let object = Some(feature).filter(|feature| feature.trim_start().starts_with('{'));
    let feature: Option<Feature<'_>> = object.and_then(|object| serde_json::from_str(object).ok());
    let feature = feature.filter(|feature| feature.kind.as_ref().is_none_or(|kind| kind == "Feature"));
    let feature = feature.ok_or("it is no feature of GeoJSON")?;
    let mut json = match feature.properties.map(|raw| raw.get().trim()) {
        Some(text) if text.starts_with('{') => text.as_bytes()[..text.len() - 1].trim_ascii_end().to_vec(),
        Some(_) => return Err("its `properties` are no object".to_owned()),
        None => vec![b'{'],
    };
    let given = |name: &str| feature.properties.is_some_and(|raw| names(raw.get(), name));
    let key = &collection.fields[0].name;
    if let Some(id) = feature.id.filter(|_| collection.key.len == 1 && !given(key)) {
        member(&mut json, key);
        json.extend_from_slice(id.get().as_bytes());
    }
    // A place that is not known is null.
    let geometry = feature.geometry.filter(|geometry| geometry.get() != "null");
    let (Some(geometry), Some(position)) = (geometry, collection.positions.first()) else {
        json.push(b'}');
        return Ok(json);
    };
    match position.of {
        PositionOf::Field(field) => {
            member(&mut json, &collection.fields[field].name);
            json.extend_from_slice(geometry.get().as_bytes());
        }
        PositionOf::Numbers { longitude, latitude } => {
            Type::Point
                .read_json(geometry.get(), GEOMETRY_DEPTH)
                .map_err(|error| format!("geometry: {}", error.message))?;
            let place: Place<'_> =
                serde_json::from_str(geometry.get()).map_err(|error| format!("geometry: {error}"))?;
            for (field, number) in [longitude, latitude].into_iter().zip(&place.coordinates) {
                member(&mut json, &collection.fields[field].name);
                json.extend_from_slice(number.get().as_bytes());
            }
        }
    }
    json.push(b'}');
    Ok(json)
}

/// Whether an object has this member.
fn names(json: &str, name: &str) -> bool {
    serde_json::from_str::<std::collections::BTreeMap<String, IgnoredAny>>(json).is_ok_and(|map| map.contains_key(name))
}

impl<'de> Visitor<'de> for Features<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with `features`")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "features" {
                map.next_value_seed(Each(&mut self))?;
                found = true;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(serde::de::Error::custom("it has no `features`")) }
    }
}

/// Each of the features.
struct Each<'e, 'f, 't>(&'e mut Features<'f, 't>);

impl<'de> DeserializeSeed<'de> for Each<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.kept.begins();
        while let Some(IgnoredAny) = seq.next_element()? {
            match self.0.feature() {
                Ok(true) => self.0.kept.begins(),
                Ok(false) => return Err(serde::de::Error::custom(STOPPED)),
                Err(why) => {
                    *self.0.outcome = Err(why);
                    return Err(serde::de::Error::custom(STOPPED));
                }
            }
        }
        Ok(())
    }
}
