//! A protocol as the bytes of a `FileDescriptorProto`, by which tools learn it from a running server.

use pintle_model::json_name;

use super::schema::{Enum, Field, File, Kind, Label, Message, Service};
use super::wire::{integer, message as inner, text};

/// Writes the file.
pub(super) fn write(file: &File) -> Vec<u8> {
    let mut out = Vec::new();
    text(&mut out, 1, file.name);
    text(&mut out, 2, &file.package);
    for import in &file.imports {
        text(&mut out, 3, import);
    }
    for one in &file.messages {
        inner(&mut out, 4, |out| message(out, one));
    }
    for one in &file.enums {
        inner(&mut out, 5, |out| enumeration(out, one));
    }
    for one in &file.services {
        inner(&mut out, 6, |out| service(out, one));
    }
    text(&mut out, 12, "proto3");
    out
}

fn message(out: &mut Vec<u8>, message: &Message) {
    text(out, 1, &message.name);
    // In proto3, what may be absent is the one field of a `oneof` that nobody sees.
    let mut absent = Vec::new();
    for field in &message.fields {
        let oneof = (field.label == Label::Optional).then(|| {
            absent.push(oneof_name(message, &field.name, &absent));
            absent.len() as u64 - 1
        });
        inner(out, 2, |out| self::field(out, field, oneof));
    }
    for name in absent {
        inner(out, 8, |out| text(out, 1, &name));
    }
}

/// How compilers call it: with one underscore before it, and as many `X` as it takes to be no other name.
fn oneof_name(message: &Message, field: &str, others: &[String]) -> String {
    let mut name = if field.starts_with('_') { field.to_owned() } else { format!("_{field}") };
    while others.contains(&name) || message.fields.iter().any(|field| field.name == name) {
        name.insert(0, 'X');
    }
    name
}

fn field(out: &mut Vec<u8>, field: &Field, oneof: Option<u64>) {
    text(out, 1, &field.name);
    integer(out, 3, u64::from(field.number));
    integer(out, 4, if field.label == Label::Repeated { 3 } else { 1 });
    let (kind, name) = match &field.kind {
        Kind::Double => (1, None),
        Kind::Int64 => (3, None),
        Kind::Uint64 => (4, None),
        Kind::Int32 => (5, None),
        Kind::Bool => (8, None),
        Kind::Text => (9, None),
        Kind::Message(name) => (11, Some(name)),
        Kind::Bytes => (12, None),
        Kind::Enum(name) => (14, Some(name)),
    };
    integer(out, 5, kind);
    if let Some(name) = name {
        text(out, 6, &format!(".{name}"));
    }
    if let Some(oneof) = oneof {
        // The first has the number 0, which must be said here.
        out.push(9 << 3);
        super::wire::varint(out, oneof);
    }
    text(out, 10, &json_name(&field.name));
    integer(out, 17, u64::from(oneof.is_some()));
}

fn enumeration(out: &mut Vec<u8>, of: &Enum) {
    text(out, 1, of.name);
    for (number, (name, _)) in (0..).zip(&of.values) {
        inner(out, 2, |out| {
            text(out, 1, name);
            out.push(2 << 3);
            super::wire::varint(out, number);
        });
    }
}

fn service(out: &mut Vec<u8>, service: &Service) {
    text(out, 1, &service.name);
    for method in &service.methods {
        inner(out, 2, |out| {
            text(out, 1, method.name);
            text(out, 2, &format!(".{}", method.takes));
            text(out, 3, &format!(".{}", method.answers));
            integer(out, 5, u64::from(method.streams.0));
            integer(out, 6, u64::from(method.streams.1));
        });
    }
}
