//! When groups are evaluated: at multiples of their interval, spread by a hash of their name and file, as Prometheus
//! spreads them.

use xxhash_rust::xxh64::xxh64;

const NANOS_PER_MS: i64 = 1_000_000;

/// The slots of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    interval_ns: i64,
    offset_ns: i64,
}

/// A moment of the schedule; Prometheus counts in nanoseconds, and so do slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Nanoseconds since the epoch.
    pub ns: i64,
}

impl Slot {
    /// The slot's time as samples have it, ms since the epoch.
    #[must_use]
    pub fn ms(self) -> i64 {
        self.ns.div_euclid(NANOS_PER_MS)
    }
}

impl Schedule {
    /// The schedule of a group.
    #[must_use]
    pub fn of(file: &str, name: &str, interval_ms: i64) -> Self {
        let interval_ns = interval_ms.max(1).saturating_mul(NANOS_PER_MS);
        let offset = hash(file, name) % interval_ns.unsigned_abs().max(1);
        Self { interval_ns, offset_ns: i64::try_from(offset).unwrap_or(0) }
    }

    /// Distance of the slots, ns.
    #[must_use]
    pub fn interval_ns(&self) -> i64 {
        self.interval_ns
    }

    /// The last slot up to a time, ns since the epoch.
    #[must_use]
    pub fn last(&self, now_ns: i64) -> Slot {
        let since = now_ns.saturating_sub(self.offset_ns);
        let base = since.div_euclid(self.interval_ns).saturating_mul(self.interval_ns);
        Slot { ns: base.saturating_add(self.offset_ns) }
    }

    /// A slot that comes so many after another.
    #[must_use]
    pub fn after(&self, slot: Slot, count: i64) -> Slot {
        Slot { ns: slot.ns.saturating_add(self.interval_ns.saturating_mul(count)) }
    }

    /// How many whole slots were missed when the one after `slot` is begun now.
    #[must_use]
    pub fn missed(&self, slot: Slot, now_ns: i64) -> i64 {
        (now_ns.saturating_sub(slot.ns) / self.interval_ns).saturating_sub(1).max(0)
    }
}

/// What Prometheus makes of the labels `file` and `name`: their encoded form, hashed.
fn hash(file: &str, name: &str) -> u64 {
    let mut encoded = Vec::with_capacity(file.len() + name.len() + 16);
    for text in ["file", file, "name", name] {
        match u8::try_from(text.len()) {
            Ok(len) if len < u8::MAX => encoded.push(len),
            _ => {
                encoded.push(u8::MAX);
                encoded.extend(text.len().to_le_bytes().iter().take(3));
            }
        }
        encoded.extend(text.as_bytes());
    }
    xxh64(&encoded, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn slots_are_an_interval_apart_and_the_last_one_is_not_ahead(
            interval_ms in 1i64..10_000_000, now_ns in 0i64..i64::MAX / 4, name in "[a-z]{0,300}",
        ) {
            let schedule = Schedule::of("f.yml", &name, interval_ms);
            let last = schedule.last(now_ns);
            prop_assert!(last.ns <= now_ns);
            prop_assert!(schedule.after(last, 1).ns > now_ns);
            prop_assert_eq!(schedule.last(last.ns), last);
            prop_assert_eq!(schedule.last(schedule.after(last, 3).ns), schedule.after(last, 3));
        }
    }

    #[test]
    fn only_whole_slots_are_missed() {
        let schedule = Schedule::of("f", "g", 1000);
        let slot = schedule.last(1_000_000_000_000);
        let after = |ms: i64| slot.ns + ms * NANOS_PER_MS;
        for (ms, missed) in [(1000, 0), (1999, 0), (2000, 1), (3500, 2)] {
            assert_eq!(schedule.missed(slot, after(ms)), missed, "{ms}");
        }
        // A clock that was set back misses nothing.
        assert_eq!(schedule.missed(slot, after(-5000)), 0);
    }
}
