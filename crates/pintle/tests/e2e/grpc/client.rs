//! A client as a stranger makes one: of the `.proto` that the server publishes, with tonic.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _};
use hyper::http::uri::PathAndQuery;
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use crate::common::Server;

struct Published(String);

impl FileResolver for Published {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "pipelines.proto" => File::from_source(name, &self.0),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// The messages of a protocol.
pub(crate) fn compiled(text: &str) -> DescriptorPool {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Published(text.to_owned()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file("pipelines.proto").unwrap();
    compiler.descriptor_pool()
}

/// Messages as they are sent.
#[derive(Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Plain;
    type Decoder = Plain;

    fn encoder(&mut self) -> Plain {
        Plain
    }

    fn decoder(&mut self) -> Plain {
        Plain
    }
}

impl Encoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}

/// What a call is sent with.
#[derive(Default, Clone, Copy)]
pub(crate) struct With<'w> {
    pub(crate) token: Option<&'w str>,
    pub(crate) time: Option<Duration>,
    pub(crate) gzip: bool,
}

/// A connection to a server, and the protocol that it published.
pub(crate) struct Client {
    channel: Channel,
    pub(crate) pool: DescriptorPool,
}

impl Client {
    pub(crate) async fn of(server: &Server) -> Client {
        let published = server.get("/docs/pipelines.proto").await.has(200);
        let endpoint = Channel::from_shared(server.origin.clone()).unwrap();
        Client { channel: endpoint.connect().await.unwrap(), pool: compiled(&published.text) }
    }

    pub(crate) fn message(&self, name: &str) -> MessageDescriptor {
        self.pool.get_message_by_name(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// A message of these fields.
    pub(crate) fn record(&self, name: &str, fields: &[(&str, Value)]) -> Vec<u8> {
        let mut message = DynamicMessage::new(self.message(name));
        for (name, value) in fields {
            message.set_field_by_name(name, value.clone());
        }
        message.encode_to_vec()
    }

    fn call<S>(&self, stream: S, with: With<'_>) -> (tonic::client::Grpc<Channel>, Request<S>) {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        if with.gzip {
            grpc = grpc.send_compressed(tonic::codec::CompressionEncoding::Gzip);
        }
        let mut request = Request::new(stream);
        if let Some(token) = with.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        if let Some(time) = with.time {
            request.set_timeout(time);
        }
        (grpc, request)
    }

    /// Sends records, and reads the summary as JSON.
    pub(crate) async fn take<S>(
        &self,
        path: &'static str,
        records: S,
        with: With<'_>,
    ) -> Result<serde_json::Value, Status>
    where
        S: futures_util::Stream<Item = Vec<u8>> + Send + 'static,
    {
        let (mut grpc, request) = self.call(records, with);
        grpc.ready().await.unwrap();
        let answer = grpc.client_streaming(request, PathAndQuery::from_static(path), Plain).await?;
        Ok(self.json(&package(path, "Summary"), &answer.into_inner()))
    }

    /// Sends records, and reads what is answered to each.
    pub(crate) async fn stream<S>(&self, path: &'static str, records: S, with: With<'_>) -> Result<Answers<'_>, Status>
    where
        S: futures_util::Stream<Item = Vec<u8>> + Send + 'static,
    {
        let (mut grpc, request) = self.call(records, with);
        grpc.ready().await.unwrap();
        let answer = grpc.streaming(request, PathAndQuery::from_static(path), Plain).await?;
        Ok(Answers { client: self, of: package(path, "Outcome"), messages: answer.into_inner() })
    }

    /// Sends messages of another protocol, and reads all that is answered.
    pub(crate) async fn raw(&self, path: &'static str, messages: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Status> {
        let (mut grpc, request) = self.call(futures_util::stream::iter(messages), With::default());
        grpc.ready().await.unwrap();
        let mut answers = grpc.streaming(request, PathAndQuery::from_static(path), Plain).await?.into_inner();
        let mut all = Vec::new();
        while let Some(message) = answers.message().await? {
            all.push(message);
        }
        Ok(all)
    }

    fn json(&self, name: &str, message: &[u8]) -> serde_json::Value {
        let message = DynamicMessage::decode(self.message(name), message).unwrap();
        json(&Value::Message(message))
    }
}

/// The message of the package that a path is in.
fn package(path: &str, name: &str) -> String {
    format!("{}.{name}", path[1..].split('.').next().unwrap())
}

/// A message as JSON: what is not there is left out, and an enum is its number.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Message(message) => {
            message.fields().map(|(field, value)| (field.name().to_owned(), json(value))).collect()
        }
        Value::List(list) => list.iter().map(json).collect(),
        Value::String(text) => text.as_str().into(),
        Value::U64(number) => (*number).into(),
        Value::EnumNumber(number) => (*number).into(),
        other => panic!("{other:?} is not answered"),
    }
}

/// What is answered to a stream.
pub(crate) struct Answers<'c> {
    client: &'c Client,
    of: String,
    messages: Streaming<Vec<u8>>,
}

impl Answers<'_> {
    pub(crate) async fn next(&mut self) -> Result<Option<serde_json::Value>, Status> {
        Ok(self.messages.message().await?.map(|message| self.client.json(&self.of, &message)))
    }
}
