//! Files of records: CSV, NDJSON, GeoJSON, read one record after the other, from any place on.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pintle_model::collection::PositionOf;
use pintle_model::value::print::json_string;
use pintle_model::{Collection, Type};
use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 256 << 10;

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

/// What takes each record as JSON, with the line that it begins in (of GeoJSON: its number) and the place behind it. Whether to go on.
pub(crate) type Take<'t> = &'t mut dyn FnMut(&[u8], u64, Mark) -> Result<bool, String>;

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

    /// Reads a file from a place on.
    pub(crate) fn read(self, file: File, from: Mark, collection: &Collection, take: Take<'_>) -> Result<(), String> {
        match self {
            Format::Csv => csv(file, from, collection, take),
            Format::Ndjson => ndjson(file, from, take),
            Format::GeoJson => geojson(file, from, collection, take),
        }
    }
}

fn ndjson(mut file: File, from: Mark, take: Take<'_>) -> Result<(), String> {
    file.seek(SeekFrom::Start(from.bytes)).map_err(|error| error.to_string())?;
    let (mut reader, mut mark, mut line) = (BufReader::with_capacity(CHUNK_BYTES, file), from, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(());
        }
        mark.bytes += read as u64;
        mark.line += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        mark.records += 1;
        if !take(&line, mark.line, mark)? {
            return Ok(());
        }
    }
}

fn csv(file: File, from: Mark, collection: &Collection, take: Take<'_>) -> Result<(), String> {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(CHUNK_BYTES).from_reader(file);
    let names = reader.headers().map_err(|error| error.to_string())?.clone();
    if from.bytes > 0 {
        let mut place = csv::Position::new();
        place.set_byte(from.bytes).set_line(from.line + 1).set_record(from.records);
        reader.seek(place).map_err(|error| error.to_string())?;
    }
    let (mut row, mut mark, mut json) = (csv::StringRecord::new(), from, Vec::new());
    while reader.read_record(&mut row).map_err(|error| error.to_string())? {
        let line = row.position().map_or(0, csv::Position::line);
        json.clear();
        json.push(b'{');
        for (name, cell) in names.iter().zip(&row).filter(|(_, cell)| !cell.is_empty()) {
            member(&mut json, name);
            value(&mut json, collection.field(name).map(|(_, field)| field.ty), cell);
        }
        json.push(b'}');
        mark = Mark { bytes: reader.position().byte(), line: reader.position().line() - 1, records: mark.records + 1 };
        if !take(&json, line, mark)? {
            return Ok(());
        }
    }
    Ok(())
}

fn member(json: &mut Vec<u8>, name: &str) {
    if json.len() > 1 {
        json.push(b',');
    }
    json_string(json, name);
    json.push(b':');
}

/// A cell as JSON: of its field's type where it reads as one, else as a text, which the door complains of.
fn value(json: &mut Vec<u8>, ty: Option<Type>, cell: &str) {
    match ty {
        Some(Type::Integer | Type::Number | Type::Boolean) => match ty.map(|ty| ty.read_text(cell.trim())) {
            Some(Ok(value)) => value.write_json(json),
            _ => json_string(json, cell),
        },
        Some(Type::Json | Type::Point) if serde_json::from_str::<IgnoredAny>(cell).is_ok() => {
            json.extend_from_slice(cell.as_bytes());
        }
        _ => json_string(json, cell),
    }
}

/// Counts what is read.
struct Counted<R>(R, Arc<AtomicU64>);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(into)?;
        self.1.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The features of a collection. Its text cannot be entered in its middle, so what was read before is passed over.
fn geojson(file: File, from: Mark, collection: &Collection, take: Take<'_>) -> Result<(), String> {
    let bytes = Arc::new(AtomicU64::new(0));
    let reader = BufReader::with_capacity(CHUNK_BYTES, Counted(file, Arc::clone(&bytes)));
    let mut outcome = Ok(());
    let features = Features { from, mark: Mark::default(), bytes, collection, take, outcome: &mut outcome };
    let read = serde_json::Deserializer::from_reader(reader).deserialize_map(features);
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
    bytes: Arc<AtomicU64>,
    collection: &'f Collection,
    take: Take<'t>,
    outcome: &'f mut Result<(), String>,
}

#[derive(Deserialize)]
struct Feature<'f> {
    #[serde(borrow, default)]
    id: Option<&'f RawValue>,
    #[serde(borrow, default)]
    geometry: Option<&'f RawValue>,
    #[serde(borrow, default)]
    properties: Option<&'f RawValue>,
}

#[derive(Deserialize)]
struct Place<'g> {
    #[serde(borrow)]
    coordinates: Vec<&'g RawValue>,
}

impl Features<'_, '_> {
    /// Hands one feature on; whether to go on.
    fn feature(&mut self, feature: &str) -> Result<bool, String> {
        self.mark.records += 1;
        self.mark.bytes = self.bytes.load(Ordering::Relaxed);
        if self.mark.records <= self.from.records {
            return Ok(true);
        }
        let record = record(feature, self.collection)
            .map_err(|error| format!("its feature {} is none: {error}", self.mark.records))?;
        (self.take)(&record, self.mark.records, self.mark)
    }
}

/// A feature's properties, with its id as the key and its geometry as the collection's position.
fn record(feature: &str, collection: &Collection) -> Result<Vec<u8>, serde_json::Error> {
    let feature: Feature<'_> = serde_json::from_str(feature)?;
    let mut json = match feature.properties.map(|raw| raw.get().trim()) {
        Some(text) if text.starts_with('{') => text.as_bytes()[..text.len() - 1].trim_ascii_end().to_vec(),
        _ => vec![b'{'],
    };
    let given = |name: &str| feature.properties.is_some_and(|raw| names(raw.get(), name));
    let key = &collection.fields[0].name;
    if let Some(id) = feature.id.filter(|_| collection.key.len == 1 && !given(key)) {
        member(&mut json, key);
        json.extend_from_slice(id.get().as_bytes());
    }
    let (Some(geometry), Some(position)) = (feature.geometry, collection.positions.first()) else {
        json.push(b'}');
        return Ok(json);
    };
    match position.of {
        PositionOf::Field(field) => {
            member(&mut json, &collection.fields[field].name);
            json.extend_from_slice(geometry.get().as_bytes());
        }
        PositionOf::Numbers { longitude, latitude } => {
            let place: Place<'_> = serde_json::from_str(geometry.get())?;
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
        while let Some(feature) = seq.next_element::<Box<RawValue>>()? {
            match self.0.feature(feature.get()) {
                Ok(true) => {}
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
