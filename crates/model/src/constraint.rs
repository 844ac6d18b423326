//! What a field asks of its values.

use std::cmp::Ordering;

use crate::{Field, Span, Type, Value};

impl Value {
    /// The order of two values of one type; `None` for values of different types, and for nulls.
    #[must_use]
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Integer(a), Value::Integer(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
            (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
            (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
            (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
            (Value::Uuid(a), Value::Uuid(b)) => Some(a.cmp(b)),
            (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

impl Field {
    /// A field that asks nothing of its values.
    #[must_use]
    pub fn new(name: &str, ty: Type, span: Span) -> Field {
        Field {
            name: name.to_owned(),
            ty,
            reference: None,
            required: false,
            unique: false,
            readonly: false,
            default: None,
            choices: Vec::new(),
            pattern: None,
            minimum: None,
            maximum: None,
            min_length: None,
            max_length: None,
            schema: None,
            description: None,
            renamed_from: None,
            span,
        }
    }

    /// Why a value of the field's type is not allowed, if it is not: a sentence without its subject, such as
    /// "must be at least 0". Nulls are never complained of here, and nothing is said of `schema` but its first fault.
    #[must_use]
    pub fn complaint(&self, value: &Value) -> Option<String> {
        if matches!(value, Value::Null) {
            return None;
        }
        if !self.choices.is_empty() && !self.choices.contains(value) {
            let choices: Vec<String> = self.choices.iter().map(Value::to_text).collect();
            return Some(format!("must be one of {}", choices.join(", ")));
        }
        self.range_complaint(value).or_else(|| self.length_complaint(value)).or_else(|| self.form_complaint(value))
    }

    fn range_complaint(&self, value: &Value) -> Option<String> {
        let beyond = |bound: &Option<Value>, side| {
            bound.as_ref().filter(|bound| value.compare(bound) == Some(side)).map(Value::to_text)
        };
        if let Some(least) = beyond(&self.minimum, Ordering::Less) {
            return Some(format!("must be at least {least}"));
        }
        beyond(&self.maximum, Ordering::Greater).map(|greatest| format!("must be at most {greatest}"))
    }

    fn length_complaint(&self, value: &Value) -> Option<String> {
        if self.min_length.is_none() && self.max_length.is_none() {
            return None;
        }
        let (length, unit) = match value {
            Value::Text(text) => (text.chars().count(), "characters"),
            Value::Bytes(bytes) => (bytes.len(), "bytes"),
            _ => return None,
        };
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        if let Some(least) = self.min_length.filter(|least| length < *least) {
            return Some(format!("must have at least {least} {unit}, and has {length}"));
        }
        let greatest = self.max_length.filter(|greatest| length > *greatest)?;
        Some(format!("must have at most {greatest} {unit}, and has {length}"))
    }

    fn form_complaint(&self, value: &Value) -> Option<String> {
        match (value, &self.pattern, &self.schema) {
            (Value::Text(text), Some(pattern), _) if !pattern.regex.is_match(text) => {
                Some(format!("must match the pattern {}", pattern.source))
            }
            (Value::Json(text), _, Some(schema)) => {
                let json: serde_json::Value = serde_json::from_str(text).ok()?;
                let error = schema.validator.iter_errors(&json).next()?;
                let path = error.instance_path().to_string();
                let place = if path.is_empty() { String::new() } else { format!(" at {path}") };
                Some(format!("does not satisfy its schema{place}: {error}"))
            }
            _ => None,
        }
    }
}
