//! Variable-length integers: seven bits a byte, lowest first. The high bit is set in all bytes but the last.

/// Appends `value` to `bytes`.
pub(super) fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends `value` to `bytes` in zigzag encoding, in which the lowest bit is the sign.
pub(super) fn write_zigzag(bytes: &mut Vec<u8>, value: i64) {
    write_varint(bytes, (value << 1 ^ value >> 63) as u64);
}
