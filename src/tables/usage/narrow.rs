//! The laws of sessions, usage minutes and feature events as vector units look them up: in halves of 16 bits.
//!
//! An [`Alias`] takes a word apart: the upper bits are the index of a slot, the rest is compared with the slot's limit.
//! Of that rest the upper 16 bits nearly always settle it, so a slot fits 32 bits: the limit's upper 16 bits, and the
//! other value. Only a rest that ties with its limit, one of 65,536, is compared in full, with the [`Alias`] itself.

use crate::random::Alias;

/// Slots of all laws together: an index of 16 bits reaches each, and can't miss.
pub(super) const SLOTS: usize = 1 << 16;

/// Slots whose halves two vector registers hold.
pub(super) const CHUNK: usize = 64;

/// The most slots of a law that is looked up in registers; a larger one's are loaded one by one.
const MOST_IN_REGISTERS: usize = 512;

/// Three columns' laws.
#[derive(Debug)]
pub(in crate::tables) struct NarrowLaws {
    /// Of all laws: the limit's upper 16 bits, above the other value's index.
    pub(super) slots: Box<[u32; SLOTS]>,
    /// By plan.
    pub(super) sessions: Vec<NarrowLaw>,
    /// By plan.
    pub(super) minutes: Vec<NarrowLaw>,
    /// By sessions.
    pub(super) events: NarrowLawsBySessions,
}

/// One law.
#[derive(Debug)]
pub(super) struct NarrowLaw {
    /// Bits of a word that are a slot's index.
    pub bits: u16,
    /// The law's first slot among all.
    pub base: u16,
    /// The law's first value.
    pub first: u16,
    /// The slots once more where they are few: limits, others.
    pub chunks: Vec<[[u16; CHUNK]; 2]>,
}

/// As [`NarrowLaw`], by columns.
#[derive(Debug, Default)]
pub(super) struct NarrowLawsBySessions {
    pub bits: Vec<[u16; CHUNK]>,
    pub base: Vec<[u16; CHUNK]>,
    pub first: Vec<[u16; CHUNK]>,
}

impl NarrowLaws {
    /// The laws of `sessions` and `minutes` by plan, of `events` by sessions; none where they have too many slots or
    /// values that 16 bits don't hold.
    pub fn new<'a>(
        sessions: impl Iterator<Item = &'a Alias>,
        minutes: impl Iterator<Item = &'a Alias>,
        events: &[Alias],
    ) -> Option<Self> {
        let mut slots = Vec::with_capacity(SLOTS);
        let sessions = sessions.map(|law| NarrowLaw::new(law, &mut slots)).collect::<Option<_>>()?;
        let minutes = minutes.map(|law| NarrowLaw::new(law, &mut slots)).collect::<Option<_>>()?;
        let mut by_sessions = NarrowLawsBySessions::default();
        for laws in events.chunks(CHUNK) {
            let (mut bits, mut base, mut first) = ([0; CHUNK], [0; CHUNK], [0; CHUNK]);
            for (place, law) in laws.iter().enumerate() {
                let law = NarrowLaw::new(law, &mut slots)?;
                (bits[place], base[place], first[place]) = (law.bits, law.base, law.first);
            }
            by_sessions.bits.push(bits);
            by_sessions.base.push(base);
            by_sessions.first.push(first);
        }
        slots.resize(SLOTS, 0);
        Some(Self { slots: slots.into_boxed_slice().try_into().ok()?, sessions, minutes, events: by_sessions })
    }
}

impl NarrowLaw {
    /// `law`, whose slots are added to `slots`.
    fn new(law: &Alias, slots: &mut Vec<u32>) -> Option<Self> {
        let own: Vec<(u16, u16)> = law.narrow_slots().collect();
        let fits = slots.len() + own.len() <= SLOTS && law.first() >= 0 && law.largest() <= i32::from(u16::MAX);
        let base = u16::try_from(slots.len()).ok().filter(|_| fits)?;
        slots.extend(own.iter().map(|&(limit, other)| u32::from(limit) << 16 | u32::from(other)));
        let mut chunks = Vec::new();
        if own.len() <= MOST_IN_REGISTERS {
            for own in own.chunks(CHUNK) {
                let mut chunk = [[0; CHUNK]; 2];
                for (place, &(limit, other)) in own.iter().enumerate() {
                    (chunk[0][place], chunk[1][place]) = (limit, other);
                }
                chunks.push(chunk);
            }
        }
        Some(Self { bits: own.len().trailing_zeros() as u16, base, first: law.first() as u16, chunks })
    }
}
