//! What the comments before a series say about it: type and unit, for the labels `__type__` and `__unit__`.
//!
//! As in Prometheus's parsers, a `TYPE` holds for all series down to the next one, whatever their names.

use super::exposition::{Entry, MetricType};

/// Units that are told apart per target; series of further ones get no unit.
const UNITS_MAX: usize = 1000;

/// Type and unit of the series that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Family {
    pub(super) kind: MetricType,
    /// Place of the unit among those known, from 1; 0 for none.
    unit: u16,
}

impl Default for Family {
    fn default() -> Self {
        Self { kind: MetricType::Unknown, unit: 0 }
    }
}

/// Follows the comments of a target's pages.
#[derive(Debug, Default)]
pub(super) struct Families {
    current: Family,
    /// The metric of the last comment.
    metric: Vec<u8>,
    units: Vec<String>,
}

impl Families {
    /// A page begins.
    pub(super) fn begin(&mut self) {
        self.current = Family::default();
        self.metric.clear();
    }

    /// What holds for a series that stands here.
    #[inline]
    pub(super) fn current(&self) -> Family {
        self.current
    }

    /// The unit that holds here, empty for none.
    pub(super) fn unit(&self) -> &str {
        let place = usize::from(self.current.unit).checked_sub(1);
        place.and_then(|place| self.units.get(place)).map_or("", String::as_str)
    }

    /// Takes note of a comment.
    pub(super) fn note(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Type { metric, kind } => {
                self.enter(metric);
                self.current.kind = *kind;
            }
            Entry::Unit { metric, unit } => {
                self.enter(metric);
                self.current.unit = self.intern(unit);
            }
            _ => {}
        }
    }

    /// A unit ends with its metric; a type only at the next one.
    fn enter(&mut self, metric: &[u8]) {
        if self.metric != metric {
            self.metric.clear();
            self.metric.extend_from_slice(metric);
            self.current.unit = 0;
        }
    }

    fn intern(&mut self, unit: &[u8]) -> u16 {
        if unit.is_empty() {
            return 0;
        }
        let unit = String::from_utf8_lossy(unit);
        let known = self.units.iter().position(|known| *known == unit);
        let place = known.unwrap_or_else(|| {
            if self.units.len() < UNITS_MAX {
                self.units.push(unit.into_owned());
                self.units.len() - 1
            } else {
                usize::MAX
            }
        });
        u16::try_from(place.wrapping_add(1)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(metric: &'static str, kind: MetricType) -> Entry<'static> {
        Entry::Type { metric: metric.as_bytes(), kind }
    }

    #[test]
    fn a_unit_ends_with_its_metric_and_a_type_at_the_next_one() {
        let mut families = Families::default();
        families.note(&Entry::Unit { metric: b"a_seconds", unit: b"seconds" });
        families.note(&kind("a_seconds", MetricType::Counter));
        assert_eq!((families.current().kind, families.unit()), (MetricType::Counter, "seconds"));
        families.note(&kind("b", MetricType::Gauge));
        assert_eq!((families.current().kind, families.unit()), (MetricType::Gauge, ""));
        families.begin();
        assert_eq!(families.current(), Family::default());
    }

    #[test]
    fn units_are_bounded() {
        let mut families = Families::default();
        for i in 0..UNITS_MAX + 5 {
            let unit = format!("unit{i}");
            families.note(&Entry::Unit { metric: b"m", unit: unit.as_bytes() });
            assert_eq!(families.unit(), if i < UNITS_MAX { unit.as_str() } else { "" });
        }
    }
}
