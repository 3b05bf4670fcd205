//! The values of active days with AVX-512. They are the same as those of plain code.

use crate::models::usage_kernel::avx512;
use crate::models::usage_kernel::{ActiveDays, OutputColumn, PackedTables, SeededUsage};

/// Computes sessions, minutes and events of all rows, for the columns that are asked for.
///
/// The function has the features of the shared kernel, which can therefore inline the closure.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,avx2,bmi1,bmi2,popcnt,lzcnt")]
pub(super) fn values<C: OutputColumn<i32>>(
    usage: &SeededUsage,
    packed: &PackedTables,
    active: &ActiveDays,
    columns: &mut [Option<C>; 3],
) {
    avx512::values(usage, packed, active, columns, |class, _, words| {
        packed.minutes[class].draw(&packed.slots, &usage.tables.minutes[class], words)
    });
}
