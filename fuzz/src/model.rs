//! Model files.

use crate::{assert_misuse, with_memory_limit};
use saasgen::batches::Batches;
use saasgen::models::{DataSet, Model};
use saasgen::scan::{Scan, TARGET_BATCH_BYTES};

/// The limit of a message without its quotes from the file, in bytes.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// The limit of the memory of a model's laws, in bytes, for the longest window and the largest number of plans.
const MAX_LAWS_BYTES: u64 = 512 << 20;

/// Any text is refused with a message, or is a model that parses back from its own text and parameters, and has rows.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match with_memory_limit(4 << 20 | 1_000 * bytes.len() as u64, || Model::from_overlay(text)) {
        Err(error) => assert_misuse(&error, MAX_MESSAGE_BYTES + 16 * bytes.len()),
        Ok(model) => {
            let again = Model::from_overlay(model.to_toml()).expect("the text of a model parses");
            assert_eq!(again.fingerprint(), model.fingerprint());
            let again =
                Model::from_table(model.base(), model.parameters()).expect("the parameters of a model are valid");
            assert_eq!(again.fingerprint(), model.fingerprint());
            check_rows(model);
        }
    }
}

fn check_rows(model: Model) {
    let data_set = with_memory_limit(MAX_LAWS_BYTES, || DataSet::new(model, 42, 1_000_000));
    let data_set = data_set.expect("the size is valid");
    for &table in data_set.model().tables() {
        let scan = Scan::whole(&data_set, table);
        let expected = scan.expected_rows();
        assert!(expected.rows.is_finite() && expected.sd.is_finite(), "{}: {expected:?}", table.name());
        let block = scan.blocks().next().expect("a first block");
        let batches = Batches::new(scan);
        let batch =
            batches.batch(block.start..block.end.min(block.start + 2)).expect("the first rows can be generated");
        // With 120 months and 100 plans, two customers may have more rows than a batch should hold.
        assert!(batch.get_array_memory_size() <= 2 * TARGET_BATCH_BYTES, "{}: {}", table.name(), batch.num_rows());
    }
}
