//! From matchers to the numbers of the series that satisfy them, whoever keeps the lists.

use super::StorageError;
use crate::labels::matcher::{MatchOp, Matcher};
use roaring::RoaringBitmap;

/// Which values of a label a matcher speaks of.
enum Values<'a> {
    /// No value.
    None,
    /// Every value.
    All,
    /// These, and no others.
    Listed(&'a [String]),
    /// Those that the matcher accepts, which has to be asked for each.
    Accepted,
    /// Those that it does not.
    Refused,
}

/// What a matcher does to a selection.
struct Step<'a> {
    matcher: &'a Matcher,
    values: Values<'a>,
    /// Series with such a value are left out, rather than required.
    exclude: bool,
}

impl Step<'_> {
    /// What all values begin with that the expression matches, when they are those that `op` looks for.
    fn prefix(&self, op: MatchOp) -> &str {
        let regex = self.matcher.regex().filter(|_| self.matcher.op == op);
        regex.and_then(|regex| regex.prefix()).unwrap_or_default()
    }
}

/// Lists of series by label and value.
pub(crate) trait Postings {
    /// Every series.
    fn everything(&self) -> RoaringBitmap;

    /// The series that have the label.
    ///
    /// # Errors
    /// A list cannot be read.
    fn with_name(&self, name: &str) -> Result<RoaringBitmap, StorageError>;

    /// The series that have this value of the label.
    ///
    /// # Errors
    /// The list cannot be read.
    fn with_value(&self, name: &str, value: &str) -> Result<RoaringBitmap, StorageError>;

    /// The series that have a value that is `wanted`, which is asked once for each value.
    ///
    /// # Errors
    /// A list cannot be read.
    fn with_wanted(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, StorageError>;

    /// As [`Postings::with_wanted`], for a `wanted` that accepts only values that begin with `prefix`.
    ///
    /// # Errors
    /// A list cannot be read.
    fn with_prefix(
        &self,
        name: &str,
        prefix: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, StorageError> {
        let _ = prefix;
        self.with_wanted(name, wanted)
    }

    /// The number of values that the label has.
    fn value_count(&self, name: &str) -> usize;

    /// Keeps the series whose value of the label, empty when they have none, is `wanted`.
    ///
    /// # Errors
    /// Labels cannot be read.
    fn filter(
        &self,
        series: &RoaringBitmap,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, StorageError>;
}

/// The series that satisfy all matchers.
///
/// # Errors
/// A list cannot be read.
pub(crate) fn resolve(postings: &impl Postings, matchers: &[Matcher]) -> Result<RoaringBitmap, StorageError> {
    let mut steps: Vec<Step<'_>> = matchers.iter().map(step).collect();
    // What is looked up before what is searched for, what is required before what is left out.
    steps.sort_by_key(|step| {
        let searched = matches!(step.values, Values::Accepted | Values::Refused);
        let wide = matches!(step.values, Values::All);
        (searched, step.exclude, wide, postings.value_count(&step.matcher.name) * usize::from(searched))
    });
    let mut found: Option<RoaringBitmap> = None;
    for step in &steps {
        if found.as_ref().is_some_and(RoaringBitmap::is_empty) {
            break;
        }
        let name = step.matcher.name.as_str();
        let searched = matches!(step.values, Values::Accepted | Values::Refused);
        if let Some(few) = found.as_ref().filter(|few| {
            // A few series are asked for their values sooner than all values are looked at.
            searched && few.len() < postings.value_count(name) as u64 / 4
        }) {
            found = Some(postings.filter(few, name, &|value| step.matcher.matches(value))?);
            continue;
        }
        let mut list = match step.values {
            Values::None => RoaringBitmap::new(),
            Values::All => postings.with_name(name)?,
            Values::Listed([value]) => postings.with_value(name, value)?,
            Values::Listed(values) => {
                let mut all = RoaringBitmap::new();
                for value in values {
                    all |= postings.with_value(name, value)?;
                }
                all
            }
            Values::Accepted => postings
                .with_prefix(name, step.prefix(MatchOp::Regex), &|value| step.matcher.matches(value))?,
            Values::Refused => {
                let prefix = step.prefix(MatchOp::NotRegex);
                postings.with_prefix(name, prefix, &|value| !step.matcher.matches(value))?
            }
        };
        found = Some(match (found, step.exclude) {
            (Some(found), true) => found - list,
            (None, true) if list.is_empty() => postings.everything(),
            (None, true) => postings.everything() - list,
            (Some(found), false) => {
                list &= found;
                list
            }
            (None, false) => list,
        });
    }
    Ok(found.unwrap_or_else(|| postings.everything()))
}

fn step(matcher: &Matcher) -> Step<'_> {
    // A matcher that accepts the empty value accepts series without the label: those with a value that it
    // refuses are left out. Any other requires a value that it accepts.
    let exclude = matcher.matches_empty();
    let regex = matcher.regex();
    let set = regex.and_then(|regex| regex.set_matches());
    let listed = match matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => std::slice::from_ref(&matcher.value),
        MatchOp::Regex | MatchOp::NotRegex => set.unwrap_or_default(),
    };
    let positive = matches!(matcher.op, MatchOp::Equal | MatchOp::Regex);
    let only_empty = listed.iter().all(String::is_empty);
    let values = match regex.filter(|_| set.is_none()) {
        Some(regex) if regex.matches_anything() => Values::None,
        // `=~".+"` requires a value, `!~".+"` refuses all of them.
        Some(regex) if regex.matches_all_but_empty() => Values::All,
        Some(_) if exclude => Values::Refused,
        Some(_) => Values::Accepted,
        None if listed.is_empty() => Values::None,
        None if only_empty => Values::All,
        None if positive != exclude => Values::Listed(listed),
        None if exclude => Values::Refused,
        None => Values::Accepted,
    };
    Step { matcher, values, exclude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use proptest::prelude::*;

    struct List(Vec<Labels>);

    impl List {
        fn where_value(&self, name: &str, wanted: &dyn Fn(Option<&str>) -> bool) -> RoaringBitmap {
            (0u32..).zip(&self.0).filter(|(_, labels)| wanted(labels.get(name))).map(|(n, _)| n).collect()
        }
    }

    impl Postings for List {
        fn everything(&self) -> RoaringBitmap {
            (0..self.0.len() as u32).collect()
        }

        fn with_name(&self, name: &str) -> Result<RoaringBitmap, StorageError> {
            Ok(self.where_value(name, &|value| value.is_some()))
        }

        fn with_value(&self, name: &str, value: &str) -> Result<RoaringBitmap, StorageError> {
            Ok(self.where_value(name, &|found| found == Some(value)))
        }

        fn with_wanted(
            &self,
            name: &str,
            wanted: &dyn Fn(&str) -> bool,
        ) -> Result<RoaringBitmap, StorageError> {
            Ok(self.where_value(name, &|found| found.is_some_and(wanted)))
        }

        fn value_count(&self, _: &str) -> usize {
            12
        }

        fn filter(
            &self,
            series: &RoaringBitmap,
            name: &str,
            wanted: &dyn Fn(&str) -> bool,
        ) -> Result<RoaringBitmap, StorageError> {
            Ok(self.where_value(name, &|found| wanted(found.unwrap_or(""))) & series)
        }
    }

    proptest! {
        #[test]
        fn a_series_is_found_when_every_matcher_accepts_it(
            series in proptest::collection::vec(proptest::collection::btree_map("[ab]", "[xyz]{1,2}", 0..3), 0..12),
            matchers in proptest::collection::vec(
                (0usize..4, "[abc]", prop_oneof![Just(""), Just("x"), Just("xy|z"), Just("|x"), Just(".*"), Just(".+"), Just("x.*"), Just("xy.+"), Just("(?i)X.*"), Just("x.*|"), Just(".*y"), Just("[xy]+|"), Just("[^x]")]),
                0..4),
        ) {
            let list: Vec<Labels> = series
                .iter()
                .map(|pairs| Labels::from_pairs(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))))
                .collect();
            let ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
            let matchers: Vec<Matcher> =
                matchers.into_iter().map(|(op, name, value)| Matcher::new(ops[op], name, value).unwrap()).collect();
            let want: Vec<u32> = (0u32..)
                .zip(&list)
                .filter(|(_, l)| matchers.iter().all(|m| m.matches(l.get(&m.name).unwrap_or(""))))
                .map(|(n, _)| n)
                .collect();
            let got: Vec<u32> = resolve(&List(list), &matchers).unwrap().into_iter().collect();
            prop_assert_eq!(got, want);
        }
    }
}
