//! Well-typed expressions of every construct, made from bytes: for property tests, fuzzing, and the
//! comparison of engines.
//!
//! The same bytes make the same expression, fewer bytes make a smaller one, and no bytes make a selector.

use crate::syntax::ast::ValueType;
use crate::syntax::functions::{FUNCTIONS, Function};

/// What expressions may be made of.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary<'a> {
    /// Only what Prometheus 2.42 knows: no quoted names, no durations as numbers or numbers as durations,
    /// nothing experimental, no function that is younger.
    pub stable_only: bool,
    /// Names of metrics.
    pub metrics: &'a [&'a str],
    /// Labels and some of their values.
    pub labels: &'a [(&'a str, &'a [&'a str])],
}

impl Default for Vocabulary<'_> {
    fn default() -> Self {
        Self {
            stable_only: false,
            metrics: &["up", "http_requests_total", "job:x:rate5m", "sum", "offset", "start"],
            labels: &[
                ("job", &["a", "b"]),
                ("instance", &["0", "1"]),
                ("le", &["0.5", "+Inf"]),
                ("by", &["é\n\""]),
            ],
        }
    }
}

/// An expression that parses and is well typed; it yields a vector or a scalar.
#[must_use]
pub fn expression(bytes: &[u8], vocabulary: &Vocabulary<'_>) -> String {
    let mut generator = Generator { bytes: bytes.iter(), vocabulary, depth: 0 };
    match generator.pick(8) {
        7 => generator.scalar(),
        _ => generator.vector(),
    }
}

/// Functions that Prometheus 2.42 does not know, apart from the experimental ones.
const YOUNG_FUNCTIONS: &[&str] =
    &["first_over_time", "histogram_avg", "histogram_stddev", "histogram_stdvar"];

/// Operators between vectors and scalars in any mix.
const ARITHMETIC: &[&str] = &["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: &[&str] = &["==", "!=", "<", ">", "<=", ">="];
const SETS: &[&str] = &["and", "or", "unless", "AND"];

const AGGREGATIONS: &[&str] = &["sum", "avg", "count", "min", "max", "group", "stddev", "STDVAR"];
const WITH_SCALAR: &[&str] = &["topk", "bottomk", "quantile", "limitk", "limit_ratio"];

const NUMBERS: &[&str] = &["1", "0", "2.5", "1e3", "0x1F", "017", "Inf", "NaN", "-3", ".5"];
const YOUNG_NUMBERS: &[&str] = &["1_000", "1h30m", "-5m", "500ms"];
const DURATIONS: &[&str] = &["5m", "1h", "30s", "1d", "1h30m", "150ms"];
const YOUNG_DURATIONS: &[&str] = &["300", "2.5", "0x10"];
const REGEXES: &[&str] = &["a|b", ".+", "", "[0-9]+.*", "(?i:A)"];

/// Subtrees deeper than this are leaves.
const DEPTH_MAX: usize = 6;

struct Generator<'a> {
    bytes: std::slice::Iter<'a, u8>,
    vocabulary: &'a Vocabulary<'a>,
    depth: usize,
}

impl<'a> Generator<'a> {
    /// A number below `count`; 0 once the bytes are used up.
    fn pick(&mut self, count: usize) -> usize {
        self.bytes.next().map_or(0, |byte| usize::from(*byte) % count.max(1))
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        let place = self.pick(of.len());
        of.get(place).copied().unwrap_or_default()
    }

    /// One of the old ones or, where they are allowed, of the young ones.
    fn one_of_both(&mut self, old: &[&'static str], young: &[&'static str]) -> &'static str {
        let young = if self.vocabulary.stable_only { &[] } else { young };
        let place = self.pick(old.len() + young.len());
        old.iter().chain(young).nth(place).copied().unwrap_or_default()
    }

    /// One time in `count`, and only where young constructs are allowed.
    fn young(&mut self, count: usize) -> bool {
        !self.vocabulary.stable_only && self.pick(count) == count - 1
    }

    fn nested(&mut self, make: impl FnOnce(&mut Self) -> String) -> String {
        self.depth += 1;
        let text = make(self);
        self.depth -= 1;
        text
    }

    fn is_deep(&self) -> bool {
        self.depth >= DEPTH_MAX
    }

    fn vector(&mut self) -> String {
        let kinds = if self.is_deep() { 1 } else { 12 };
        match self.pick(kinds) {
            0 | 1 => self.selector(),
            2 | 3 => self.nested(Self::aggregation),
            4..=6 => self.nested(|g| g.call(ValueType::Vector)),
            7 => self.nested(|g| format!("({})", g.vector())),
            8 => self.nested(|g| {
                let sign = g.one(&["-", "+", "- ", "-+"]);
                format!("{sign}{}", g.operand())
            }),
            9 => self.nested(Self::chain),
            _ => self.nested(Self::binary),
        }
    }

    /// A vector that may stand beside an operator.
    fn operand(&mut self) -> String {
        match self.pick(3) {
            0 => self.selector(),
            1 => self.nested(|g| format!("({})", g.vector())),
            _ => self.nested(Self::aggregation),
        }
    }

    fn scalar(&mut self) -> String {
        let kinds = if self.is_deep() { 1 } else { 6 };
        match self.pick(kinds) {
            0..=2 => self.one_of_both(NUMBERS, YOUNG_NUMBERS).to_owned(),
            3 => self.nested(|g| g.call(ValueType::Scalar)),
            4 => self.nested(|g| format!("({} {} {})", g.scalar(), g.one(ARITHMETIC), g.scalar())),
            _ => self.nested(|g| format!("({} {} bool {})", g.scalar(), g.one(COMPARISONS), g.scalar())),
        }
    }

    fn selector(&mut self) -> String {
        let bare = self.bare_selector();
        let smoothed = if self.young(12) { " smoothed" } else { "" };
        let time = self.time();
        format!("{bare}{smoothed}{time}")
    }

    fn bare_selector(&mut self) -> String {
        let metric = self.one(self.vocabulary.metrics);
        match self.pick(5) {
            0 => metric.to_owned(),
            1 => format!("{{__name__=\"{metric}\"{}}}", self.matcher(", ")),
            2 if !self.vocabulary.stable_only => format!("{{\"{metric}\"{}}}", self.matcher(", ")),
            3 => format!("{metric} {{ {} }}", self.matcher("")),
            _ => format!("{metric}{{{}{},}}", self.matcher(""), self.matcher(", ")),
        }
    }

    fn matcher(&mut self, before: &str) -> String {
        let place = self.pick(self.vocabulary.labels.len());
        let (label, values) = self.vocabulary.labels.get(place).copied().unwrap_or(("job", &[""]));
        let label = if self.young(6) { format!("'{label}'") } else { label.to_owned() };
        let quote = narthex_storage::labels::quote;
        let matcher = match self.pick(4) {
            0 => format!("{label}={}", quote(self.one(values))),
            1 => format!("{label}!={}", quote(self.one(values))),
            2 => format!("{label} =~ `{}`", self.one(REGEXES)),
            _ => format!("{label}!~{}", quote(self.one(REGEXES))),
        };
        format!("{before}{matcher}")
    }

    /// `offset` and `@`, or mostly neither.
    fn time(&mut self) -> String {
        let offset = match self.pick(8) {
            5 | 6 => format!(" offset {}", self.offset()),
            7 => format!(" OFFSET -{}", self.duration()),
            _ => String::new(),
        };
        let at = match self.pick(8) {
            5 => " @ start()",
            6 => " @ end()",
            7 => self.one_of_both(&[" @ 10", " @ -1.5", " @ 1e3"], &[" @ 1m"]),
            _ => "",
        };
        if self.pick(2) == 0 { format!("{offset}{at}") } else { format!("{at}{offset}") }
    }

    fn duration(&mut self) -> &'static str {
        self.one_of_both(DURATIONS, YOUNG_DURATIONS)
    }

    fn offset(&mut self) -> String {
        if !self.young(3) {
            return self.duration().to_owned();
        }
        let sign = self.one(&["", "-", "+"]);
        let term = match self.pick(3) {
            0 => "step()".to_owned(),
            1 => format!("min_of({}, {})", self.computed(), self.computed()),
            _ => format!("({})", self.computed()),
        };
        format!("{sign}{term}")
    }

    /// A duration that is computed.
    fn computed(&mut self) -> String {
        let kinds = if self.is_deep() { 2 } else { 7 };
        match self.pick(kinds) {
            0 => self.duration().to_owned(),
            1 => self.one(&["step()", "range()", "STEP( )"]).to_owned(),
            2 => self.nested(|g| format!("({})", g.computed())),
            3 => self.nested(|g| format!("{}{}", g.one(&["-", "+"]), g.computed())),
            4 => self.nested(|g| format!("max_of({},{})", g.computed(), g.computed())),
            _ => self.nested(|g| {
                // A written divisor is never 0 here.
                let op = g.one(&["+", "-", "*", "/", "%", "^"]);
                format!("{} {op} {}", g.computed(), g.computed())
            }),
        }
    }

    /// A length of a range or step: of more than nothing, as far as can be seen.
    fn length(&mut self) -> String {
        if self.young(3) { format!("1m + {}", self.computed()) } else { self.duration().to_owned() }
    }

    fn matrix(&mut self, bounds: &[&'static str]) -> String {
        if !self.is_deep() && self.pick(4) == 3 {
            return self.nested(|g| {
                let step = if g.pick(2) == 0 { String::new() } else { g.length() };
                format!("{}[{}:{step}]{}", g.operand(), g.length(), g.time())
            });
        }
        let bounds = if self.young(4) { self.one(bounds) } else { "" };
        format!("{}[{}]{bounds}{}", self.bare_selector(), self.length(), self.time())
    }

    /// A call of any function that returns the type.
    fn call(&mut self, returns: ValueType) -> String {
        let known = |f: &&Function| {
            let old = !f.experimental && !YOUNG_FUNCTIONS.contains(&f.name);
            f.returns == returns && (old || !self.vocabulary.stable_only)
        };
        let all: Vec<&Function> = FUNCTIONS.iter().filter(known).collect();
        let place = self.pick(all.len());
        let Some(function) = all.get(place) else { return "1".to_owned() };
        let args = self.args(function);
        format!("{}({})", function.name, args.join(", "))
    }

    fn args(&mut self, function: &Function) -> Vec<String> {
        let texts: &[&str] = match function.name {
            "label_replace" => &["\"dst\"", "\"$1-x\"", "\"job\"", "'(.*)'"],
            "label_join" => &["\"dst\"", "\"-\"", "\"job\"", "\"instance\""],
            "info" => return self.info_args(),
            _ => &["\"job\"", "`instance`"],
        };
        let bounds: &[&'static str] = match function.name {
            "delta" | "increase" | "rate" => &["", " anchored", " smoothed"],
            "changes" | "resets" => &["", " anchored"],
            _ => &[""],
        };
        let spare = function.max_args.min(function.min_args + 2) - function.min_args;
        let count = function.min_args + self.pick(spare + 1);
        let mut texts = texts.iter().cycle();
        let mut args = Vec::with_capacity(count);
        for i in 0..count {
            args.push(match function.args.get(i).or(function.args.last()) {
                Some(ValueType::Scalar) => self.scalar(),
                Some(ValueType::Matrix) => self.matrix(bounds),
                Some(ValueType::String) => texts.next().copied().unwrap_or_default().to_owned(),
                _ => self.vector(),
            });
        }
        args
    }

    /// The second argument of `info` is matchers alone.
    fn info_args(&mut self) -> Vec<String> {
        let mut args = vec![self.vector()];
        match self.pick(3) {
            0 => {}
            1 => args.push("{}".to_owned()),
            _ => args.push(format!("{{{}}}", self.matcher(""))),
        }
        args
    }

    fn aggregation(&mut self) -> String {
        let (name, param) = match self.pick(8) {
            6 => ("count_values", "\"value\", ".to_owned()),
            7 => {
                let names = if self.vocabulary.stable_only { WITH_SCALAR.get(..3) } else { None };
                let name = self.one(names.unwrap_or(WITH_SCALAR));
                (name, format!("{}, ", self.scalar()))
            }
            _ => (self.one(AGGREGATIONS), String::new()),
        };
        let body = format!("({param}{})", self.vector());
        let clause = match self.pick(4) {
            0 | 1 => return format!("{name}{body}"),
            2 => format!("by {}", self.label_list()),
            _ => format!("Without{}", self.label_list()),
        };
        if self.pick(2) == 0 { format!("{name} {clause} {body}") } else { format!("{name}{body} {clause}") }
    }

    /// Some of the labels, each once.
    fn label_list(&mut self) -> String {
        let mask = self.pick(16);
        let chosen = self.vocabulary.labels.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1);
        let quoted = self.vocabulary.stable_only;
        let names: Vec<String> = chosen
            .map(|(i, (name, _))| if i == 1 && !quoted { format!("\"{name}\"") } else { (*name).to_owned() })
            .collect();
        let comma = if !names.is_empty() && self.pick(4) == 3 { "," } else { "" };
        format!("({}{comma})", names.join(", "))
    }

    /// Arithmetic without parentheses: precedence decides.
    fn chain(&mut self) -> String {
        let mut text = self.operand();
        for _ in 0..self.pick(4) {
            let sign = self.one(&["", "", "-"]);
            text = format!("{text} {} {sign}{}", self.one(ARITHMETIC), self.operand());
        }
        text
    }

    fn binary(&mut self) -> String {
        let left = self.operand();
        match self.pick(6) {
            0 => format!("{left} {} {}", self.one(ARITHMETIC), self.scalar()),
            1 => {
                let bool = self.one(&["", " bool"]);
                format!("{left} {}{bool} {}", self.one(COMPARISONS), self.scalar())
            }
            2 => format!("{left} {}{} {}", self.one(SETS), self.on_or_ignoring(), self.operand()),
            3 if !self.vocabulary.stable_only => {
                format!("{left} {} {}", self.one(&["</", ">/"]), self.scalar())
            }
            4 => {
                let bool = self.one(&["", " bool", " BOOL"]);
                format!("{left} {}{bool}{} {}", self.one(COMPARISONS), self.matching(), self.operand())
            }
            _ => format!("{left} {}{} {}", self.one(ARITHMETIC), self.matching(), self.operand()),
        }
    }

    fn on_or_ignoring(&mut self) -> String {
        match self.pick(3) {
            0 => String::new(),
            1 => format!(" on{}", self.label_list()),
            _ => format!(" ignoring {}", self.label_list()),
        }
    }

    fn matching(&mut self) -> String {
        let mut text = self.on_or_ignoring();
        if !text.is_empty() {
            // A label that no list above holds.
            text += self.one(&["", "", " group_left", " group_right()", " group_left(extra)"]);
        }
        if self.young(4) {
            text += self.one(&[
                " fill(0)",
                " fill_left(-1)",
                " fill_right (+Inf)",
                " fill_right(1) fill_left(2)",
            ]);
        }
        // Without parentheses a label list would follow a bare `group_left`.
        if text.ends_with("group_left") {
            text += " ()";
        }
        text
    }
}
