//! The gateway's own health: it is ready when each service has a replica that is.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use pintle_query::Details;

use super::replica::Service;
use crate::answer::{self, Answer};
use crate::failure::Failure;
use crate::health::OK;

/// `/health/ready`
pub(super) fn ready<'s>(services: impl Iterator<Item = &'s Service>) -> Result<Answer, Failure> {
    let missing: Vec<&Service> = services.filter(|service| !service.is_ready()).collect();
    if missing.is_empty() {
        return Ok(answer::json(StatusCode::OK, OK.into()));
    }
    let names: Vec<String> = missing.iter().map(|service| format!("`{}`", service.name)).collect();
    let mut failure =
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, format!("no replica is ready of {}", names.join(", ")));
    let told = |service: &&Service| (service.name.clone(), "no replica is ready".to_owned());
    failure.details = Details::List(missing.iter().map(told).collect());
    Err(failure.header(header::RETRY_AFTER, HeaderValue::from_static("1")))
}

/// `/health`: all of it, in the words that older monitors know.
pub(super) fn whole<'s>(services: impl Iterator<Item = &'s Service>) -> Answer {
    let (mut status, mut told) = (StatusCode::OK, serde_json::Map::new());
    for service in services {
        let ready = service.is_ready();
        if !ready {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        let word = if ready { "ok" } else { "no replica is ready" };
        told.insert(service.name.clone(), word.into());
    }
    answer::json(status, serde_json::json!({ "app": "ok", "services": told }).to_string().into())
}
