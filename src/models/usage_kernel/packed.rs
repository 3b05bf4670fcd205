//! The alias tables of sessions, usage minutes and feature events, packed for vector units.
//!
//! An [`AliasTable`] splits a word: the upper bits are the index of a slot, and the remainder is compared with the
//! slot's limit. The upper 16 bits of the remainder nearly always decide the comparison. So a packed slot has 32 bits:
//! the upper 16 bits of the limit, and the alternative value. If the 16 bits equal those of the limit, as they do once
//! in 65,536 draws, the kernel samples the [`AliasTable`] instead.

use crate::random::AliasTable;

/// The number of slots of all tables together: an index of 16 bits is always within them.
pub const SLOTS: usize = 1 << 16;

/// The number of 16-bit entries that two vector registers hold.
pub const CHUNK: usize = 64;

/// The most slots of a table that kernels look up in registers. The slots of larger tables are loaded one by one.
const MAX_SLOTS_IN_REGISTERS: usize = 512;

/// The tables of the columns.
#[derive(Debug)]
pub struct PackedTables {
    /// The slots of all tables: the upper half is the limit, the lower half the index of the alternative.
    pub slots: Box<[u32; SLOTS]>,
    /// Sessions, by class of customers.
    pub sessions: Vec<PackedTable>,
    /// Usage minutes, by class of customers. Empty if the model draws them without tables.
    pub minutes: Vec<PackedTable>,
    /// Feature events, by sessions.
    pub events: PackedEventTables,
}

/// One table.
#[derive(Debug)]
pub struct PackedTable {
    /// The number of bits of a word that are the index of a slot.
    pub bits: u16,
    /// The index of the table's first slot among the slots of all tables.
    pub base: u16,
    /// The first value of the distribution.
    pub first: u16,
    /// A copy of the slots for look-up in registers: limits and alternatives. Empty if the table is too large for that.
    pub chunks: Vec<[[u16; CHUNK]; 2]>,
}

/// The fields of one [`PackedTable`] for each number of sessions, as columns.
#[derive(Debug, Default)]
pub struct PackedEventTables {
    /// The number of tables. Rows with as many sessions or more are drawn from the [`AliasTable`].
    pub count: u16,
    /// See [`PackedTable::bits`].
    pub bits: Vec<[u16; CHUNK]>,
    /// See [`PackedTable::base`].
    pub base: Vec<[u16; CHUNK]>,
    /// See [`PackedTable::first`].
    pub first: Vec<[u16; CHUNK]>,
}

impl PackedTables {
    /// Packs the tables of `sessions` and `minutes`, one for each class of customers, and of `events`, one for each
    /// number of sessions. Few rows have many sessions, so the last tables of events are left out if they don't fit.
    ///
    /// Returns `None` if the tables of `sessions` and `minutes` have [`SLOTS`] slots or more, or if any values don't fit
    /// 16 bits.
    pub fn new(sessions: &[AliasTable], minutes: &[AliasTable], events: &[AliasTable]) -> Option<Self> {
        let mut slots = Vec::with_capacity(SLOTS);
        let sessions = sessions.iter().map(|table| PackedTable::new(table, &mut slots)).collect::<Option<_>>()?;
        let minutes = minutes.iter().map(|table| PackedTable::new(table, &mut slots)).collect::<Option<_>>()?;
        let packed: Vec<_> = events.iter().map_while(|table| PackedTable::new(table, &mut slots)).collect();
        if packed.is_empty() || events.iter().any(|table| table.largest() > i32::from(u16::MAX)) {
            return None;
        }
        let mut by_sessions = PackedEventTables { count: packed.len() as u16, ..PackedEventTables::default() };
        for tables in packed.chunks(CHUNK) {
            let (mut bits, mut base, mut first) = ([0; CHUNK], [0; CHUNK], [0; CHUNK]);
            for (place, table) in tables.iter().enumerate() {
                (bits[place], base[place], first[place]) = (table.bits, table.base, table.first);
            }
            by_sessions.bits.push(bits);
            by_sessions.base.push(base);
            by_sessions.first.push(first);
        }
        slots.resize(SLOTS, 0);
        Some(Self { slots: slots.into_boxed_slice().try_into().ok()?, sessions, minutes, events: by_sessions })
    }
}

impl PackedTable {
    /// Packs `table` and appends its slots to `slots`. Returns `None` if it doesn't fit.
    fn new(table: &AliasTable, slots: &mut Vec<u32>) -> Option<Self> {
        let own: Vec<(u16, u16)> = table.slots_of_16_bits().collect();
        let fits = slots.len() + own.len() <= SLOTS && table.first() >= 0 && table.largest() <= i32::from(u16::MAX);
        let base = u16::try_from(slots.len()).ok().filter(|_| fits)?;
        slots.extend(own.iter().map(|&(limit, alternative)| u32::from(limit) << 16 | u32::from(alternative)));
        let mut chunks = Vec::new();
        if own.len() <= MAX_SLOTS_IN_REGISTERS {
            for own in own.chunks(CHUNK) {
                let mut chunk = [[0; CHUNK]; 2];
                for (place, &(limit, alternative)) in own.iter().enumerate() {
                    (chunk[0][place], chunk[1][place]) = (limit, alternative);
                }
                chunks.push(chunk);
            }
        }
        Some(Self { bits: own.len().trailing_zeros() as u16, base, first: table.first() as u16, chunks })
    }
}
