//! Pipelines: where records are posted, and where they go.

use super::keys::{ACCESS, BATCH, DEAD_LETTERS, PIPELINE, PIPELINE_LIMITS};
use super::name::{list, shorten, suggest};
use super::{Map, Reader};
use crate::pipeline::{Batch, DeadLetters};
use crate::protocol;
use crate::yaml::{Key, Node};
use crate::{Collection, CollectionId, Field, Model, Pipeline, RouteAccess};

/// Records that may be on their way, unless the manifest says.
const QUEUE: u64 = 100_000;
/// How long dead letters may be kept at the most, in milliseconds.
const KEEP_MAX: u64 = 87_600 * 60 * 60 * 1000;

impl Reader<'_> {
    /// Reads every pipeline; those with a mistake are left out, so that nothing more is said of them.
    pub(super) fn pipelines(&mut self, node: &Node, model: &Model) -> Vec<Pipeline> {
        let mut pipelines: Vec<Pipeline> = Vec::new();
        for (key, node) in self.names(node, "pipelines", "names and pipelines") {
            let before = self.errors();
            self.name_form(&key.text, key.span);
            let pipeline = self.pipeline(key, node, model, &pipelines);
            pipelines.extend(pipeline.filter(|_| self.errors() == before));
        }
        pipelines
    }

    fn pipeline(&mut self, name: &Key, node: &Node, model: &Model, earlier: &[Pipeline]) -> Option<Pipeline> {
        let map = self.map(node, name.span, &PIPELINE)?;
        let description = map.entry("description").and_then(|(key, node)| self.text(node, key.span, "description"));
        let access = map.entry("auth").and_then(|(key, node)| self.choice(node, key.span, "auth", ACCESS));
        let (batch, queue, dead_letters) = (self.batch(&map), self.queue(&map), self.dead_letters(&map));
        let insert = map.entry("insert").and_then(|(key, node)| self.policy(key.span, node, "insert"));
        // Of a collection with mistakes it may say what is not known.
        let insert = insert.filter(|policy| !self.is_doubtful(&policy.source));
        let path = self.door(&map, model, earlier);
        let into = self.target(&map, model);
        let collection = into.map(|(_, collection)| collection);
        let (id, order) = (self.field_of(&map, "id", collection), self.field_of(&map, "order", collection));
        let (into, collection) = into?;
        self.protocol(name, collection, earlier);
        if let (Some(at), Some((_, node))) = (id, map.entry("id")) {
            let field = &collection.fields[at];
            if !(field.unique || collection.key.len == 1 && collection.is_key(at)) {
                let help = "it is the key of one field, or a field that is `unique`";
                self.error_help(node.span, format!("`{}` does not tell records apart", field.name), help);
            }
        }
        Some(Pipeline {
            name: name.text.clone(),
            description: description.map(str::to_owned),
            path: path?,
            into,
            id: id.map_or_else(|| (0..collection.key.len).collect(), |at| vec![at]),
            order,
            batch,
            queue,
            dead_letters,
            insert: insert.filter(|_| !self.is_doubtful(&collection.name)),
            access: match access {
                Some("required") => RouteAccess::Required,
                Some("service_role") => RouteAccess::ServiceRole,
                _ => RouteAccess::Optional,
            },
            span: name.span,
        })
    }

    /// Over gRPC, names of pipelines and numbers of fields are made of their names: no two may have one.
    fn protocol(&mut self, name: &Key, collection: &Collection, earlier: &[Pipeline]) {
        let camel = protocol::camel(&name.text);
        if let Some(other) = earlier.iter().find(|other| other.protocol_name() == camel) {
            let message = format!("`{}` and `{}` are both `{camel}` over gRPC", other.name, shorten(&name.text));
            self.error_help(name.span, message, "give one of them another name");
        }
        let mut fields: Vec<(u32, &str)> =
            collection.fields.iter().map(|field| (protocol::field_number(&field.name), field.name.as_str())).collect();
        fields.sort_unstable();
        for pair in fields.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let [(number, one), (_, other)] = pair else { continue };
            let message = format!(
                "the fields `{one}` and `{other}` of `{}` have one number over gRPC: {number}",
                collection.name
            );
            self.error_help(name.span, message, "numbers are made of names: give one of the fields another name");
        }
        for (at, field) in collection.fields.iter().enumerate() {
            let json = protocol::json_name(&field.name);
            let same = |other: &&Field| protocol::json_name(&other.name) == json;
            if let Some(other) = collection.fields[..at].iter().find(same) {
                let (one, other, of) = (&other.name, &field.name, &collection.name);
                let message = format!("the fields `{one}` and `{other}` of `{of}` are both `{json}` in JSON over gRPC");
                let help = "compilers of protocols refuse both in one message: give one of the fields another name";
                self.error_help(name.span, message, help);
            }
        }
    }

    fn batch(&mut self, map: &Map<'_>) -> Batch {
        let mut batch = Batch::default();
        let Some((key, node)) = map.entry("batch") else { return batch };
        let Some(map) = self.map(node, key.span, &BATCH) else { return batch };
        if let Some((key, node)) = map.entry("records")
            && let Some(records) = self.count(node, key.span, "records", 1, 10_000)
        {
            batch.records = usize::try_from(records).unwrap_or(batch.records);
        }
        if let Some((key, node)) = map.entry("wait")
            && let Some(wait) = self.duration(node, key.span, "wait", 0, 10_000)
        {
            batch.wait = wait;
        }
        batch
    }

    fn queue(&mut self, map: &Map<'_>) -> u64 {
        let Some((key, node)) = map.entry("limits") else { return QUEUE };
        let Some(map) = self.map(node, key.span, &PIPELINE_LIMITS) else { return QUEUE };
        let queue = map.entry("queue").and_then(|(key, node)| self.count(node, key.span, "queue", 1, 100_000_000));
        queue.unwrap_or(QUEUE)
    }

    fn dead_letters(&mut self, map: &Map<'_>) -> DeadLetters {
        let mut letters = DeadLetters::default();
        let Some((key, node)) = map.entry("dead_letters") else { return letters };
        let Some(map) = self.map(node, key.span, &DEAD_LETTERS) else { return letters };
        if let Some((key, node)) = map.entry("records")
            && let Some(records) = self.count(node, key.span, "records", 1, 100_000_000)
        {
            letters.records = records;
        }
        letters.keep = map.entry("keep").and_then(|(key, node)| self.duration(node, key.span, "keep", 1000, KEEP_MAX));
        letters
    }

    fn target<'m>(&mut self, map: &Map<'_>, model: &'m Model) -> Option<(CollectionId, &'m Collection)> {
        let (key, node) = map.entry("into")?;
        let name = self.text(node, key.span, "into")?;
        if let Some(found) = model.find(name) {
            return Some(found);
        }
        let names: Vec<&str> = model.collections.iter().map(|collection| collection.name.as_str()).collect();
        let help = match suggest(name, &names, &[]) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "the app has no collections".to_owned(),
            None => format!("collections are {}", list(&names)),
        };
        self.error_help(node.span, format!("there is no collection `{}`", shorten(name)), help);
        None
    }

    /// The place of the field that a key names.
    fn field_of(&mut self, map: &Map<'_>, key: &str, collection: Option<&Collection>) -> Option<usize> {
        let (at, node) = map.entry(key)?;
        let name = self.text(node, at.span, key)?;
        let collection = collection?;
        let found = collection.field(name).map(|(at, _)| at);
        if found.is_none() && !self.is_doubtful(&collection.name) {
            let names: Vec<&str> = collection.fields.iter().map(|field| field.name.as_str()).collect();
            let help = match suggest(name, &names, &[]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("its fields are {}", list(&names)),
            };
            self.error_help(node.span, format!("`{}` has no field `{}`", collection.name, shorten(name)), help);
        }
        found
    }

    /// Where records are posted. Beside other methods of the same path, of a mount or of routes, but not beside another `POST`.
    fn door(&mut self, map: &Map<'_>, model: &Model, earlier: &[Pipeline]) -> Option<String> {
        let (key, node) = map.entry("path")?;
        let path = self.text(node, key.span, "path")?;
        if !self.fixed_path(path, node.span) {
            return None;
        }
        let mount = |collection: &Collection| {
            let mount = collection.mount.as_ref()?;
            let lists = mount.path == path && mount.methods.iter().any(|method| method == "POST");
            let records = path.rsplit_once('/').is_some_and(|(parent, _)| parent == mount.path);
            (lists || records).then(|| (collection.name.clone(), records))
        };
        let (taken, help) = if let Some(other) = earlier.iter().find(|other| other.path == path) {
            (format!("the pipeline `{}` takes records there", other.name), "give each a path of its own")
        } else if model.routes.iter().any(|route| route.path == path && route.method == "POST") {
            ("a route answers `post` there".to_owned(), "leave one of them out")
        } else if let Some((name, records)) = model.collections.iter().find_map(mount) {
            if records {
                (format!("the records of `{name}` answer there"), "give the pipeline a path of its own")
            } else {
                (format!("`{name}` takes records there"), "leave `POST` out of the `methods` of its `rest`")
            }
        } else {
            return Some(path.to_owned());
        };
        self.error_help(node.span, format!("the path `{}` is taken: {taken}", shorten(path)), help);
        None
    }
}
