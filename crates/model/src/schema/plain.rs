//! Schemas that say only what can be seen while a text is read: types, bounds, lengths, the members that there must be.

use serde_json::{Map, Value};

/// Levels that the recursion may take of the stack, whatever the caller allows.
const LEVELS_MAX: u32 = 100;
/// Places of a schema that are followed, also again where several lead to one.
const PLACES_MAX: usize = 10_000;
/// Members that an object's description may name: a bit for each.
const MEMBERS_MAX: usize = 64;
/// Digits of integers that doubles hold too.
const INTEGER_DIGITS_MAX: usize = 15;
/// Characters of other numbers: no double ends before.
const NUMBER_LENGTH_MAX: usize = 300;

/// What says nothing about a value.
const SILENT: [&str; 9] =
    ["title", "description", "$defs", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly"];
/// The only dialect that is read here.
pub(super) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

const NULL: u8 = 1;
const BOOLEAN: u8 = 2;
const INTEGER: u8 = 4;
/// A number that is no integer as it is written.
const FRACTION: u8 = 8;
const TEXT: u8 = 16;
const ARRAY: u8 = 32;
const OBJECT: u8 = 64;
const ANY: u8 = 127;

/// What a value must be.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    /// The types that it may have, as bits.
    types: u8,
    /// An integer's bounds, both included; none for other numbers to be held against.
    bounds: Option<(i64, i64)>,
    /// Characters of a text.
    length: (usize, usize),
    /// Items of an array.
    count: (usize, usize),
    /// What each item must be.
    items: Option<Box<Plain>>,
    /// The members that are described.
    members: Vec<(String, Plain)>,
    /// Those that must be there, as bits.
    required: u64,
    /// Whether there may be others.
    open: bool,
}

static ANYTHING: Plain = Plain {
    types: ANY,
    bounds: None,
    length: (0, usize::MAX),
    count: (0, usize::MAX),
    items: None,
    members: Vec::new(),
    required: 0,
    open: true,
};

impl Plain {
    /// What a schema says; `None` where it says something that is not read here.
    pub(super) fn of(schema: &Value) -> Option<Plain> {
        if schema.get("$schema").is_some_and(|dialect| dialect != DIALECT) {
            return None;
        }
        Source { root: schema, places: 0 }.place(schema, 0)
    }

    /// Whether a text is JSON that has this form.
    pub(super) fn takes(&self, json: &str, levels: u32) -> bool {
        let mut walk = Walk { bytes: json.as_bytes(), at: 0 };
        let done = walk.value(self, levels.min(LEVELS_MAX));
        walk.space();
        done.is_some() && walk.at == walk.bytes.len()
    }
}

/// A schema that is read.
struct Source<'a> {
    root: &'a Value,
    places: usize,
}

impl Source<'_> {
    fn place(&mut self, schema: &Value, depth: u32) -> Option<Plain> {
        self.places += 1;
        if depth > LEVELS_MAX || self.places > PLACES_MAX {
            return None;
        }
        let object = match schema {
            Value::Bool(true) => return Some(ANYTHING.clone()),
            Value::Object(object) => object,
            _ => return None,
        };
        if let Some(target) = object.get("$ref") {
            let alone = object.keys().all(|key| key == "$ref" || SILENT.contains(&key.as_str()));
            let name = target.as_str()?.strip_prefix("#/$defs/")?;
            let plain = alone && !name.contains(['/', '~', '%']);
            let target = self.root.get("$defs")?.get(name)?;
            return if plain { self.place(target, depth + 1) } else { None };
        }
        self.read(object, depth)
    }

    fn read(&mut self, object: &Map<String, Value>, depth: u32) -> Option<Plain> {
        let mut plain = ANYTHING.clone();
        let mut required: &[Value] = &[];
        let size = |value: &Value| value.as_u64().and_then(|size| usize::try_from(size).ok());
        for (key, value) in object {
            match key.as_str() {
                "$schema" if depth == 0 => {}
                "type" => plain.types = types(value)?,
                "minimum" => plain.bounds.get_or_insert((i64::MIN, i64::MAX)).0 = bound(value)?,
                "maximum" => plain.bounds.get_or_insert((i64::MIN, i64::MAX)).1 = bound(value)?,
                "minLength" => plain.length.0 = size(value)?,
                "maxLength" => plain.length.1 = size(value)?,
                "minItems" => plain.count.0 = size(value)?,
                "maxItems" => plain.count.1 = size(value)?,
                "items" => plain.items = Some(Box::new(self.place(value, depth + 1)?)),
                "properties" => {
                    for (name, schema) in value.as_object()? {
                        let member = self.place(schema, depth + 1)?;
                        plain.members.push((name.clone(), member));
                    }
                }
                "required" => required = value.as_array()?,
                "additionalProperties" => plain.open = value.as_bool()?,
                silent if SILENT.contains(&silent) => {}
                _ => return None,
            }
        }
        for name in required {
            let at = plain.members.iter().position(|(member, _)| name == member);
            plain.required |= 1_u64.checked_shl(u32::try_from(at?).ok()?)?;
        }
        let few = plain.members.len() <= MEMBERS_MAX;
        few.then_some(plain)
    }
}

fn types(value: &Value) -> Option<u8> {
    let one = |value: &Value| {
        Some(match value.as_str()? {
            "null" => NULL,
            "boolean" => BOOLEAN,
            "integer" => INTEGER,
            "number" => INTEGER | FRACTION,
            "string" => TEXT,
            "array" => ARRAY,
            "object" => OBJECT,
            _ => return None,
        })
    };
    match value {
        Value::Array(several) => several.iter().try_fold(0, |types, value| Some(types | one(value)?)),
        value => one(value),
    }
}

fn bound(value: &Value) -> Option<i64> {
    value.as_i64().filter(|bound| bound.unsigned_abs() < 1 << 53)
}

/// The way through a text. `None` is the end of it: the text is another one, or nothing that is sure.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn value(&mut self, plain: &Plain, levels: u32) -> Option<()> {
        self.space();
        let may_be = |type_: u8| (plain.types & type_ != 0).then_some(());
        match *self.bytes.get(self.at)? {
            b'{' => may_be(OBJECT).and_then(|()| self.object(plain, levels.checked_sub(1)?)),
            b'[' => may_be(ARRAY).and_then(|()| self.array(plain, levels.checked_sub(1)?)),
            b'"' => {
                may_be(TEXT)?;
                let (length, _) = self.text()?;
                within(length, plain.length)
            }
            b't' => may_be(BOOLEAN).and_then(|()| self.word(b"true")),
            b'f' => may_be(BOOLEAN).and_then(|()| self.word(b"false")),
            b'n' => may_be(NULL).and_then(|()| self.word(b"null")),
            _ => self.number(plain),
        }
    }

    fn object(&mut self, plain: &Plain, levels: u32) -> Option<()> {
        let (mut found, mut next) = (0_u64, 0);
        self.at += 1;
        self.space();
        if !self.is(b'}') {
            loop {
                self.space();
                let name = self.key()?;
                // Members mostly come in the order in which they are described.
                let ahead = (next..plain.members.len()).chain(0..next);
                let member = ahead.into_iter().find(|at| plain.members[*at].0.as_bytes() == name);
                self.space();
                self.is(b':').then_some(())?;
                match member {
                    Some(at) => {
                        (found, next) = (found | 1 << at, at + 1);
                        self.value(&plain.members[at].1, levels)?;
                    }
                    None => plain.open.then(|| self.value(&ANYTHING, levels))??,
                }
                self.space();
                if !self.is(b',') {
                    break;
                }
            }
            self.is(b'}').then_some(())?;
        }
        (found & plain.required == plain.required).then_some(())
    }

    fn array(&mut self, plain: &Plain, levels: u32) -> Option<()> {
        let (mut count, items) = (0, plain.items.as_deref().unwrap_or(&ANYTHING));
        self.at += 1;
        self.space();
        if !self.is(b']') {
            loop {
                self.value(items, levels)?;
                count += 1;
                self.space();
                if !self.is(b',') {
                    break;
                }
            }
            self.is(b']').then_some(())?;
        }
        within(count, plain.count)
    }

    /// A key without escapes that means nothing to a reader of JSON.
    fn key(&mut self) -> Option<&'a [u8]> {
        let (_, text) = self.text()?;
        let strange = text.first() == Some(&b'$') || text.contains(&b'\\');
        (!strange).then_some(text)
    }

    /// A text: how many characters it has, and how it is written between its quotes.
    fn text(&mut self) -> Option<(usize, &'a [u8])> {
        self.is(b'"').then_some(())?;
        let (from, mut length) = (self.at, 0);
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return Some((length, &self.bytes[from..self.at - 1])),
                b'\\' => {
                    let escaped = *self.bytes.get(self.at)?;
                    self.at += 1;
                    matches!(escaped, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't').then_some(())?;
                    length += 1;
                }
                0..0x20 => return None,
                // Each character has one byte that is none of these.
                0x80..0xC0 => {}
                _ => length += 1,
            }
        }
    }

    fn number(&mut self, plain: &Plain) -> Option<()> {
        let from = self.at;
        let negative = self.is(b'-');
        let (begin, mut amount) = (self.at, 0_i64);
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            amount = amount.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.at - begin;
        let leading = self.bytes.get(begin) == Some(&b'0') && digits > 1;
        if digits == 0 || leading {
            return None;
        }
        if self.is(b'.') {
            let begin = self.at;
            while let Some(b'0'..=b'9') = self.bytes.get(self.at) {
                self.at += 1;
            }
            let sure = self.at > begin && self.at - from <= NUMBER_LENGTH_MAX && plain.bounds.is_none();
            return (sure && plain.types & FRACTION != 0 && !self.has_exponent()).then_some(());
        }
        let number = if negative { -amount } else { amount };
        let bounds = plain.bounds.unwrap_or((i64::MIN, i64::MAX));
        let sure = digits <= INTEGER_DIGITS_MAX && !self.has_exponent();
        (sure && plain.types & INTEGER != 0 && bounds.0 <= number && number <= bounds.1).then_some(())
    }

    fn has_exponent(&self) -> bool {
        matches!(self.bytes.get(self.at), Some(b'e' | b'E'))
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// Takes this byte, if it is there.
    fn is(&mut self, byte: u8) -> bool {
        let is = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(is);
        is
    }
}

fn within(size: usize, (least, most): (usize, usize)) -> Option<()> {
    (least <= size && size <= most).then_some(())
}
