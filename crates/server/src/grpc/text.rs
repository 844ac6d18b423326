//! A protocol as the text of a `.proto` file.

use std::fmt::Write as _;

use super::schema::{Enum, File, Kind, Label, Message, Service};

/// Bytes of a line of a comment at the most.
const LINE: usize = 120;

/// Writes the file.
pub(super) fn write(file: &File) -> String {
    let mut out = String::new();
    comment(&mut out, "", &file.about);
    let _ = write!(out, "syntax = \"proto3\";\n\npackage {};\n", file.package);
    if !file.imports.is_empty() {
        out.push('\n');
    }
    for import in &file.imports {
        let _ = writeln!(out, "import \"{import}\";");
    }
    file.services.iter().for_each(|one| service(&mut out, file, one));
    file.messages.iter().for_each(|one| message(&mut out, file, one));
    file.enums.iter().for_each(|one| enumeration(&mut out, one));
    out
}

fn service(out: &mut String, file: &File, service: &Service) {
    out.push('\n');
    comment(out, "", &service.about);
    let _ = writeln!(out, "service {} {{", service.name);
    for method in &service.methods {
        comment(out, "  ", method.about);
        let stream = |many: bool| if many { "stream " } else { "" };
        let (takes, answers) = (stream(method.streams.0), stream(method.streams.1));
        let _ = writeln!(
            out,
            "  rpc {}({takes}{}) returns ({answers}{});",
            method.name,
            file.short(&method.takes),
            file.short(&method.answers)
        );
    }
    out.push_str("}\n");
}

fn message(out: &mut String, file: &File, message: &Message) {
    out.push('\n');
    comment(out, "", &message.about);
    let _ = writeln!(out, "message {} {{", message.name);
    for field in &message.fields {
        comment(out, "  ", &field.about);
        let label = match field.label {
            Label::Plain => "",
            Label::Optional => "optional ",
            Label::Repeated => "repeated ",
        };
        let kind = match &field.kind {
            Kind::Double => "double",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::Uint64 => "uint64",
            Kind::Bool => "bool",
            Kind::Text => "string",
            Kind::Bytes => "bytes",
            Kind::Message(name) | Kind::Enum(name) => file.short(name),
        };
        let _ = writeln!(out, "  {label}{kind} {} = {};", field.name, field.number);
    }
    out.push_str("}\n");
}

fn enumeration(out: &mut String, of: &Enum) {
    out.push('\n');
    comment(out, "", of.about);
    let _ = writeln!(out, "enum {} {{", of.name);
    for (number, (name, about)) in of.values.iter().enumerate() {
        comment(out, "  ", about);
        let _ = writeln!(out, "  {name} = {number};");
    }
    out.push_str("}\n");
}

/// A comment of lines that are not too long. What an app says of itself may have any characters, and stays in its lines.
fn comment(out: &mut String, before: &str, text: &str) {
    for line in text.trim().lines() {
        let mut written = 0;
        for word in line.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
            if written == 0 || written + word.len() > LINE {
                let _ = write!(out, "{}{before}//", if written == 0 { "" } else { "\n" });
                written = before.len() + 2;
            }
            let _ = write!(out, " {word}");
            written += word.len() + 1;
        }
        if written == 0 {
            let _ = write!(out, "{before}//");
        }
        out.push('\n');
    }
}
