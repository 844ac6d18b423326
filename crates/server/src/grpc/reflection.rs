//! Reflection: tools ask a server which services it has and what their messages are, and need no file.

use std::sync::Arc;

use bytes::Bytes;
use hyper::HeaderMap;
use pintle_model::Model;
use tokio::sync::{mpsc, oneshot};

use super::messages::{self, Messages};
use super::schema::File;
use super::wire::{Fields, Raw, bytes, integer, message, text};
use super::{app, descriptor, health, status};
use crate::Exposure;
use crate::body::Incoming;
use crate::failure::Failure;
use crate::pipeline::{self, IDLE_MAX};

/// The protocol of what is exposed of an app, as reflection hands it out.
#[derive(Debug)]
pub(crate) struct Protocol {
    /// Each file, and its descriptor.
    files: Vec<(File, Vec<u8>)>,
}

impl Protocol {
    pub(crate) fn new(model: &Model, exposure: &Exposure) -> Protocol {
        let files = app::file(model, exposure).into_iter().chain([app::timestamp(), health::file()]);
        Protocol {
            files: files.map(|file| (descriptor::write(&file), file)).map(|(bytes, file)| (file, bytes)).collect(),
        }
    }

    /// The full names of all services.
    pub(super) fn services(&self) -> impl Iterator<Item = String> {
        self.files.iter().flat_map(|(file, _)| file.services.iter().map(|service| file.full(&service.name)))
    }

    /// Writes the answer to a request.
    pub(super) fn answer(&self, request: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let question = question(request)?;
        bytes(out, 2, request);
        let found = match question {
            Some((3, Raw::Bytes(name))) => self.files.iter().find(|(file, _)| file.name.as_bytes() == name),
            Some((4, Raw::Bytes(symbol))) => {
                let symbol = std::str::from_utf8(symbol).unwrap_or_default();
                self.files.iter().find(|(file, _)| file.defines(symbol))
            }
            Some((7, _)) => {
                message(out, 6, |out| {
                    for service in self.services() {
                        message(out, 1, |out| text(out, 1, &service));
                    }
                });
                return Ok(());
            }
            // There are no extensions in proto3.
            _ => None,
        };
        match found {
            Some((_, descriptor)) => message(out, 4, |out| bytes(out, 1, descriptor)),
            None => message(out, 7, |out| {
                // NOT_FOUND
                integer(out, 1, 5);
                text(out, 2, "there is nothing of this name");
            }),
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn files(&self) -> impl Iterator<Item = (&File, &[u8])> {
        self.files.iter().map(|(file, bytes)| (file, bytes.as_slice()))
    }
}

/// What is asked: the number of a field, and its value.
type Question<'r> = Option<(u32, Raw<'r>)>;

/// What is asked; for which host, the first field, does not matter.
fn question(request: &[u8]) -> Result<Question<'_>, Failure> {
    let (mut fields, mut question) = (Fields(request), None);
    while let Some(field) = fields.next().map_err(no_message)? {
        if field.0 != 1 {
            question = Some(field);
        }
    }
    Ok(question)
}

/// The text of a message's field; empty where it is not there.
pub(super) fn text_of(message: &[u8], number: u32) -> Result<String, Failure> {
    let (mut fields, mut found) = (Fields(message), String::new());
    while let Some((at, raw)) = fields.next().map_err(no_message)? {
        if let (true, Raw::Bytes(text)) = (at == number, raw) {
            found = String::from_utf8_lossy(text).into_owned();
        }
    }
    Ok(found)
}

fn no_message(why: &str) -> Failure {
    Failure::bad_request(format!("the request is no message of this protocol: {why}"))
}

/// Answers requests while they come, each before the next is read: nobody has to say who they are to ask, and an answer is far longer
/// than a request.
pub(super) async fn answer(
    protocol: Arc<Protocol>,
    mut messages: Messages,
    mut body: Incoming,
    pieces: mpsc::Sender<Bytes>,
    behind: oneshot::Sender<HeaderMap>,
) {
    let ended = loop {
        let piece = tokio::select! {
            piece = tokio::time::timeout(IDLE_MAX, crate::body::piece(&mut body)) => piece,
            () = pieces.closed() => return,
        };
        let chunk = match piece.unwrap_or_else(|_| Err(pipeline::silent())) {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break Ok(()),
            Err(failure) => break Err(failure),
        };
        messages.push(&chunk);
        match answer_each(&protocol, &mut messages, &pieces).await {
            Ok(true) => {}
            // Who has gone, or does not read, is told nothing more.
            Ok(false) => return,
            Err(failure) => break Err(failure),
        }
    };
    let trailers = ended.map_or_else(|failure| status::failed(&failure), |()| status::good());
    // Who has gone needs none.
    let _ = behind.send(trailers);
}

/// Answers what is whole of what came; whether the connection takes the answers.
pub(super) async fn answer_each(
    protocol: &Protocol,
    messages: &mut Messages,
    pieces: &mpsc::Sender<Bytes>,
) -> Result<bool, Failure> {
    let told = |request: Result<&[u8], Failure>| {
        let (request, mut answer) = (request?, Vec::new());
        protocol.answer(request, &mut answer)?;
        Ok(answer)
    };
    while let Some(answer) = messages.next(told)? {
        let (answer, mut out) = (answer?, Vec::new());
        messages::write(&mut out, |out| out.extend_from_slice(&answer));
        if !matches!(tokio::time::timeout(IDLE_MAX, pieces.send(out.into())).await, Ok(Ok(()))) {
            return Ok(false);
        }
    }
    Ok(true)
}
