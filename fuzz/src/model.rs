//! Model files.

use crate::{is_misuse, within};
use saasgen::batches::Batches;
use saasgen::model::Model;
use saasgen::scan::{Scan, TARGET_BATCH_BYTES};
use saasgen::tables::{DataSet, Laws, Table};
use std::sync::Arc;

/// What a message has besides what it quotes of the file.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// The most that the laws of a model take: those of the longest window and of as many plans as there may be.
const MAX_LAWS_BYTES: u64 = 512 << 20;

/// Any text is refused for a reason, or is a model that comes back from its own text and has rows.
pub fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match within(4 << 20 | 1_000 * bytes.len() as u64, || Model::from_overlay(text)) {
        Err(error) => is_misuse(&error, MAX_MESSAGE_BYTES + 16 * bytes.len()),
        Ok(model) => {
            let again = Model::from_overlay(model.to_toml()).expect("its own text is a model");
            assert_eq!(again.fingerprint(), model.fingerprint());
            has_rows(model);
        }
    }
}

fn has_rows(model: Model) {
    let laws = within(MAX_LAWS_BYTES, || Arc::new(Laws::new(model)));
    let data_set = DataSet::new(laws, 42, 1_000_000).expect("the size is one");
    for table in Table::ALL {
        let scan = Scan::whole(&data_set, table);
        let expected = scan.expected_rows();
        assert!(expected.rows.is_finite() && expected.sd.is_finite(), "{}: {expected:?}", table.name());
        let block = scan.blocks().next().expect("a first block");
        let batches = Batches::new(scan);
        let batch = batches.batch(block.start..block.end.min(block.start + 2)).expect("the first rows can be had");
        // One customer of 120 months, on 100 plans, may have more than a batch is meant to hold.
        assert!(batch.get_array_memory_size() <= 2 * TARGET_BATCH_BYTES, "{}: {}", table.name(), batch.num_rows());
    }
}
