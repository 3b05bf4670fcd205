//! A check of Thrift structs in the compact protocol, before the parquet crate reads them.
//!
//! The parquet crate takes a step for each boolean of a list that it skips, but no byte, so six bytes can cost 2^31
//! steps. It also reads the fields that it knows without a look at their types. After a field of another type it takes
//! other bytes for fields than this check does, and a list can hide there. So both are refused.

use super::varint::{read_varint, read_zigzag};
use parquet::errors::{ParquetError, Result};
use std::fmt::{self, Display, Formatter};
use std::io::{self, ErrorKind, Read};

/// The parquet crate skips as many levels of values. Its own structs have fewer than ten.
const MAX_LEVELS: u8 = 64;

/// The bytes of the longest integer.
const MAX_VARINT_BYTES: usize = 10;

/// The fields of a struct that the parquet crate reads by their number, whatever type they have in the file.
pub(super) type Fields = &'static [(i16, Kind)];

/// The type that the parquet crate takes a field for.
///
/// There is none for booleans. In a field, their value is a part of the type, which the crate checks.
pub(super) enum Kind {
    Byte,
    Integer,
    Double,
    Binary,
    List(&'static Kind),
    Struct(Fields),
}

impl Kind {
    fn encoding(&self) -> Encoding {
        match self {
            Self::Byte => Encoding::Byte,
            Self::Integer => Encoding::Integer,
            Self::Double => Encoding::Double,
            Self::Binary => Encoding::Binary,
            Self::List(_) => Encoding::List,
            Self::Struct(_) => Encoding::Struct,
        }
    }
}

/// How a value is written. Integers of 16, 32 and 64 bits are written alike, and so are lists and sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Boolean,
    Byte,
    Integer,
    Double,
    Binary,
    List,
    Map,
    Struct,
    Uuid,
}

impl Encoding {
    fn of_type(number: u8) -> Option<Self> {
        Some(match number {
            1 | 2 => Self::Boolean,
            3 => Self::Byte,
            4..=6 => Self::Integer,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            13 => Self::Uuid,
            _ => return None,
        })
    }
}

impl Display for Encoding {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Boolean => "a boolean",
            Self::Byte => "a byte",
            Self::Integer => "an integer",
            Self::Double => "a floating-point number",
            Self::Binary => "a string",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Struct => "a struct",
            Self::Uuid => "a UUID",
        })
    }
}

/// Checks the struct that `reader` begins with, and returns its length in bytes. `name` names it in errors.
///
/// # Errors
/// Returns an error if the struct has booleans in a list or a map, a field of another type than `fields` has, a field of
/// `fields` twice, more than 64 levels, or no end. Also returns the errors of `reader`.
pub(super) fn check_struct(reader: impl Read, name: &'static str, fields: Fields) -> Result<u64> {
    let mut check = Check { reader, name, length: 0 };
    check.fields(fields, MAX_LEVELS)?;
    Ok(check.length)
}

struct Check<R> {
    reader: R,
    name: &'static str,
    /// The number of bytes read.
    length: u64,
}

impl<R: Read> Check<R> {
    fn fields(&mut self, known: Fields, levels: u8) -> Result<()> {
        let mut number = 0_i16;
        // A bit for each known field.
        let mut seen = 0_u64;
        loop {
            let header = self.byte()?;
            if header & 0x0F == 0 {
                return Ok(());
            }
            let encoding = self.encoding(header & 0x0F)?;
            let next = match i16::from(header >> 4) {
                0 => i16::try_from(self.zigzag()?).ok(),
                step => number.checked_add(step),
            };
            number = next.ok_or_else(|| self.refused("has a field whose number has more than 16 bits"))?;
            let place = known.iter().position(|(known, _)| *known == number);
            if let Some(place) = place {
                let expected = known[place].1.encoding();
                if encoding != expected {
                    return Err(self.refused(format_args!("has {encoding} as field {number} instead of {expected}")));
                }
                if seen & 1 << place != 0 {
                    return Err(self.refused(format_args!("has its field {number} twice")));
                }
                seen |= 1 << place;
            }
            self.value(encoding, place.map(|place| &known[place].1), levels)?;
        }
    }

    /// Checks a value inside `levels` further levels at most.
    fn value(&mut self, encoding: Encoding, kind: Option<&Kind>, levels: u8) -> Result<()> {
        let Some(levels) = levels.checked_sub(1) else {
            return Err(self.refused(format_args!("has more than {MAX_LEVELS} levels")));
        };
        match encoding {
            Encoding::Boolean => Ok(()),
            Encoding::Byte => self.skip(1),
            Encoding::Integer => self.varint().map(drop),
            Encoding::Double => self.skip(8),
            Encoding::Binary => {
                let length = self.varint()?;
                self.skip(length)
            }
            Encoding::List => self.list(kind, levels),
            Encoding::Map => self.map(levels),
            Encoding::Struct => self.fields(if let Some(Kind::Struct(fields)) = kind { fields } else { &[] }, levels),
            Encoding::Uuid => self.skip(16),
        }
    }

    fn list(&mut self, kind: Option<&Kind>, levels: u8) -> Result<()> {
        let header = self.byte()?;
        // Some writers give an empty list no type.
        if header == 0 {
            return Ok(());
        }
        let encoding = self.encoding(header & 0x0F)?;
        let values = match header >> 4 {
            15 => self.varint()?,
            values => values.into(),
        };
        if encoding == Encoding::Boolean && values > 0 {
            return Err(self.refused(format_args!("has a list of {values} booleans")));
        }
        // The parquet crate checks the type of the values in the lists that it knows.
        let kind = if let Some(Kind::List(kind)) = kind { Some(*kind) } else { None };
        (0..values).try_for_each(|_| self.value(encoding, kind, levels))
    }

    /// Checks a map. The parquet crate knows none.
    fn map(&mut self, levels: u8) -> Result<()> {
        let entries = self.varint()?;
        if entries == 0 {
            return Ok(());
        }
        let header = self.byte()?;
        let (key, value) = (self.encoding(header >> 4)?, self.encoding(header & 0x0F)?);
        if key == Encoding::Boolean || value == Encoding::Boolean {
            return Err(self.refused(format_args!("has a map with {entries} booleans")));
        }
        (0..entries).try_for_each(|_| {
            self.value(key, None, levels)?;
            self.value(value, None, levels)
        })
    }

    fn encoding(&self, number: u8) -> Result<Encoding> {
        Encoding::of_type(number).ok_or_else(|| self.refused(format_args!("has a value of the unknown type {number}")))
    }

    fn zigzag(&mut self) -> Result<i64> {
        let bytes = self.varint_bytes()?;
        read_zigzag(&mut &bytes[..]).ok_or_else(|| self.too_long())
    }

    fn varint(&mut self) -> Result<u64> {
        let bytes = self.varint_bytes()?;
        read_varint(&mut &bytes[..]).ok_or_else(|| self.too_long())
    }

    /// Reads the bytes of an integer, as many as the longest may have.
    fn varint_bytes(&mut self) -> Result<[u8; MAX_VARINT_BYTES]> {
        let mut bytes = [0; MAX_VARINT_BYTES];
        for byte in &mut bytes {
            *byte = self.byte()?;
            if *byte < 0x80 {
                break;
            }
        }
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        match self.reader.read_exact(&mut byte) {
            Ok(()) => self.length += 1,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(self.ends_early()),
            Err(error) => return Err(error.into()),
        }
        Ok(byte[0])
    }

    fn skip(&mut self, bytes: u64) -> Result<()> {
        let skipped = io::copy(&mut self.reader.by_ref().take(bytes), &mut io::sink())?;
        self.length += skipped;
        if skipped < bytes { Err(self.ends_early()) } else { Ok(()) }
    }

    fn too_long(&self) -> ParquetError {
        self.refused(format_args!("has an integer of more than {MAX_VARINT_BYTES} bytes"))
    }

    fn ends_early(&self) -> ParquetError {
        self.refused("has no end")
    }

    fn refused(&self, reason: impl Display) -> ParquetError {
        ParquetError::General(format!("{} {reason}", self.name))
    }
}
