//! What is stored: a box a collection, a line a reference.
//!
//! A collection stands to the right of those that it refers to. Without references the boxes stand in columns, as even
//! as the manifest's order allows.

use pintle_model::{Collection, CollectionId, Field, Model};

use crate::canvas::{
    ACCENT, Area, BAND, Canvas, Ends, FAINT, INK, LINE, MARGIN, PAD, SMALL, TEXT, Units, index, width,
};

/// Between columns, where lines run; and between boxes of one.
const COLUMN_GAP: Units = 72.0;
const BOX_GAP: Units = 24.0;
/// Columns of what refers to nothing.
const COLUMNS_MAX: usize = 3;

/// Draws an app's collections, their fields and their references, as SVG. A key's fields stand first, above a line; `?` follows
/// the type of what may be null.
#[must_use]
pub fn collections(model: &Model) -> String {
    let own: Vec<usize> = (0..model.collections.len()).filter(|at| !model.collections[*at].system).collect();
    let mut areas: Vec<Area> = model.collections.iter().map(|collection| size(model, collection)).collect();
    let mut x = MARGIN;
    for column in columns(model, &own, &areas) {
        let mut y = MARGIN;
        let wide = column.iter().map(|at| areas[*at].width).fold(0.0, Units::max);
        for at in column {
            areas[at] = Area { x, y, width: wide, ..areas[at] };
            y = areas[at].bottom() + BOX_GAP;
        }
        x += wide + if has_references(model) { COLUMN_GAP } else { BOX_GAP };
    }
    let mut canvas = Canvas::default();
    for at in &own {
        for (place, field) in model.collections[*at].fields.iter().enumerate() {
            refer(&mut canvas, model, &areas, (*at, place), field);
        }
    }
    for at in own {
        paint(&mut canvas, model, &model.collections[at], areas[at]);
    }
    canvas.finish(&format!("The collections of {}", model.name))
}

fn has_references(model: &Model) -> bool {
    model.collections.iter().any(|c| !c.system && c.fields.iter().any(|field| field.reference.is_some()))
}

/// Which boxes stand in which column.
fn columns(model: &Model, own: &[usize], areas: &[Area]) -> Vec<Vec<usize>> {
    if !has_references(model) {
        // Three boxes want two columns, nine want three.
        let count = (1..COLUMNS_MAX).find(|count| count * count >= own.len()).unwrap_or(COLUMNS_MAX);
        let mut columns = vec![(0.0, Vec::new()); count];
        for at in own {
            let lowest = (0..count).min_by(|a, b| Units::total_cmp(&columns[*a].0, &columns[*b].0)).unwrap_or(0);
            columns[lowest].0 += areas[*at].height + BOX_GAP;
            columns[lowest].1.push(*at);
        }
        return columns.into_iter().map(|(_, boxes)| boxes).filter(|boxes| !boxes.is_empty()).collect();
    }
    let mut columns: Vec<Vec<usize>> = Vec::new();
    for at in own {
        let depth = depth(model, *at, &mut vec![*at]);
        columns.resize(columns.len().max(depth + 1), Vec::new());
        columns[depth].push(*at);
    }
    columns.into_iter().filter(|boxes| !boxes.is_empty()).collect()
}

/// How many references lead on from a collection, one after another; a circle ends where it began.
fn depth(model: &Model, at: usize, way: &mut Vec<usize>) -> usize {
    let mut deepest = 0;
    for reference in model.collections[at].fields.iter().filter_map(|field| field.reference.as_ref()) {
        let CollectionId(next) = reference.collection;
        if !way.contains(&next) {
            way.push(next);
            deepest = deepest.max(1 + depth(model, next, way));
            way.pop();
        }
    }
    deepest
}

fn type_of(model: &Model, field: &Field) -> String {
    let name = match &field.reference {
        Some(reference) => model.collection(reference.collection).name.as_str(),
        None => field.ty.name(),
    };
    let null = if field.required { "" } else { "?" };
    format!("{name}{null}")
}

/// How large a collection's box is. The place comes later.
fn size(model: &Model, collection: &Collection) -> Area {
    let field = |field: &Field| width(&field.name, TEXT) + 2.0 * PAD + width(&type_of(model, field), SMALL);
    let widest = collection.fields.iter().map(field).fold(width(&collection.name, TEXT), Units::max);
    Area {
        width: (widest + 2.0 * PAD).max(150.0),
        height: BAND + LINE * index(collection.fields.len()) + PAD,
        ..Area::default()
    }
}

/// The middle of a field's line.
fn line(area: Area, field: usize) -> Units {
    area.y + BAND + 6.0 + LINE * index(field) + LINE / 2.0
}

fn refer(canvas: &mut Canvas, model: &Model, areas: &[Area], (at, place): (usize, usize), field: &Field) {
    let Some(reference) = &field.reference else { return };
    let CollectionId(target) = reference.collection;
    let (from, to) = (areas[at], areas[target]);
    let only = field.unique || (model.collections[at].is_key(place) && model.collections[at].key.len == 1);
    let ends = if only { Ends::OneToOne } else { Ends::ManyToOne };
    // To a column on the left the line leaves on the left; within one it goes around on the right.
    let side = |area: Area, right: bool| if right { area.right() } else { area.x };
    let (leaves, arrives) = if from.x > to.x { (false, true) } else { (true, to.x <= from.x) };
    canvas.connect((side(from, leaves), line(from, place)), (side(to, arrives), line(to, 0)), ends);
}

fn paint(canvas: &mut Canvas, model: &Model, collection: &Collection, area: Area) {
    canvas.card(area, &collection.name, "", ACCENT);
    for (place, field) in collection.fields.iter().enumerate() {
        let y = line(area, place);
        let colour = if collection.is_key(place) { ACCENT } else { INK };
        canvas.write(area.x + PAD, y + 4.5, &field.name, TEXT, colour);
        let ty = type_of(model, field);
        canvas.write(area.right() - PAD - width(&ty, SMALL), y + 4.0, &ty, SMALL, FAINT);
        if place + 1 == collection.key.len && collection.fields.len() > collection.key.len {
            canvas.rule(area, y + LINE / 2.0);
        }
    }
}
