//! The values of active days with AVX-512. They are the same as those of plain code.

use super::super::laws::{LEVELS, Minutes, MinutesLaws, plan_of_usage_class};
use crate::models::usage_kernel::avx512::{self, ROWS, halves, look_up};
use crate::models::usage_kernel::{ActiveDays, CHUNK, OutputColumn, PackedTables, SeededUsage};
use bytemuck::must_cast;
use std::arch::x86_64::*;

/// Computes sessions, minutes and events of all rows, for the columns that are asked for.
///
/// The function has the features of the shared kernel, which can therefore inline the closure.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,avx2,bmi1,bmi2,popcnt,lzcnt")]
pub(super) fn values<C: OutputColumn<i32>>(
    usage: &SeededUsage,
    packed: &PackedTables,
    laws: &MinutesLaws,
    active: &ActiveDays,
    columns: &mut [Option<C>; 3],
) {
    avx512::values(usage, packed, active, columns, |class, sessions, words| {
        draw_minutes(laws.plans[plan_of_usage_class(class)], &laws.normal, sessions, words)
    });
}

/// Returns the usage minutes of rows with these sessions. See
/// [`Minutes::of`] and [`steps_of`](super::super::laws::steps_of).
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2")]
#[inline]
fn draw_minutes(minutes: Minutes, normal: &[u16; LEVELS], sessions: &[u32; ROWS], words: &[u32; ROWS]) -> [u32; ROWS] {
    let (upper, _) = halves(words);
    let level = _mm512_srli_epi16::<6>(upper);
    let chunk_of_level = _mm512_and_si512(_mm512_srli_epi16::<6>(level), _mm512_set1_epi16(7));
    let chunks = normal.as_chunks::<CHUNK>().0;
    let mut size = look_up(&chunks[0], level);
    for (number, chunk) in chunks.iter().enumerate().skip(1) {
        let here = _mm512_cmpeq_epi16_mask(chunk_of_level, _mm512_set1_epi16(number as i16));
        size = _mm512_mask_blend_epi16(here, size, look_up(chunk, level));
    }
    let steps = _mm512_mask_sub_epi16(size, _mm512_movepi16_mask(upper), _mm512_setzero_si512(), size);
    let steps = [_mm512_srai_epi32::<16>(_mm512_slli_epi32::<16>(steps)), _mm512_srai_epi32::<16>(steps)];
    let sessions: [__m512i; 2] = must_cast(*sessions);
    let mut values = [_mm512_setzero_si512(); 2];
    for half in 0..2 {
        let count = _mm512_cvtepi32_ps(sessions[half]);
        let spread = _mm512_mul_ps(_mm512_cvtepi32_ps(steps[half]), _mm512_set1_ps(minutes.sd_of_step));
        let mean = _mm512_mul_ps(count, _mm512_set1_ps(minutes.mean));
        let exact = _mm512_add_ps(mean, _mm512_mul_ps(spread, _mm512_sqrt_ps(count)));
        let rounded = _mm512_cvt_roundps_epi32::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(exact);
        values[half] = _mm512_max_epi32(rounded, sessions[half]);
    }
    must_cast(values)
}
