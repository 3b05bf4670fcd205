//! What must hold of any bytes that anybody sends saasgen, or gives it as a file.
//!
//! Each module is one way in, and its `holds` panics where the contract is broken: libFuzzer drives it from
//! `fuzz_targets`, and `examples/cases.rs` where there is no libFuzzer. Both also end where a case takes seconds, or
//! memory beyond all measure, on threads that [`within`] doesn't see.

pub mod airport;
pub mod command;
pub mod model;
pub mod parquet;
pub mod ticket;

use saasgen::batches::Batches;
use saasgen::error::Error;
use saasgen::model::Model;
use saasgen::scan::{RequestKind, Scan, ScanRequest, TARGET_BATCH_BYTES};
use saasgen::tables::{DataSet, Laws};
use std::sync::{Arc, OnceLock};
use tonic::{Code, Status};

/// A way in: panics where the bytes break the contract.
pub type Holds = fn(&[u8]);

/// All of them, by the names of their fuzz targets.
pub const TARGETS: [(&str, Holds); 5] = [
    ("ticket", ticket::holds),
    ("command", command::holds),
    ("airport", airport::holds),
    ("model", model::holds),
    ("parquet", parquet::holds),
];

/// What a refusal may be: never the server's own fault.
const REFUSALS: [Code; 5] =
    [Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition, Code::ResourceExhausted, Code::Unimplemented];

/// gRPC's clients take some 8 kB of headers.
const MAX_STATUS_BYTES: usize = 4_100;

/// Customers whose rows are generated of a scan: they take less than the scan's checks.
const CUSTOMERS_GENERATED: u64 = 4;

/// The default model's data set of the default size.
pub fn data_set() -> &'static DataSet {
    static DATA_SET: OnceLock<DataSet> = OnceLock::new();
    DATA_SET.get_or_init(|| {
        let laws = Laws::new(Model::saas_v1().expect("the default model is one"));
        DataSet::new(Arc::new(laws), DataSet::DEFAULT_SEED, DataSet::DEFAULT_CUSTOMERS)
            .expect("the default size is one")
    })
}

/// What `work` gives, of which this thread may hold `bytes` at a time.
pub fn within<T>(bytes: u64, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let used = allocation_counter::measure(|| result = Some(work()));
    assert!(used.bytes_max <= bytes, "{} bytes were held at a time; {bytes} are allowed", used.bytes_max);
    result.expect("it was measured while it ran")
}

/// Holds a server's refusal to what protocol.md promises.
fn is_refusal(status: &Status) {
    assert!(REFUSALS.contains(&status.code()), "{status:?}");
    assert!(!status.message().is_empty() && status.message().len() <= MAX_STATUS_BYTES, "{status:?}");
}

/// Holds an error to being the caller's, and no longer than `most` bytes.
fn is_misuse(error: &Error, most: usize) {
    let message = error.to_string();
    assert!(error.exit_code() == 2, "{message}");
    assert!(!message.is_empty() && message.len() <= most, "{} bytes: {message}", message.len());
}

/// Resolves what was issued for a scan.
fn resolved(ticket: &[u8]) -> Scan {
    let request = ScanRequest::from_bytes(ticket).expect("what was issued is a request");
    Scan::resolve(data_set(), &request, RequestKind::Ticket).expect("what was issued resolves").0
}

/// Holds a scan to its promises: it names itself in full, and its first rows can be had.
fn scan_holds(scan: &Scan) {
    let request = scan.to_request();
    let again = resolved(&prost::Message::encode_to_vec(&request));
    assert_eq!(again.to_request(), request);
    assert_eq!((again.ids(), again.days()), (scan.ids(), scan.days()));
    let expected = scan.expected_rows();
    assert!(expected.rows.is_finite() && expected.rows >= 0.0 && expected.sd.is_finite(), "{expected:?}");
    let Some(block) = scan.blocks().next() else { return };
    let ids = block.start..block.end.min(block.start + CUSTOMERS_GENERATED);
    let batches = Batches::new(scan.clone());
    let batch = within(16 << 20, || batches.batch(ids)).expect("the first rows can be had");
    assert!(batch.get_array_memory_size() <= TARGET_BATCH_BYTES, "{} bytes", batch.get_array_memory_size());
    assert_eq!(batch.num_columns(), scan.columns().len());
}
