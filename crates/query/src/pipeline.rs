//! Pipelines: what comes in is read into records, which are stored many at a time, each on its own.
//!
//! 1. [`Planner::pipeline_record`] reads one object, as a mount reads the body of a new record: every field is checked, and what was
//!    not given is filled in, so that a record is whole once it is taken.
//! 2. [`Planner::pipeline_plan`] is the statement that stores a record, unless its id is there.
//! 3. What could not be stored is kept as JSON ([`Planner::pipeline_json`]), and read again from it.

use std::sync::Arc;

use pintle_model::value::print::json_string;
use pintle_model::{DefaultValue, Diagnostic, Pipeline, PipelineId, Role, RouteAccess, Severity, Value};

use crate::plan::WritePlan;
use crate::planner::Right;
use crate::record::faults::Words;
use crate::record::{self, Fill, Reader};
use crate::request::{Returning, WriteShape};
use crate::rest::{Asker, select};
use crate::{Fault, FaultKind, Planner};

/// A record that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// A value for each field of the collection, in its order.
    pub values: Vec<Value>,
    /// The store counts its key: `values` begin behind it.
    pub counted: bool,
    /// Fields that were filled in by the clock or by chance: they are others each time that it is sent.
    pub filled: Vec<usize>,
}

impl Record {
    /// The value of a field; nothing for a key that is yet to be counted.
    #[must_use]
    pub fn value(&self, field: usize) -> Option<&Value> {
        self.values.get(field.checked_sub(usize::from(self.counted))?)
    }
}

impl Planner {
    /// Whether this role may add records at all.
    ///
    /// # Errors
    /// [`FaultKind::Denied`] where a policy is missing, or the role alone decides that it does not hold.
    pub fn pipeline_open(&self, id: PipelineId, role: Role) -> Result<(), Fault> {
        self.granted(self.model.pipeline(id).into, role, Right::Take(id))
    }

    /// Pipelines by which no caller may add records, though the manifest does not leave them to `service_role`.
    #[must_use]
    pub fn pipelines_of_nobody(&self) -> Vec<Diagnostic> {
        let pipelines = self.model.pipelines.iter().enumerate().filter(|(at, pipeline)| {
            let callers: &[Role] = match pipeline.access {
                RouteAccess::Optional => &[Role::Anon, Role::Authenticated],
                RouteAccess::Required => &[Role::Authenticated],
                RouteAccess::ServiceRole => &[],
            };
            !callers.is_empty() && callers.iter().all(|role| self.pipeline_open(PipelineId(*at), *role).is_err())
        });
        pipelines.map(|(_, pipeline)| self.of_nobody(pipeline)).collect()
    }

    fn of_nobody(&self, pipeline: &Pipeline) -> Diagnostic {
        let into = self.model.collection(pipeline.into);
        let why = match (&pipeline.insert, &into.policies.insert) {
            (Some(_), _) => "its `insert` policy never holds for a caller".to_owned(),
            (None, Some(_)) => format!("the `insert` policy of `{}` never holds for a caller", into.name),
            (None, None) => format!("neither it nor `{}` has an `insert` policy", into.name),
        };
        Diagnostic {
            severity: Severity::Warning,
            message: format!("only service_role may add records by the pipeline `{}`: {why}", pipeline.name),
            label: None,
            help: Some(
                "write below it who may, such as `insert: \"true\"`, or that this is meant: `auth: service_role`"
                    .to_owned(),
            ),
            file: Arc::clone(&self.model.source),
            span: pipeline.span,
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// With every fault of it.
    pub fn pipeline_record(&self, id: PipelineId, json: &[u8], asker: &Asker) -> Result<Record, Fault> {
        let mut rows = record::read(self.record_reader(id, asker), json)?;
        if rows.many {
            return Err(Fault::new(FaultKind::Body, "the record must be an object: it is an array"));
        }
        let values = rows.rows.pop().ok_or_else(|| Fault::new(FaultKind::Body, "there is no record"))?;
        let mut filled = self.made(id);
        filled.retain(|field| !rows.given.contains(field));
        Ok(Record { values, counted: rows.fields.first() != Some(&0), filled })
    }

    /// The fields that are filled in by the clock or by chance where they are not given.
    fn made(&self, id: PipelineId) -> Vec<usize> {
        let fields = self.model.collection(self.model.pipeline(id).into).fields.iter().enumerate();
        let made = fields.filter(|(_, field)| matches!(field.default, Some(DefaultValue::Now | DefaultValue::Uuid)));
        made.map(|(at, _)| at).collect()
    }

    fn record_reader<'a>(&'a self, id: PipelineId, asker: &'a Asker) -> Reader<'a> {
        Reader {
            collection: self.model.collection(self.model.pipeline(id).into),
            asker,
            depth: self.model.limits.depth,
            words: Words::Plain("record"),
            fill: Fill::All,
            columns: None,
            missing_default: false,
            current: None,
        }
    }

    /// Reads a record that was taken before, as [`Planner::pipeline_json`] wrote it, maybe for an earlier model: a field that was
    /// renamed has the value of its earlier name, and one that is new its default.
    ///
    /// # Errors
    /// With everything that keeps it from being a record of the collection as it is now, such as a field that there is no more.
    pub fn pipeline_again(&self, id: PipelineId, json: &str, asker: &Asker) -> Result<Record, Fault> {
        let (values, counted) = record::again(self.record_reader(id, asker), json)?;
        // Nobody knows any more what was given.
        Ok(Record { values, counted, filled: self.made(id) })
    }

    /// A record as a JSON object.
    #[must_use]
    pub fn pipeline_json(&self, id: PipelineId, record: &Record) -> String {
        let collection = self.model.collection(self.model.pipeline(id).into);
        let mut json = vec![b'{'];
        for (field, value) in collection.fields.iter().skip(usize::from(record.counted)).zip(&record.values) {
            if json.len() > 1 {
                json.push(b',');
            }
            json_string(&mut json, &field.name);
            json.push(b':');
            value.write_json(&mut json);
        }
        json.push(b'}');
        String::from_utf8(json).unwrap_or_default()
    }

    /// What stores records, unless their ids are there: for those whose key is `counted`, or for the others. With `shown` it
    /// answers each that is new, if this role may read whatever it adds.
    ///
    /// # Errors
    /// As [`Planner::pipeline_open`].
    pub fn pipeline_plan(
        &self,
        id: PipelineId,
        role: Role,
        counted: bool,
        shown: bool,
    ) -> Result<Arc<WritePlan>, Fault> {
        self.pipeline_open(id, role)?;
        let pipeline = self.model.pipeline(id);
        let collection = self.model.collection(pipeline.into);
        let fields = (usize::from(counted)..collection.fields.len()).collect();
        let shown = shown && self.may_always(pipeline.into, role, Right::Select);
        let select = if shown { select::all(collection) } else { Vec::new() };
        let returning = Returning { select, ..Returning::default() };
        self.plan_write(pipeline.into, role, WriteShape::Take { by: id, fields, returning })
    }
}
