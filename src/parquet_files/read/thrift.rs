//! A check of Thrift structs in the compact protocol, before the parquet crate reads them.
//!
//! The parquet crate takes a step for each boolean of a list that it skips, but no byte, so six bytes can cost 2^31
//! steps. It also reads the fields that it knows without a look at their types. After a field of another type it takes
//! other bytes for fields than this check does, and a list can hide there. So both are refused.
//!
//! It allocates memory for all row groups that a footer claims, too. Here, a list must have its values.

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
                // The parquet crate takes the last one, whatever the others were checked for.
                if seen & (1 << place) != 0 {
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

#[cfg(test)]
mod tests {
    use super::Kind::{Binary, Double, Integer, List, Struct};
    use super::*;

    const FIELDS: Fields = &[(1, Integer), (2, List(&Struct(&[(1, Binary)]))), (3, Struct(&[(2, Double)]))];

    fn check(bytes: &[u8]) -> std::result::Result<u64, String> {
        check_struct(bytes, "x", FIELDS).map_err(|error| error.to_string())
    }

    /// Structs with their closing byte.
    const STRUCTS: [&[u8]; 20] = [
        b"\x00",
        // Another byte of no type ends a struct, too.
        b"\x10",
        // Known fields, in order and with numbers of their own.
        b"\x15\xFE\xFF\xFF\xFF\x0F\x19\x2C\x18\x03abc\x00\x18\x00\x00\x1C\x2701234567\x00\x00",
        b"\x0C\x06\x00\x05\x02\x01\x00",
        b"\x16\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x00",
        // Empty lists, without and with a type.
        b"\x29\x00\x00",
        b"\x2A\x0C\x00",
        b"\xF9\x02\x00",
        // Unknown fields: booleans, a byte, integers, a double, a string and a UUID.
        b"\xF1\x12\x00",
        b"\xF3\xFF\x00",
        b"\xF4\x80\x01\x15\x01\x16\x00\x00",
        b"\xF7\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\xF8\x02\x00\x00\x00",
        b"\xFD0123456789abcdef\x00",
        // Lists, sets and maps of them.
        b"\xF9\x23\x00\x00\x00",
        b"\xF9\xF3\x02\x00\x00\x00",
        b"\xFA\x15\x80\x01\x00",
        b"\xFB\x00\x00",
        b"\xFB\x02\x85\x01a\x02\x00\x04\x00",
        // A struct with the known field 1 as a string. Its numbers mean nothing inside an unknown struct.
        b"\xFC\x18\x01a\x11\x00\x00",
    ];

    #[test]
    fn structs_are_read_to_their_end() {
        for bytes in STRUCTS {
            assert_eq!(check(&[bytes, b"more"].concat()), Ok(bytes.len() as u64), "{bytes:?}");
        }
    }

    #[test]
    fn structs_without_an_end_are_refused() {
        for bytes in STRUCTS {
            for length in 0..bytes.len() {
                assert_eq!(
                    check(&bytes[..length]),
                    Err("Parquet error: x has no end".into()),
                    "{:?}",
                    &bytes[..length]
                );
            }
        }
        // The values have no length that a reader could hold.
        for bytes in [&b"\xF8\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"[..], b"\xF9\xFC\xFF\xFF\xFF\xFF\x0F\x00"] {
            assert_eq!(check(bytes), Err("Parquet error: x has no end".into()), "{bytes:?}");
        }
    }

    #[test]
    fn booleans_in_lists_and_maps_are_refused() {
        for (bytes, reason) in [
            (&b"\xF9\x11\x00"[..], "has a list of 1 booleans"),
            (b"\xFA\xF2\xFF\xFF\xFF\xFF\x07\x00", "has a list of 2147483647 booleans"),
            (b"\xFB\x02\x25\x00\x00\x00", "has a map with 2 booleans"),
            (b"\xFB\xFF\xFF\xFF\xFF\x07\x51\x00", "has a map with 2147483647 booleans"),
            // In a list, in a known list, and in the parts of a known struct that are not known.
            (b"\xF9\x19\x12\x00", "has a list of 1 booleans"),
            (b"\x29\x19\x12\x00", "has a list of 1 booleans"),
            (b"\x3C\x39\x12\x00\x00", "has a list of 1 booleans"),
            (b"\x29\x1C\x39\x12\x00\x00", "has a list of 1 booleans"),
        ] {
            assert_eq!(check(bytes), Err(format!("Parquet error: x {reason}")), "{bytes:?}");
        }
    }

    #[test]
    fn known_fields_of_another_type_are_refused() {
        for (bytes, reason) in [
            (&b"\x18\x01a\x00"[..], "has a string as field 1 instead of an integer"),
            (b"\x11\x00", "has a boolean as field 1 instead of an integer"),
            (b"\x2C\x00\x00", "has a struct as field 2 instead of a list"),
            (b"\x3B\x00\x00", "has a map as field 3 instead of a struct"),
            (b"\x29\x1C\x13a\x00\x00", "has a byte as field 1 instead of a string"),
            (b"\x3C\x2D0123456789abcdef\x00\x00", "has a UUID as field 2 instead of a floating-point number"),
            (b"\x15\x00\x05\x02\x00\x00", "has its field 1 twice"),
        ] {
            assert_eq!(check(bytes), Err(format!("Parquet error: x {reason}")), "{bytes:?}");
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        for (bytes, reason) in [
            (&b"\xFE"[..], "has a value of the unknown type 14"),
            (b"\xF9\x10", "has a value of the unknown type 0"),
            (b"\xFB\x02\x5F", "has a value of the unknown type 15"),
            (b"\x15\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "has an integer of more than 10 bytes"),
            (b"\x05\x80\x80\x04", "has a field whose number has more than 16 bits"),
            (b"\x05\xFE\xFF\x03\x00\x15\x00", "has a field whose number has more than 16 bits"),
        ] {
            assert_eq!(check(bytes), Err(format!("Parquet error: x {reason}")), "{bytes:?}");
        }
    }

    #[test]
    fn deep_values_are_refused() {
        // Each list has the next as its only value.
        let nested = |levels: usize| [&b"\xF9"[..], &b"\x19".repeat(levels - 1), b"\x00\x00"].concat();
        assert_eq!(check(&nested(64)), Ok(66));
        assert_eq!(check(&nested(65)), Err("Parquet error: x has more than 64 levels".into()));
        assert_eq!(check(&b"\xFC".repeat(1 << 20)), Err("Parquet error: x has more than 64 levels".into()));
    }

    #[test]
    fn an_error_of_the_reader_is_returned() {
        let reader = (&b"\x15"[..]).chain(FailingReader);
        assert!(check_struct(reader, "x", FIELDS).unwrap_err().to_string().contains("no disk"));
    }

    struct FailingReader;

    impl Read for FailingReader {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no disk"))
        }
    }
}
