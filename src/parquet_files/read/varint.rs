//! Variable-length integers: seven bits a byte, lowest first. The high bit is set in all bytes but the last.

/// Takes an integer off the front of `bytes`. Returns `None` if `bytes` is too short or the integer is too long.
pub(super) fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Takes an integer in zigzag encoding off the front of `bytes`. The lowest bit is the sign.
pub(super) fn read_zigzag(bytes: &mut &[u8]) -> Option<i64> {
    read_varint(bytes).map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
}
