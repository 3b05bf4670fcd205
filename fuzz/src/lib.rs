//! Fuzz targets: saasgen refuses or accepts any input, in bounded memory and without a panic.
//!
//! Each module is one kind of input. Its `check` panics if saasgen breaks its contract for the given bytes. libFuzzer
//! calls it from `fuzz_targets`. On machines without libFuzzer, `examples/cases.rs` calls it. [`with_memory_limit`]
//! only sees the memory of its own thread. Both callers also stop at inputs that take too long, and libFuzzer at inputs
//! that take too much memory on other threads.

pub mod airport;
pub mod command;
pub mod model;
pub mod parquet;
pub mod ticket;

use saasgen::batches::Batches;
use saasgen::error::Error;
use saasgen::models::{DataSet, Model};
use saasgen::scan::{RequestKind, Scan, ScanRequest, TARGET_BATCH_BYTES};
use std::sync::OnceLock;
use tonic::{Code, Status};

/// The check of one kind of input. It panics if saasgen breaks its contract.
pub type Check = fn(&[u8]);

/// The checks, with the names of their fuzz targets.
pub const TARGETS: [(&str, Check); 5] = [
    ("ticket", ticket::check),
    ("command", command::check),
    ("airport", airport::check),
    ("model", model::check),
    ("parquet", parquet::check),
];

/// The status codes of refusals. None of them says that the server is at fault.
const REFUSALS: [Code; 5] =
    [Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition, Code::ResourceExhausted, Code::Unimplemented];

/// The limit of a status message, in bytes. gRPC clients accept about 8 kB of headers.
const MAX_STATUS_BYTES: usize = 4_100;

/// The number of customers whose rows a check generates. They take less time than the other checks of a scan.
const GENERATED_CUSTOMERS: u64 = 4;

/// Returns the data set of the default model and size.
pub fn data_set() -> &'static DataSet {
    static DATA_SET: OnceLock<DataSet> = OnceLock::new();
    DATA_SET.get_or_init(|| {
        let model = Model::saas_v1().expect("the default model is valid");
        DataSet::new(model, DataSet::DEFAULT_SEED, DataSet::DEFAULT_CUSTOMERS).expect("the default size is valid")
    })
}

/// Returns the result of `work`. Panics if this thread holds more than `bytes` at the same time during `work`.
pub fn with_memory_limit<T>(bytes: u64, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let used = allocation_counter::measure(|| result = Some(work()));
    assert!(
        used.bytes_max <= bytes,
        "{} bytes were held at the same time, but only {bytes} are allowed",
        used.bytes_max
    );
    result.expect("`measure` calls the closure")
}

/// Checks that a refusal has an expected status code and a message of a limited size.
fn assert_refusal(status: &Status) {
    assert!(REFUSALS.contains(&status.code()), "{status:?}");
    assert!(!status.message().is_empty() && status.message().len() <= MAX_STATUS_BYTES, "{status:?}");
}

/// Checks that an error blames the caller, and that its message has at most `max_bytes` bytes.
fn assert_misuse(error: &Error, max_bytes: usize) {
    let message = error.to_string();
    assert!(error.exit_code() == 2, "{message}");
    assert!(!message.is_empty() && message.len() <= max_bytes, "{} bytes: {message}", message.len());
}

/// Resolves a ticket that saasgen has issued.
fn resolve_issued(ticket: &[u8]) -> Scan {
    let request = ScanRequest::from_bytes(ticket).expect("an issued ticket is a request");
    Scan::resolve(data_set(), &request, RequestKind::Ticket).expect("an issued ticket resolves").0
}

/// Checks that the ticket of a scan resolves to the same scan, and that its first rows can be generated.
fn check_scan(scan: &Scan) {
    let request = scan.to_request();
    let again = resolve_issued(&prost::Message::encode_to_vec(&request));
    assert_eq!(again.to_request(), request);
    assert_eq!((again.ids(), again.days()), (scan.ids(), scan.days()));
    let expected = scan.expected_rows();
    assert!(expected.rows.is_finite() && expected.rows >= 0.0 && expected.sd.is_finite(), "{expected:?}");
    let Some(block) = scan.blocks().next() else { return };
    let ids = block.start..block.end.min(block.start + GENERATED_CUSTOMERS);
    let batches = Batches::new(scan.clone());
    let batch = with_memory_limit(16 << 20, || batches.batch(ids)).expect("the first rows can be generated");
    assert!(batch.get_array_memory_size() <= TARGET_BATCH_BYTES, "{} bytes", batch.get_array_memory_size());
    assert_eq!(batch.num_columns(), scan.columns().len());
}
