//! Why an answer may differ from release 2.42's: every cause that is known, and how it is recognised.

use super::compare::{Answered, Case, Form};
use super::data;
use super::generate::Exact;
use serde_json::Value;
use std::collections::HashSet;

/// How often the peer is asked again whether it means what it said.
const REPEATED: usize = 40;

/// A change between the releases.
pub struct Cause {
    /// What changed.
    pub text: &'static str,
    /// Whether it explains this difference.
    pub explains: fn(&Case<'_>) -> bool,
}

/// The first that explains a difference counts.
pub const CAUSES: &[Cause] = &[
    Cause {
        text: "sums are compensated, averages are quotients, mathematics comes from another library: last digits",
        explains: |case| case.expression.exact == Exact::Rounded && case.equal_but(near),
    },
    Cause {
        text: "equal values have no order among each other when they are sorted",
        explains: |case| case.has(&["sort", "topk", "bottomk"]) && case.equal_but(identical),
    },
    Cause {
        text: "which of equal values topk and bottomk keep depends on how their heap is repaired",
        explains: |case| case.expression.ranked.iter().any(|ranked| case.has_ties(ranked)),
    },
    Cause {
        text: "predict_linear over a range pinned with @ moved the range along with the steps",
        explains: |case| case.has(&["predict_linear"]) && case.has(&["@"]),
    },
    Cause {
        text: "a quantile at the edge of a bucket falls to the side that the last digit of a sum of rates decides",
        explains: |case| {
            let summed = case.expression.exact == Exact::Rounded && case.has(&["histogram_quantile"]);
            summed && case.equal_but(|ours, theirs| ours == theirs || finite(ours) && finite(theirs))
        },
    },
    Cause {
        text: "timestamp of a selector with both @ and offset found nothing",
        explains: |case| case.has(&["timestamp("]) && case.has(&["@"]) && case.has(&["offset"]),
    },
    Cause {
        text: "a match that a comparison filters out counts as a match",
        explains: |case| match (&case.ours, &case.theirs) {
            (Answered::Error { text, .. }, Answered::Data(_)) => {
                text.starts_with("multiple matches for labels")
            }
            _ => false,
        },
    },
    Cause {
        text: "what count_values counted has no order",
        explains: |case| {
            case.expression.text.contains("count_values") && case.equal_but(|ours, theirs| ours == theirs)
        },
    },
    Cause {
        text: "the deviation of one value that is not finite is NaN, no longer 0",
        explains: |case| {
            let not_finite = |ours: &str, theirs: &str| ours == "NaN" || near(ours, theirs);
            case.has(&["stddev", "stdvar"]) && case.equal_but(not_finite)
        },
    },
    Cause {
        text: "an error about a parameter says which",
        explains: |case| match case.errors() {
            Some((ours, theirs)) => ours.strip_prefix("invalid parameter \"query\": ") == Some(theirs),
            None => false,
        },
    },
    Cause {
        text: "an error names two duplicate series in sorted order",
        explains: |case| {
            let sorted = |text: &str| {
                let mut bytes = text.as_bytes().to_vec();
                bytes.sort_unstable();
                bytes
            };
            case.errors().is_some_and(|(ours, theirs)| {
                ours.starts_with("found duplicate series") && sorted(ours) == sorted(theirs)
            })
        },
    },
    Cause {
        text: "a rank that is no number has an error of its own",
        explains: |case| {
            case.errors() == Some(("Parameter value is NaN", "Scalar value NaN overflows int64"))
        },
    },
    Cause {
        text: "of several errors another comes first: series are evaluated whole, one after the other, not step by step",
        explains: |case| {
            let known = |text: &str| OF_A_STEP.iter().any(|start| text.starts_with(start));
            case.errors().is_some_and(|(ours, theirs)| known(ours) && known(theirs))
        },
    },
    Cause {
        text: "2.42 goes through maps in any order, to which ties and first errors bear witness: asked again it contradicts itself",
        explains: |case| case.contradicted(),
    },
];

/// Errors that depend on which series there are at a step.
const OF_A_STEP: &[&str] = &[
    "found duplicate series for the match group",
    "multiple matches for labels",
    "vector cannot contain metrics with the same labelset",
    "Parameter value is NaN",
    "Scalar value",
];

/// Equal but for the last digits, measured at the size of what was summed.
fn near(ours: &str, theirs: &str) -> bool {
    if ours == theirs {
        return true;
    }
    let (Ok(a), Ok(b)) = (ours.parse::<f64>(), theirs.parse::<f64>()) else { return false };
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-6
}

fn finite(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn identical(ours: &str, theirs: &str) -> bool {
    ours == theirs
}

impl Case<'_> {
    /// Whether the expression has any of these words.
    fn has(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.expression.text.contains(word))
    }

    /// Whether a vector has equal values, at the times that were asked about or elsewhere in the data.
    fn has_ties(&self, vector: &str) -> bool {
        let everywhere = Form::Range(data::START * 1000 + 500, data::END * 1000 + 500, 15_000);
        [self.form, everywhere].iter().any(|form| {
            let Answered::Data(answer) = self.ask_peer(vector, form) else { return false };
            let mut seen = HashSet::new();
            let mut tie = |pair: &Value| !seen.insert((pair[0].to_string(), pair[1].to_string()));
            answer["result"].as_array().into_iter().flatten().any(|series| {
                match series["values"].as_array() {
                    Some(values) => values.iter().any(&mut tie),
                    None => tie(&series["value"]),
                }
            })
        })
    }

    /// Both errors, where there are two of one kind.
    fn errors(&self) -> Option<(&str, &str)> {
        match (&self.ours, &self.theirs) {
            (Answered::Error { kind, text }, Answered::Error { kind: other, text: theirs })
                if kind == other =>
            {
                Some((text, theirs))
            }
            _ => None,
        }
    }

    /// Whether the peer, asked again, answers otherwise than before.
    fn contradicted(&self) -> bool {
        (0..REPEATED).any(|_| self.ask_peer(&self.expression.text, &self.form) != self.theirs)
    }

    /// Whether both answered, and alike if the order of vectors and `same` values count as equal.
    pub fn equal_but(&self, same: fn(&str, &str) -> bool) -> bool {
        let (Answered::Data(ours), Answered::Data(theirs)) = (&self.ours, &self.theirs) else { return false };
        let kind = &ours["resultType"];
        if *kind != theirs["resultType"] {
            return false;
        }
        if kind == "scalar" {
            return sample(&ours["result"], &theirs["result"], same);
        }
        let sorted = |data: &Value| {
            let mut series = data["result"].as_array().cloned().unwrap_or_default();
            series.sort_by_cached_key(|one| one["metric"].to_string());
            series
        };
        let (ours, theirs) = (sorted(ours), sorted(theirs));
        let alike = |(ours, theirs): (&Value, &Value)| {
            ours["metric"] == theirs["metric"]
                && match (ours["values"].as_array(), theirs["values"].as_array()) {
                    (Some(ours), Some(theirs)) => {
                        ours.len() == theirs.len()
                            && ours.iter().zip(theirs).all(|(ours, theirs)| sample(ours, theirs, same))
                    }
                    _ => sample(&ours["value"], &theirs["value"], same),
                }
        };
        ours.len() == theirs.len() && ours.iter().zip(&theirs).all(alike)
    }
}

fn sample(ours: &Value, theirs: &Value, same: fn(&str, &str) -> bool) -> bool {
    let text = |pair: &Value| pair[1].as_str().map(str::to_owned).unwrap_or_default();
    ours[0] == theirs[0] && same(&text(ours), &text(theirs))
}
