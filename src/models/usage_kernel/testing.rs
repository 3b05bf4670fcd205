//! The comparison of a model's values by vector units with those of plain code.

use super::model::UsageModel;
use super::values::{Minutes, plain_values};

/// Compares the values of all rows of `usage_truth`, with all columns and with each column alone.
pub fn assert_vector_units_and_plain_code_agree(model: &impl UsageModel, minutes: &impl Minutes) {
    let seeded = model.usage();
    let days = model.true_days(&seeded.window.range());
    for ids in [1..3_001, 7..8, 3..3] {
        let active = model.active_days(&days, ids);
        let mut plain = [(); 3].map(|()| Some(Vec::new()));
        plain_values(&seeded, minutes, &active, &mut plain);
        let mut all = [(); 3].map(|()| Some(Vec::new()));
        model.values(&active, &mut all);
        assert!(all == plain);
        for column in [0, 1, 2] {
            let mut one: [Option<Vec<_>>; 3] = [None, None, None];
            one[column] = Some(Vec::new());
            model.values(&active, &mut one);
            let mut expected = [None, None, None];
            expected[column] = plain[column].clone();
            assert!(one == expected);
        }
    }
}
