//! Who talks to whom: from callers on the left to stores and other hosts on the right.

use pintle_model::{FetchTarget, Model, RouteAnswer, RouteId, Service};

use crate::canvas::{
    ACCENT, Area, BAND, Canvas, Ends, FAINT, INK, LINE, MARGIN, PAD, SMALL, TEXT, Units, index, width,
};

const COLUMN_GAP: Units = 84.0;
const BOX_GAP: Units = 24.0;
/// The boxes of one line of text or two.
const SMALL_BOX: (Units, Units) = (132.0, 56.0);

/// Draws an app's services with what each answers, and who talks to whom, as SVG. `fetches` tells whether a route's script calls other hosts.
#[must_use]
pub fn services(model: &Model, fetches: &dyn Fn(RouteId) -> bool) -> String {
    let parts: Vec<Vec<Part>> = model.services.iter().map(|service| parts(model, service)).collect();
    let mut canvas = Canvas::default();
    let several = model.services.len() > 1;
    let mut x = MARGIN;
    let callers = take(&mut x, SMALL_BOX.0);
    let gateway = several.then(|| take(&mut x, SMALL_BOX.0));
    let wide = parts.iter().zip(&model.services).map(|(parts, service)| widest(service, parts)).fold(180.0, Units::max);
    let mut boxes = stack(take(&mut x, wide), wide, parts.iter().map(|parts| height(parts)));
    let outside: Vec<String> = model.scripts.fetch.iter().map(target).collect();
    let broad = outside.iter().map(|host| width(host, SMALL) + 2.0 * PAD).fold(SMALL_BOX.0, Units::max);
    let mut ends = stack(x, broad, std::iter::repeat_n(SMALL_BOX.1 + 12.0, 1 + outside.len()));
    // The shorter column stands in the middle of the longer.
    let middle = boxes.iter().chain(&ends).map(Area::bottom).fold(0.0, Units::max);
    let middle = (MARGIN + middle) / 2.0;
    centre(&mut boxes, middle);
    centre(&mut ends, middle);
    let small = |x: Units| Area { x, y: middle - SMALL_BOX.1 / 2.0, width: SMALL_BOX.0, height: SMALL_BOX.1 };
    let (callers, gateway) = (small(callers), gateway.map(small));

    let right = |area: Area| (area.right(), area.middle());
    let left = |area: Area| (area.x, area.middle());
    if let Some(gateway) = gateway {
        canvas.connect(right(callers), left(gateway), Ends::Arrow);
    }
    for (service, area) in model.services.iter().zip(&boxes) {
        canvas.connect(right(gateway.unwrap_or(callers)), left(*area), Ends::Arrow);
        let asks = !service.collections.is_empty() || !service.routes.is_empty();
        let calls = service.routes.iter().any(|route| fetches(*route));
        for (at, end) in ends.iter().enumerate() {
            if if at == 0 { asks } else { calls } {
                canvas.connect(right(*area), left(*end), Ends::Arrow);
            }
        }
    }
    canvas.outside(callers, &[("callers", INK), ("programs, browsers", FAINT)]);
    if let Some(gateway) = gateway {
        canvas.outside(gateway, &[("gateway", INK), ("or ports", FAINT)]);
    }
    for ((service, parts), area) in model.services.iter().zip(&parts).zip(&boxes) {
        paint(&mut canvas, service, parts, *area);
    }
    canvas.cylinder(ends[0], &[("store", INK), ("SQLite, PostgreSQL", FAINT)]);
    for (host, area) in outside.iter().zip(&ends[1..]) {
        canvas.outside(*area, &[(host, INK), ("by fetch", FAINT)]);
    }
    canvas.finish(&format!("The services of {}", model.name))
}

/// One line of a service's box.
struct Part {
    what: String,
    aside: String,
    /// The heading of a group.
    heads: bool,
}

/// What a service answers, in groups.
fn parts(model: &Model, service: &Service) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut group = |name: &str, lines: Vec<(String, String)>| {
        if !lines.is_empty() {
            parts.push(Part { what: name.to_owned(), aside: String::new(), heads: true });
            parts.extend(lines.into_iter().map(|(what, aside)| Part { what, aside, heads: false }));
        }
    };
    let collections = service.collections.iter().map(|id| {
        let collection = model.collection(*id);
        (collection.name.clone(), collection.mount.as_ref().map_or_else(String::new, |mount| mount.path.clone()))
    });
    group("collections", collections.collect());
    let mut routes: Vec<(String, String)> = Vec::new();
    for RouteId(at) in &service.routes {
        let route = &model.routes[*at];
        let line = format!("{} {}", route.method, route.path);
        let answer = match &route.answer {
            RouteAnswer::Sql(_) => "SQL",
            RouteAnswer::Script(_) => "script",
            RouteAnswer::Proximity(_) => "proximity",
        };
        routes.push((line, answer.to_owned()));
    }
    group("routes", routes);
    if let Some(pages) = model.pages.as_ref().filter(|_| service.pages) {
        let at = if pages.at.is_empty() { "/" } else { &pages.at };
        group("pages", vec![(format!("{}/", pages.folder), at.to_owned())]);
    }
    parts
}

fn port(service: &Service) -> String {
    service.port.map_or_else(String::new, |port| format!(":{port}"))
}

fn target(target: &FetchTarget) -> String {
    match target {
        FetchTarget::Origin(origin) => origin.clone(),
        FetchTarget::Variable(name) => format!("${{env:{name}}}"),
    }
}

/// The left edge of the next column, which is so wide.
fn take(x: &mut Units, width: Units) -> Units {
    let left = *x;
    *x += width + COLUMN_GAP;
    left
}

fn widest(service: &Service, parts: &[Part]) -> Units {
    let name = width(&service.name, TEXT) + PAD + width(&port(service), SMALL);
    let part = |part: &Part| width(&part.what, SMALL) + 2.0 * PAD + width(&part.aside, SMALL);
    parts.iter().map(part).fold(name, Units::max) + 2.0 * PAD
}

fn height(parts: &[Part]) -> Units {
    BAND + LINE * index(parts.len()) + PAD
}

/// Boxes below each other.
fn stack(x: Units, width: Units, heights: impl Iterator<Item = Units>) -> Vec<Area> {
    let mut y = MARGIN;
    let mut areas = Vec::new();
    for height in heights {
        areas.push(Area { x, y, width, height });
        y += height + BOX_GAP;
    }
    areas
}

fn centre(areas: &mut [Area], middle: Units) {
    let (Some(first), Some(last)) = (areas.first(), areas.last()) else { return };
    let down = middle - f32::midpoint(first.y, last.bottom());
    for area in areas {
        area.y += down;
    }
}

fn paint(canvas: &mut Canvas, service: &Service, parts: &[Part], area: Area) {
    canvas.card(area, &service.name, &port(service), ACCENT);
    let mut y = area.y + BAND + 6.0;
    for part in parts {
        let (base, colour) = (y + LINE / 2.0 + 4.0, if part.heads { ACCENT } else { INK });
        canvas.write(area.x + PAD, base, &part.what, SMALL, colour);
        if !part.aside.is_empty() {
            canvas.write(area.right() - PAD - width(&part.aside, SMALL), base, &part.aside, SMALL, FAINT);
        }
        y += LINE;
    }
}
