//! The two forms of a request: protobuf for tickets of servers, and text for people.

use super::whole_number::parse_whole_number;
use crate::error::{Error, Result};
use percent_encoding::percent_decode_str;
use prost::Message;

include!(concat!(env!("OUT_DIR"), "/saasgen.v1.rs"));

/// The keys of the text form, in the order in which error messages list them.
pub const KEYS: [&str; 10] =
    ["customers", "seed", "first_id", "last_id", "from", "to", "columns", "strings", "compression", "partitions"];

/// The largest size of a request. A request with every key and column has about 400 bytes.
const MAX_REQUEST_BYTES: usize = 8_192;

/// The largest size of a key with its value. A list of all columns fits.
const MAX_PAIR_BYTES: usize = 500;

/// The first byte of every `ScanRequest` with a table: field 1, length-delimited. No name of a table starts with it.
const PROTOBUF_TABLE_TAG: u8 = 0x0A;

/// The start of a Flight SQL command after its first two bytes: the type name in a `google.protobuf.Any`.
const FLIGHT_SQL: &[u8] = b"type.googleapis.com/arrow.flight.protocol.sql.";

impl ScanRequest {
    /// Parses a ticket or a command in either form.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if the request can't be parsed, and [`Error::Unsupported`] if it is a Flight SQL
    /// command.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_REQUEST_BYTES {
            return Err(Error::Misuse(format!(
                "the request has {} bytes; at most {MAX_REQUEST_BYTES} are allowed",
                bytes.len()
            )));
        }
        if bytes.get(2..).is_some_and(|rest| rest.starts_with(FLIGHT_SQL)) {
            return Err(Error::Unsupported(
                "the request is a Flight SQL command, but this server does not support SQL; use the name of a table as \
                 the ticket, for example `customers`, and query the rows in DuckDB or another engine"
                    .into(),
            ));
        }
        if bytes.first() == Some(&PROTOBUF_TABLE_TAG) {
            let request = Self::decode(bytes).map_err(|error| {
                Error::Misuse(format!("the request is not a valid saasgen.v1.ScanRequest: {error}"))
            })?;
            // A later version may have a field that restricts the scan. It must not be ignored.
            if request.encoded_len() != bytes.len() {
                return Err(Error::Misuse(
                    "the ScanRequest has an unknown field or the same field twice; use a client and a server of the same \
                     version"
                        .into(),
                ));
            }
            return Ok(request);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Error::Misuse(
                "the request is neither UTF-8 text nor a saasgen.v1.ScanRequest; write it as \
                 `table?key=value&key=value`"
                    .into(),
            )
        })?;
        Self::from_text(text)
    }

    /// Parses the text form: `table` or `table?key=value&key=value`. Values are percent-encoded, as in the query of a
    /// URL.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if a key is unknown or given twice, or if a value has the wrong type. The message
    /// names the key, its value and what is allowed.
    pub fn from_text(text: &str) -> Result<Self> {
        let (table, query) = text.split_once('?').unwrap_or((text, ""));
        let mut request = Self { table: table.to_string(), ..Self::default() };
        let mut seen = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            if pair.len() > MAX_PAIR_BYTES {
                let begin: String = pair.chars().take(20).collect();
                return Err(Error::Misuse(format!(
                    "`{begin}…` has {} bytes; a key with its value can have at most {MAX_PAIR_BYTES} bytes",
                    pair.len()
                )));
            }
            let (key, encoded) = pair.split_once('=').ok_or_else(|| {
                Error::Misuse(format!(
                    "`{pair}` has no value; write it as key=value, with one of the keys {}",
                    KEYS.join(", ")
                ))
            })?;
            let value = percent_decode_str(encoded).decode_utf8().map_err(|_| {
                Error::Misuse(format!("`{key}` is {encoded:?}; it must be UTF-8 after percent-decoding"))
            })?;
            if seen.contains(&key) {
                return Err(Error::Misuse(format!(
                    "`{key}` is given twice, the second time as {value:?}; give it once"
                )));
            }
            request.set(key, &value)?;
            seen.push(key);
        }
        Ok(request)
    }

    /// Sets the field with the name `key`.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if there is no such key, or if `value` has the wrong type.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let text = || Some(value.to_string());
        match key {
            "customers" => self.customers = Some(whole_number(key, value)?),
            "seed" => self.seed = Some(whole_number(key, value)?),
            "first_id" => self.first_id = Some(whole_number(key, value)?),
            "last_id" => self.last_id = Some(whole_number(key, value)?),
            "from" => self.from = text(),
            "to" => self.to = text(),
            "columns" => self.columns = value.split(',').map(str::to_string).collect(),
            "strings" => self.strings = text(),
            "compression" => self.compression = text(),
            "partitions" => self.partitions = Some(whole_number(key, value)?),
            _ => {
                return Err(Error::Misuse(format!(
                    "unknown key `{key}` with the value {value:?}; the keys are {}",
                    KEYS.join(", ")
                )));
            }
        }
        Ok(())
    }
}

fn whole_number(key: &str, value: &str) -> Result<u64> {
    parse_whole_number(value)
        .ok_or_else(|| Error::Misuse(format!("`{key}` is {value:?}; it must be a whole number from 0 to {}", u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        ScanRequest::from_bytes(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_name_of_a_table_is_a_request() {
        let request = ScanRequest::from_bytes(b"customers").unwrap();
        assert_eq!(request, ScanRequest { table: "customers".into(), ..ScanRequest::default() });
    }

    #[test]
    fn every_key_sets_its_field() {
        let text = "usage_daily?customers=10&seed=18446744073709551615&first_id=2&last_id=9&from=2024-01-01\
                    &to=2024%2D01%2D31&columns=date,sessions&strings=dictionary&compression=zstd&partitions=3";
        let request = ScanRequest::from_text(text).unwrap();
        assert_eq!(
            request,
            ScanRequest {
                table: "usage_daily".into(),
                fingerprint: String::new(),
                customers: Some(10),
                seed: Some(u64::MAX),
                first_id: Some(2),
                last_id: Some(9),
                from: Some("2024-01-01".into()),
                to: Some("2024-01-31".into()),
                columns: vec!["date".into(), "sessions".into()],
                strings: Some("dictionary".into()),
                compression: Some("zstd".into()),
                partitions: Some(3),
                airport: None,
            }
        );
        assert_eq!(ScanRequest::from_bytes(&request.encode_to_vec()).unwrap(), request);
        let request = ScanRequest::from_text("billing?customers=1e6&first_id=1_001&last_id=1.5k&partitions=2").unwrap();
        assert_eq!((request.customers, request.first_id, request.last_id), (Some(1_000_000), Some(1_001), Some(1_500)));
    }

    #[test]
    fn error_messages_name_the_key_the_value_and_what_is_allowed() {
        assert_eq!(
            message("customers?sed=1"),
            "unknown key `sed` with the value \"1\"; the keys are customers, seed, first_id, last_id, from, to, \
             columns, strings, compression, partitions"
        );
        assert_eq!(message("customers?seed=1&seed=2"), "`seed` is given twice, the second time as \"2\"; give it once");
        for bad in ["-1", "+1", "1.5", "", "18446744073709551616", "x"] {
            assert_eq!(
                message(&format!("customers?seed={bad}")),
                format!("`seed` is {bad:?}; it must be a whole number from 0 to 18446744073709551615")
            );
        }
        assert!(message("customers?seed").starts_with("`seed` has no value"));
        assert!(message("customers?from=%ff").contains("must be UTF-8"));
    }

    #[test]
    fn requests_in_neither_form_are_refused() {
        let refused = |bytes: &[u8]| ScanRequest::from_bytes(bytes).unwrap_err().to_string();
        assert!(refused(&[0xff, 0xfe]).contains("neither UTF-8"));
        assert!(refused(&[PROTOBUF_TABLE_TAG, 200]).contains("not a valid saasgen.v1.ScanRequest"));
        assert!(refused(&vec![b'a'; 9_000]).contains("9000 bytes"));
        assert!(refused(format!("customers?from={}", "é".repeat(300)).as_bytes()).contains("605 bytes"));
        let later =
            [&ScanRequest { table: "customers".into(), ..ScanRequest::default() }.encode_to_vec()[..], &[0x70, 1]];
        assert!(refused(&later.concat()).contains("unknown field"));
    }
}
