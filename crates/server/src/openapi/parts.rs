//! What every endpoint shares: errors and headers.

use serde_json::{Map, Value, json};

/// The tag of health, metrics and the document.
pub(super) const SYSTEM_TAG: &str = "operation";

/// What the server answers as JSON.
pub(super) const JSON: &str = "application/json";

/// The tag of a collection under `/rest/v1`.
pub(super) fn rest_tag(collection: &str) -> String {
    format!("rest/v1/{collection}")
}

/// A reference to a schema of the document.
pub(super) fn schema_ref(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The body of every error.
pub(super) fn error_schema() -> Value {
    json!({
        "type": "object",
        "description": "What was wrong, where, and what would be right.",
        "properties": {
            "code": {
                "type": "string",
                "description": "`PT` and the status, a code of PostgREST's (`PGRST…`), or a SQLSTATE.",
            },
            "message": { "type": "string", "description": "What was wrong." },
            "details": {
                "description": "Where, or every fault of a body.",
                "anyOf": [
                    { "type": "null" },
                    { "type": "string" },
                    {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": { "path": { "type": "string" }, "message": { "type": "string" } },
                            "required": ["path", "message"],
                        },
                    },
                ],
            },
            "hint": { "type": ["string", "null"], "description": "What would be right." },
        },
        "required": ["code", "message", "details", "hint"],
        "additionalProperties": false,
    })
}

/// An error that operations may answer.
struct Failure {
    status: &'static str,
    name: &'static str,
    about: &'static str,
    code: &'static str,
    message: &'static str,
    hint: Option<&'static str>,
}

const fn failure(
    status: &'static str,
    name: &'static str,
    about: &'static str,
    code: &'static str,
    message: &'static str,
    hint: Option<&'static str>,
) -> Failure {
    Failure { status, name, about, code, message, hint }
}

/// Every error, by status, as all but `/rest/v1` answers it.
const FAILURES: [Failure; 13] = [
    failure(
        "400",
        "BadRequest",
        "The request is not understood, or what it gives is no valid record.",
        "PT400",
        "`doen` is no parameter of this list",
        Some("did you mean `done`?"),
    ),
    failure(
        "401",
        "Unauthorized",
        "A token is needed, or the one that was sent is not known.",
        "PT401",
        "this token is not known",
        Some("it may have been revoked; make one: pintle token create NAME --role ROLE"),
    ),
    failure(
        "403",
        "Forbidden",
        "This caller may not do this.",
        "PT403",
        "new row violates row-level security policy for table \"things\"",
        None,
    ),
    failure(
        "404",
        "NotFound",
        "There is no such record, or the caller may not see it.",
        "PT404",
        "there is no record `7`",
        None,
    ),
    failure(
        "405",
        "MethodNotAllowed",
        "This address does not answer this method; `Allow` names those that it does.",
        "PT405",
        "this address does not answer PUT",
        Some("it answers GET, POST, HEAD, OPTIONS"),
    ),
    failure("408", "Timeout", "The body did not come in time.", "PT408", "the body did not come within 30 s", None),
    failure(
        "409",
        "Conflict",
        "Another record holds a value that must be unique, or one refers to this record, or a request with the same \
         `Idempotency-Key` is at work.",
        "PT409",
        "`name` is taken: another record has it",
        None,
    ),
    failure(
        "412",
        "PreconditionFailed",
        "The record is not the one that `If-Match` names: somebody changed it. Nothing was written.",
        "PT412",
        "the record has changed: it is not the one that the condition names",
        Some("fetch it again and send its new ETag"),
    ),
    failure(
        "413",
        "TooLarge",
        "The body is larger than the server takes.",
        "PT413",
        "the body is larger than 1048576 bytes",
        Some("send it in parts; the manifest's `limits.body` sets how much is taken"),
    ),
    failure(
        "414",
        "UriTooLong",
        "The URL is longer than the server takes.",
        "PT414",
        "the URL has 9011 bytes, at most 8192 are taken",
        None,
    ),
    failure(
        "415",
        "UnsupportedMediaType",
        "The body is not of a type that is taken here.",
        "PT415",
        "a body of the type text/plain is not taken here",
        Some("send `Content-Type: application/json`"),
    ),
    failure(
        "422",
        "KeyOfAnother",
        "This `Idempotency-Key` was used for another request.",
        "PT422",
        "this `Idempotency-Key` was used for another request",
        None,
    ),
    failure(
        "5XX",
        "ServerError",
        "The server could not do it, through no fault of the request: the store does not answer, or its disk is full. \
         A write was not made, unless the connection to a PostgreSQL server broke under it: then send it again with \
         its `Idempotency-Key`.",
        "PT503",
        "the store does not answer",
        None,
    ),
];

/// The errors to which `/rest/v1` gives codes of PostgREST's and PostgreSQL's.
const REST_FAILURES: [Failure; 6] = [
    failure(
        "400",
        "RestBadRequest",
        "The request is not understood, or what it gives is no valid record.",
        "42703",
        "column things.nmae does not exist",
        Some("Perhaps you meant to reference the column \"things.name\"."),
    ),
    failure(
        "401",
        "RestUnauthorized",
        "A token is needed, or the one that was sent is not known.",
        "PGRST301",
        "this token is not known",
        Some("it may have been revoked; make one: pintle token create NAME --role ROLE"),
    ),
    failure(
        "403",
        "RestForbidden",
        "This caller may not do this.",
        "42501",
        "new row violates row-level security policy for table \"things\"",
        None,
    ),
    failure(
        "406",
        "RestNotAcceptable",
        "One record was asked for and there is not exactly one, or the answer cannot be given in the form asked for.",
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        None,
    ),
    failure(
        "409",
        "RestConflict",
        "Another record holds a value that must be unique, or one refers to this record, or a request with the same \
         `Idempotency-Key` is at work.",
        "23505",
        "duplicate key value violates unique constraint \"things_pkey\"",
        None,
    ),
    failure(
        "416",
        "RestRangeNotSatisfiable",
        "The offset lies behind the last record.",
        "PGRST103",
        "Requested range not satisfiable",
        None,
    ),
];

/// The components' responses: one for each error.
pub(super) fn responses() -> Map<String, Value> {
    FAILURES.iter().chain(&REST_FAILURES).map(|failure| (failure.name.to_owned(), failure.response())).collect()
}

impl Failure {
    fn response(&self) -> Value {
        let mut response = json!({
            "description": self.about,
            "content": { JSON: {
                "schema": schema_ref("Error"),
                "example": { "code": self.code, "message": self.message, "details": null, "hint": self.hint },
            } },
        });
        let header = match self.status {
            "401" => Some("WWW-Authenticate"),
            "405" => Some("Allow"),
            _ => None,
        };
        if let Some(header) = header {
            response["headers"] = json!({ header: header_ref(header) });
        }
        response
    }
}

/// References to the errors of these statuses, to be merged into an operation's responses.
pub(super) fn errors(statuses: &[&str]) -> Map<String, Value> {
    references(FAILURES.iter(), statuses)
}

/// The same as `/rest/v1` answers them.
pub(super) fn rest_errors(statuses: &[&str]) -> Map<String, Value> {
    // The later one wins.
    references(FAILURES.iter().chain(&REST_FAILURES), statuses)
}

fn references<'a>(failures: impl Iterator<Item = &'a Failure>, statuses: &[&str]) -> Map<String, Value> {
    failures
        .filter(|failure| statuses.contains(&failure.status))
        .map(|f| (f.status.to_owned(), json!({ "$ref": format!("#/components/responses/{}", f.name) })))
        .collect()
}

/// The same errors for `HEAD`, whose answers have no body.
pub(super) fn bare_rest_errors(statuses: &[&str]) -> Map<String, Value> {
    let failures = FAILURES.iter().chain(&REST_FAILURES);
    failures
        .filter(|failure| statuses.contains(&failure.status))
        .map(|f| (f.status.to_owned(), json!({ "description": f.about })))
        .collect()
}

/// A reference to a header of the document.
pub(super) fn header_ref(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// The components' headers.
pub(super) fn headers() -> Value {
    let text = |about: &str| json!({ "description": about, "schema": { "type": "string" } });
    json!({
        "Cache-Status": text("`Pintle; hit` when the answer was kept, `Pintle; fwd=miss` when it was made now."),
        "Allow": text("The methods that this address answers."),
        "Content-Range": text("Which records the answer holds, and of how many: `0-29/*`, or `0-29/100000` when counted."),
        "ETag": text("Changes with the record. Send it back in `If-None-Match` or `If-Match`."),
        "Idempotent-Replayed": text("`true`: this was answered before, and nothing was written now."),
        "Link": text("`<…>; rel=\"next\"`: where the next page is, if there is one."),
        "Location": text("Where the new record is."),
        "Preference-Applied": text("The preferences that were followed."),
        "WWW-Authenticate": text("How to say who asks: `Bearer`, and `Basic` where the app takes it."),
        "X-Request-Id": text("The request's id, as the log has it."),
    })
}

/// The parameter that makes a `POST` one that may be sent again.
pub(super) fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A word of the caller's own choice, such as a UUID, also in quotes. For 24 hours the same request with \
                        the same key gets the same answer, and nothing is written again.",
        "schema": { "type": "string", "pattern": "^[!#-~][!-~]*$", "minLength": 1, "maxLength": 255 },
    })
}
