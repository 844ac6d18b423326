//! Records: messages on the wire, read into the JSON that a pipeline's door reads. So whatever holds for a record holds by every door.

use pintle_model::value::print::{
    json_boolean, json_bytes, json_integer, json_number, json_string, json_text, stored_timestamp,
};
use pintle_model::{Collection, Type, field_number};
use serde_json::value::RawValue;

use super::app::given;
use super::wire::{Fields, Raw};
use crate::failure::Failure;

/// The seconds of a moment: the years 1 to 9999.
const SECONDS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

/// How a pipeline's messages are read: made once, when the app is loaded.
#[derive(Debug)]
pub(crate) struct Layout {
    /// In the collection's order, in which generated programs write them.
    fields: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    number: u32,
    name: String,
    /// The name as JSON, with its colon.
    head: Vec<u8>,
    ty: Type,
}

impl Layout {
    /// Of what goes into a collection.
    pub(crate) fn new(collection: &Collection) -> Layout {
        let member = |field: &pintle_model::Field| {
            let mut head = Vec::new();
            json_string(&mut head, &field.name);
            head.push(b':');
            Member { number: field_number(&field.name), name: field.name.clone(), head, ty: field.ty }
        };
        Layout { fields: given(collection).map(|(_, field)| member(field)).collect() }
    }

    /// Writes a message as JSON. Of a field that comes twice the last counts, as protocols have it.
    ///
    /// # Errors
    /// When it is no message, has a field that there is not, or a value that JSON cannot hold.
    pub(crate) fn json(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let no_message =
            |why: &str| Failure::bad_request(format!("the record is no message of this protocol: {why}")).hint(HINT);
        let mut given: Vec<Option<Raw<'_>>> = vec![None; self.fields.len()];
        let (mut fields, mut next) = (Fields(message), 0);
        while let Some((number, raw)) = fields.next().map_err(no_message)? {
            let at = match self.fields.get(next) {
                Some(member) if member.number == number => Some(next),
                _ => self.fields.iter().position(|member| member.number == number),
            };
            // What others ignore would be lost without a word.
            let at = at.ok_or_else(|| no_message(&format!("there is no field with the number {number}")))?;
            given[at] = Some(raw);
            next = at + 1;
        }
        out.push(b'{');
        let before = out.len();
        for (member, raw) in self.fields.iter().zip(given) {
            let Some(raw) = raw else { continue };
            if out.len() > before {
                out.push(b',');
            }
            out.extend_from_slice(&member.head);
            member
                .write(raw, out)
                .map_err(|why| Failure::bad_request(format!("`{}` {why}", member.name)).hint(HINT))?;
        }
        out.push(b'}');
        Ok(())
    }
}

const HINT: &str = "the protocol stands at /docs/pipelines.proto";

impl Member {
    fn write(&self, raw: Raw<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        match (self.ty, raw) {
            (Type::Text | Type::Date | Type::Uuid, Raw::Bytes(text)) => {
                if !json_text(out, text) {
                    return Err("is no UTF-8".to_owned());
                }
            }
            (Type::Integer, Raw::Varint(value)) => json_integer(out, value.cast_signed()),
            (Type::Boolean, Raw::Varint(value)) => json_boolean(out, value != 0),
            (Type::Number, Raw::Eight(bits)) => number(out, f64::from_bits(bits))?,
            (Type::Bytes, Raw::Bytes(bytes)) => json_bytes(out, bytes),
            (Type::Json, Raw::Bytes(json)) => {
                // It is put among others, so it must be one value.
                let json: &RawValue = serde_json::from_slice(json).map_err(|error| format!("is no JSON: {error}"))?;
                out.extend_from_slice(json.get().as_bytes());
            }
            (Type::Timestamp, Raw::Bytes(message)) => moment(message, out)?,
            (Type::Point, Raw::Bytes(message)) => point(message, out)?,
            _ => return Err("has the form of another type".to_owned()),
        }
        Ok(())
    }
}

fn number(out: &mut Vec<u8>, value: f64) -> Result<(), String> {
    if !value.is_finite() {
        return Err(format!("is {value}, which is no number"));
    }
    json_number(out, value);
    Ok(())
}

fn moment(message: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let (mut fields, mut seconds, mut nanos) = (Fields(message), 0, 0);
    while let Some((number, raw)) = fields.next().map_err(|why| format!("is no Timestamp: {why}"))? {
        match (number, raw) {
            (1, Raw::Varint(value)) => seconds = value.cast_signed(),
            (2, Raw::Varint(value)) => nanos = value.cast_signed(),
            _ => return Err("is no Timestamp".to_owned()),
        }
    }
    if !SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return Err(format!("is no moment of the years 1 to 9999: {seconds} s and {nanos} ns"));
    }
    // To the second, with the fraction as it was given: how it is rounded is the type's.
    let text = stored_timestamp(seconds * 1_000_000);
    let whole = text.split('.').next().unwrap_or_default();
    out.extend_from_slice(format!("\"{whole}.{nanos:09}Z\"").as_bytes());
    Ok(())
}

fn point(message: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let (mut fields, mut degrees) = (Fields(message), [0.0; 2]);
    while let Some((number, raw)) = fields.next().map_err(|why| format!("is no Point: {why}"))? {
        match (number, raw) {
            (at @ 1..=2, Raw::Eight(bits)) => degrees[at as usize - 1] = f64::from_bits(bits),
            _ => return Err("is no Point".to_owned()),
        }
    }
    out.extend_from_slice(b"{\"longitude\":");
    number(out, degrees[0])?;
    out.extend_from_slice(b",\"latitude\":");
    number(out, degrees[1])?;
    out.push(b'}');
    Ok(())
}
