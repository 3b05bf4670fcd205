//! Writes the seeds: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`. Run it after a change of values,
//! requests or files.

use arrow_flight::FlightDescriptor;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression as Codec;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use prost::Message;
use saasgen::batches::{Batches, ScanSource};
use saasgen::models::{Model, saas_v1};
use saasgen::parquet_files::{Compression, WriteOptions, write_table};
use saasgen::scan::{RequestKind, Scan, ScanRequest};
use saasgen_fuzz::data_set;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

const REQUESTS: [&str; 6] = [
    "customers",
    "usage_daily?customers=1000000000000&first_id=999999999001&from=2024-01-01&to=2024-01-31&columns=customer_id,date",
    "billing?seed=18446744073709551615&last_id=9&strings=dictionary&compression=zstd",
    "support?first_id=5&last_id=4&to=2023-06-30&from=2023-07-01",
    "retention_curves?columns=day%2Cplan",
    "usage_truth?from=2024-12-31&strings=utf8&compression=lz4",
];

const MODELS: [&str; 4] = [
    "window = { start = 2024-01-01, months = 6 }\nretention.decay_days = 90.0\nplans.Free.share = 0.75\n\
     plans.Basic.share = 0.15\nplans.Pro.share = 0.08\nplans.Enterprise.share = 0.02\n",
    "name = \"x\"\n[logs]\nloss_min = 0\nloss_max = 1\n[billing]\ninterval_days = 1\njitter_days = 0\n",
    "usage.minutes_sd = 1e-3\nusage.events_per_session = 0\nsupport.tickets_per_month = 9.5\n",
    "base = \"saas-v2\"\nwindow = { start = 2024-02-01, months = 2 }\nplans.Pro.sessions = 30.0\n\
     plans.Basic.active = 0.4\nfrailty.variance = 0.5\nbilling.grace = 20\n",
];

fn main() -> Result<(), Box<dyn Error>> {
    for (index, text) in REQUESTS.into_iter().enumerate() {
        let scan = scan(text)?;
        write("ticket", &format!("text-{index}"), text.as_bytes())?;
        write("ticket", &format!("issued-{index}"), &scan.to_request().encode_to_vec())?;
        write("command", &format!("text-{index}"), text.as_bytes())?;
    }
    let airport = scan(REQUESTS[1])?;
    let airport = airport.for_airport(airport.ids(), airport.days(), |place| place == 1);
    write("ticket", "airport", &airport.to_request().encode_to_vec())?;
    write("command", "counted", b"billing?partitions=7")?;
    write("command", "request", &ScanRequest { partitions: Some(3), ..airport.to_request() }.encode_to_vec())?;
    write("command", "descriptor", &FlightDescriptor::new_cmd("support?partitions=2").encode_to_vec())?;
    write_actions()?;
    for (index, text) in MODELS.into_iter().enumerate() {
        write("model", &format!("overlay-{index}"), text.as_bytes())?;
    }
    write("model", "whole-saas-v2", Model::saas_v2()?.to_toml().as_bytes())?;
    write("model", "whole", data_set().model().to_toml().as_bytes())?;
    write_files()
}

fn scan(text: &str) -> Result<Scan, Box<dyn Error>> {
    Ok(Scan::resolve(data_set(), &ScanRequest::from_text(text)?, RequestKind::Ticket)?.0)
}

/// Writes action bodies in the form of tests/clients/airport.py: msgpack maps of strings with arbitrary bytes.
fn write_actions() -> Result<(), Box<dyn Error>> {
    let descriptor = FlightDescriptor::new_path(vec!["usage_daily".into()]).encode_to_vec();
    let filters: [&[u8]; 3] = [
        br#"{"filters":[{"type":"COMPARE_GREATERTHAN","left":{"type":"BOUND_COLUMN_REF","binding":{"column_index":0}},"right":{"type":"VALUE_CONSTANT","value":{"type":{"id":"BIGINT"},"is_null":false,"value":99}}}],"column_binding_names_by_index":["customer_id"]}"#,
        br#"{"filters":[{"type":"COMPARE_BETWEEN","input":{"type":"CAST","return_type":{"id":"TIMESTAMP"},"child":{"type":"BOUND_COLUMN_REF","binding":{"column_index":0}}},"lower":{"type":"VALUE_CONSTANT","value":{"type":{"id":"VARCHAR"},"is_null":false,"value":"2024-01-01"}},"upper":{"type":"VALUE_CONSTANT","value":{"type":{"id":"TIMESTAMP"},"is_null":false,"value":1706659200000000}},"lower_inclusive":true,"upper_inclusive":false}],"column_binding_names_by_index":["date"]}"#,
        br#"{"filters":[{"type":"CONJUNCTION_OR","children":[{"type":"COMPARE_IN","children":[{"type":"BOUND_COLUMN_REF","binding":{"column_index":0}},{"type":"VALUE_CONSTANT","value":{"type":{"id":"UBIGINT"},"is_null":false,"value":7}}]}]}],"column_binding_names_by_index":["customer_id"]}"#,
    ];
    for (index, filters) in filters.into_iter().enumerate() {
        let parameters = map(&[
            (b"json_filters", text(filters)),
            (b"column_ids", b"\x92\x00\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF".to_vec()),
        ]);
        let body = map(&[(b"descriptor", text(&descriptor)), (b"parameters", parameters)]);
        for kind in [0, 6] {
            write("airport", &format!("endpoints-{index}-{kind}"), &[&[kind], body.as_slice()].concat())?;
        }
        for kind in [12, 13] {
            write("airport", &format!("filters-{index}-{kind}"), &[&[kind, 1], filters].concat())?;
        }
    }
    let catalog = map(&[(b"catalog_name", text(b"saas"))]);
    for kind in [1, 2, 3] {
        write("airport", &format!("catalog-{kind}"), &[&[kind], catalog.as_slice()].concat())?;
    }
    let info = map(&[(b"descriptor", text(&descriptor)), (b"at_unit", text(b"")), (b"at_value", text(b""))]);
    write("airport", "flight-info", &[&[4], info.as_slice()].concat())?;
    let column = [(&b"column_name"[..], text(b"sessions")), (b"type", text(b"INTEGER"))];
    let statistics = map(&[&[(&b"flight_descriptor"[..], text(&descriptor))], &column[..]].concat());
    write("airport", "column-statistics", &[&[5], statistics.as_slice()].concat())
}

/// Encodes a string as msgpack's str 16.
fn text(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("seeds are short");
    [&[0xDA], &length.to_be_bytes()[..], bytes].concat()
}

/// Encodes a map as msgpack's fixmap.
fn map(entries: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let mut map = vec![0x80 | entries.len() as u8];
    for (key, value) in entries {
        map.extend(text(key));
        map.extend(value);
    }
    map
}

/// Writes files of this program, without and with a manifest, and files of another writer.
fn write_files() -> Result<(), Box<dyn Error>> {
    let data_set = data_set().with(42, saasgen_fuzz::parquet::CUSTOMERS)?;
    let stop = AtomicBool::new(false);
    let compressions = [Compression::Snappy, Compression::Zstd, Compression::Lz4, Compression::None];
    for (index, table) in saas_v1::TABLES.into_iter().enumerate() {
        let source = ScanSource::new(Scan::whole(&data_set, table));
        let compression = compressions[index % compressions.len()];
        let options = WriteOptions { threads: 1, stop: &stop, progress: &|_| () };
        let mut file = Vec::new();
        write_table(&source, compression, &mut file, options)?;
        for kind in [index, index + saas_v1::TABLES.len()] {
            write("parquet", &format!("own-{}-{kind}", table.name()), &[&[kind as u8], file.as_slice()].concat())?;
        }
    }
    let customers = Batches::new(Scan::whole(&data_set, saas_v1::CUSTOMERS));
    let foreign = [
        (WriterVersion::PARQUET_1_0, Codec::GZIP(Default::default()), true),
        (WriterVersion::PARQUET_2_0, Codec::BROTLI(Default::default()), false),
    ];
    for (index, (version, codec, has_dictionary)) in foreign.into_iter().enumerate() {
        let properties = WriterProperties::builder().set_writer_version(version).set_compression(codec);
        let properties =
            properties.set_dictionary_enabled(has_dictionary).set_statistics_enabled(EnabledStatistics::None);
        let mut file = vec![0];
        let mut writer = ArrowWriter::try_new(&mut file, customers.schema(), Some(properties.build()))?;
        customers.iter().try_for_each(|batch| writer.write(&batch?).map_err(Box::<dyn Error>::from))?;
        writer.close()?;
        write("parquet", &format!("foreign-{index}"), &file)?;
    }
    Ok(())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join(name), bytes)?)
}
