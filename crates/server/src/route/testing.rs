//! Routes for tests.

use std::sync::Arc;

use pintle_model::{ResultShape, Route, RouteAnswer, RouteParam, ScriptFile, SourceFile, Span, SqlAnswer, SqlText};

fn file() -> Arc<SourceFile> {
    Arc::new(SourceFile { path: "routes/r".to_owned(), text: String::new() })
}

fn route(params: Vec<RouteParam>, answer: RouteAnswer) -> Route {
    Route {
        path: "/r".to_owned(),
        method: "GET",
        summary: None,
        description: None,
        access: pintle_model::RouteAccess::Optional,
        acts_as: None,
        params,
        body: None,
        answer,
        response: None,
        cache: None,
        cache_span: Span::default(),
        span: Span::default(),
    }
}

/// `GET /r`, answered by SQL.
pub(super) fn sql(params: Vec<RouteParam>) -> Route {
    let text = SqlText { text: String::new(), file: file(), span: Span::default() };
    let answer = SqlAnswer { sqlite: text.clone(), postgres: text, shape: ResultShape::Rows };
    route(params, RouteAnswer::Sql(answer))
}

/// `GET /r`, answered by a script.
pub(super) fn script(params: Vec<RouteParam>) -> Route {
    route(params, RouteAnswer::Script(ScriptFile { file: file(), span: Span::default() }))
}
