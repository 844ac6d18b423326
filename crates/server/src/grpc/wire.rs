//! Protocol Buffers' bytes: numbers of fields and values, read and written.

/// A value, as it stands in a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Raw<'m> {
    /// A variable number of bytes: integers and booleans.
    Varint(u64),
    /// Eight bytes: doubles.
    Eight(u64),
    /// Four bytes.
    Four(u32),
    /// Texts, bytes and messages.
    Bytes(&'m [u8]),
}

/// The fields of a message, one behind the other. What cannot be one is an error, and the last.
#[derive(Debug)]
pub(super) struct Fields<'m>(pub(super) &'m [u8]);

impl<'m> Fields<'m> {
    /// The next field; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Raw<'m>)>, &'static str> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let number = number.ok_or("a field has a number that none can have")?;
        let raw = match tag & 7 {
            0 => Raw::Varint(self.varint()?),
            1 => Raw::Eight(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| SHORT)?;
                Raw::Bytes(self.take(length)?)
            }
            5 => Raw::Four(u32::from_le_bytes(self.array()?)),
            _ => return Err("a field has a form that there is not"),
        };
        Ok(Some((number, raw)))
    }

    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0;
        for (at, byte) in self.0.iter().take(10).enumerate() {
            // Of the tenth byte one bit counts; what is beyond is dropped, as others do.
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.0 = &self.0[at + 1..];
                return Ok(value);
            }
        }
        Err(if self.0.len() < 10 { SHORT } else { "a number has more than ten bytes" })
    }

    fn take(&mut self, length: usize) -> Result<&'m [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| SHORT)
    }
}

const SHORT: &str = "it ends within a field";

/// Writes a number.
pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Writes an integer's field; none where it is 0, which is what is not there.
pub(super) fn integer(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        varint(out, u64::from(number) << 3);
        varint(out, value);
    }
}

/// Writes a text's, bytes' or a message's field.
pub(super) fn bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    varint(out, u64::from(number) << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Writes a text's field; none where it is empty.
pub(super) fn text(out: &mut Vec<u8>, number: u32, value: &str) {
    if !value.is_empty() {
        bytes(out, number, value.as_bytes());
    }
}

/// Writes a message's field.
pub(super) fn message(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    bytes(out, number, &inner);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        integer(&mut out, 1, u64::MAX);
        integer(&mut out, 2, 0);
        text(&mut out, 300_000, "abc");
        message(&mut out, 4, |out| integer(out, 1, 300));
        out.extend_from_slice(&[5 << 3 | 1, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 6 << 3 | 5, 1, 0, 0, 0]);
        let (mut fields, mut found) = (Fields(&out), Vec::new());
        while let Some(field) = fields.next().unwrap() {
            found.push(field);
        }
        let wanted = [
            (1, Raw::Varint(u64::MAX)),
            (300_000, Raw::Bytes(b"abc")),
            (4, Raw::Bytes(&[8, 0xac, 2])),
            (5, Raw::Eight(1.0_f64.to_bits())),
            (6, Raw::Four(1)),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_cut_off_or_no_message_is_an_error() {
        for wrong in [
            &[8][..],
            &[8, 0x80],
            &[0x0a, 2, 1],
            &[9, 1, 2],
            &[0],
            &[3 << 3 | 3],
            &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        ] {
            let mut fields = Fields(wrong);
            let ended = std::iter::from_fn(|| fields.next().transpose()).find_map(Result::err);
            assert!(ended.is_some(), "{wrong:?}");
        }
    }
}
