//! The syntax tree. Every node knows the bytes it was read from.

use super::functions::Function;
use narthex_storage::Matcher;

/// Bytes of the query text, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number per step.
    Scalar,
    /// At most one sample per series and step.
    Vector,
    /// A range of samples per series and step.
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// As error texts name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `1.5`, `0x1f`, `5m`
    Number {
        /// Value.
        value: f64,
        /// Written as a duration.
        duration: bool,
        /// Place.
        span: Span,
    },
    /// `"text"`
    String {
        /// Unquoted text.
        value: String,
        /// Place.
        span: Span,
    },
    /// `(expr)`
    Paren {
        /// Inside.
        expr: Box<Expr>,
        /// Place.
        span: Span,
    },
    /// `-expr`, `+expr`
    Unary {
        /// Whether the sign is a minus.
        negative: bool,
        /// Operand.
        expr: Box<Expr>,
        /// Place.
        span: Span,
    },
    /// `a + on(x) b`
    Binary(Box<Binary>),
    /// `sum by (x) (expr)`
    Aggregate(Box<Aggregate>),
    /// `rate(expr)`
    Call(Box<Call>),
    /// `up{job="x"} offset 5m`
    Vector(Box<VectorSelector>),
    /// `up[5m]`
    Matrix {
        /// The selector.
        selector: Box<VectorSelector>,
        /// Length of the range, ms.
        range_ms: i64,
        /// What has to be computed before `range_ms` holds.
        range_expr: Option<Box<DurationExpr>>,
        /// Place.
        span: Span,
    },
    /// `expr[1h:5m]`
    Subquery(Box<Subquery>),
}

/// `name{matchers} offset … @ …`
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The name before the braces, if any.
    pub name: Option<String>,
    /// All matchers, with that of the name.
    pub matchers: Vec<Matcher>,
    /// Time modifiers.
    pub time: TimeModifier,
    /// `anchored` or `smoothed`.
    pub bounds: Bounds,
    /// Place, with the modifiers.
    pub span: Span,
}

/// How samples at the bounds of a window are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bounds {
    /// Only what lies inside.
    #[default]
    Plain,
    /// `anchored`: the last sample at or before the start stands in for the start.
    Anchored,
    /// `smoothed`: interpolated at both bounds.
    Smoothed,
}

/// A duration that depends on the query, or is computed: `[step() * 2]`.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExpr {
    /// A number of seconds, perhaps written as a duration.
    Number {
        /// Seconds.
        seconds: f64,
        /// Written as a duration.
        duration: bool,
        /// Place.
        span: Span,
    },
    /// `step()`
    Step {
        /// Place.
        span: Span,
    },
    /// `range()`
    Range {
        /// Place.
        span: Span,
    },
    /// `-a`, `+a`
    Unary {
        /// Whether the sign is a minus.
        negative: bool,
        /// Operand.
        expr: Box<DurationExpr>,
        /// Place.
        span: Span,
    },
    /// `a + b`
    Binary {
        /// One of `+ - * / % ^`.
        op: BinaryOp,
        /// Left operand.
        left: Box<DurationExpr>,
        /// Right operand.
        right: Box<DurationExpr>,
        /// Place.
        span: Span,
    },
    /// `min_of(a, b)`, `max_of(a, b)`
    Extreme {
        /// Whether it is the greater one.
        max: bool,
        /// First operand.
        left: Box<DurationExpr>,
        /// Second operand.
        right: Box<DurationExpr>,
        /// Place.
        span: Span,
    },
    /// `(a)`
    Paren {
        /// Inside.
        expr: Box<DurationExpr>,
        /// Place.
        span: Span,
    },
}

/// `offset` and `@` of a selector or subquery.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeModifier {
    /// Looks this much further back, ms.
    pub offset_ms: i64,
    /// What has to be computed before `offset_ms` holds.
    pub offset_expr: Option<Box<DurationExpr>>,
    /// Fixed evaluation time.
    pub at: Option<At>,
}

/// The time after `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since the epoch.
    Timestamp(i64),
    /// `start()` of the query.
    Start,
    /// `end()` of the query.
    End,
}

/// `expr[range:step]`
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// The inner expression.
    pub expr: Expr,
    /// Length of the range, ms.
    pub range_ms: i64,
    /// What has to be computed before `range_ms` holds.
    pub range_expr: Option<Box<DurationExpr>>,
    /// Distance of the inner steps, ms; `None` for the default.
    pub step_ms: Option<i64>,
    /// What has to be computed before `step_ms` holds.
    pub step_expr: Option<Box<DurationExpr>>,
    /// Time modifiers.
    pub time: TimeModifier,
    /// Place, with the modifiers.
    pub span: Span,
}

/// A function call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function.
    pub function: &'static Function,
    /// Arguments.
    pub args: Vec<Expr>,
    /// Place.
    pub span: Span,
}

/// An aggregation.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Operator.
    pub op: AggregateOp,
    /// Operand.
    pub expr: Expr,
    /// The parameter of `topk` and its kin.
    pub param: Option<Expr>,
    /// Labels of the clause.
    pub grouping: Vec<String>,
    /// `without` rather than `by`.
    pub without: bool,
    /// Place.
    pub span: Span,
}

/// Aggregation operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names say all that the table below does not
pub enum AggregateOp {
    Avg,
    Bottomk,
    Count,
    CountValues,
    Group,
    Limitk,
    LimitRatio,
    Max,
    Min,
    Quantile,
    Stddev,
    Stdvar,
    Sum,
    Topk,
}

impl AggregateOp {
    /// Operators and their names.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Avg, "avg"),
        (Self::Bottomk, "bottomk"),
        (Self::Count, "count"),
        (Self::CountValues, "count_values"),
        (Self::Group, "group"),
        (Self::Limitk, "limitk"),
        (Self::LimitRatio, "limit_ratio"),
        (Self::Max, "max"),
        (Self::Min, "min"),
        (Self::Quantile, "quantile"),
        (Self::Stddev, "stddev"),
        (Self::Stdvar, "stdvar"),
        (Self::Sum, "sum"),
        (Self::Topk, "topk"),
    ];

    /// As written.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(op, _)| *op == self).map_or("", |(_, name)| name)
    }

    /// The operator of this name, in any case.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| n.eq_ignore_ascii_case(name)).map(|(op, _)| *op)
    }

    /// The type of the parameter, when the operator has one.
    #[must_use]
    pub fn param(self) -> Option<ValueType> {
        match self {
            Self::CountValues => Some(ValueType::String),
            Self::Bottomk | Self::Topk | Self::Quantile | Self::Limitk | Self::LimitRatio => {
                Some(ValueType::Scalar)
            }
            _ => None,
        }
    }

    /// Needs the feature `promql-experimental-functions`.
    #[must_use]
    pub fn experimental(self) -> bool {
        matches!(self, Self::Limitk | Self::LimitRatio)
    }
}

/// A binary operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// Operator.
    pub op: BinaryOp,
    /// Left operand.
    pub left: Expr,
    /// Right operand.
    pub right: Expr,
    /// Comparison that answers 0 or 1.
    pub return_bool: bool,
    /// How vectors are matched.
    pub matching: Matching,
    /// Place.
    pub span: Span,
}

/// How the series of two vectors find each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matching {
    /// Which side may have several partners.
    pub card: Cardinality,
    /// Labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// `on` rather than `ignoring`.
    pub on: bool,
    /// Labels of `group_left` or `group_right`.
    pub include: Vec<String>,
    /// Value of a series that the left side lacks.
    pub fill_left: Option<f64>,
    /// Value of a series that the right side lacks.
    pub fill_right: Option<f64>,
}

/// Which side may have several partners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the names are the doc
pub enum Cardinality {
    #[default]
    OneToOne,
    ManyToOne,
    OneToMany,
    ManyToMany,
}

/// Binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the doc
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eql,
    Neq,
    Gtr,
    Lss,
    Gte,
    Lte,
    TrimUpper,
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// Operators, how they are written, and how tightly they bind.
    pub const ALL: &'static [(Self, &'static str, u8)] = &[
        (Self::Or, "or", 1),
        (Self::And, "and", 2),
        (Self::Unless, "unless", 2),
        (Self::Eql, "==", 3),
        (Self::Neq, "!=", 3),
        (Self::Gte, ">=", 3),
        (Self::Lte, "<=", 3),
        (Self::Gtr, ">", 3),
        (Self::Lss, "<", 3),
        (Self::TrimUpper, "</", 3),
        (Self::TrimLower, ">/", 3),
        (Self::Add, "+", 4),
        (Self::Sub, "-", 4),
        (Self::Mul, "*", 5),
        (Self::Div, "/", 5),
        (Self::Mod, "%", 5),
        (Self::Atan2, "atan2", 5),
        (Self::Pow, "^", 6),
    ];

    /// As written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        Self::ALL.iter().find(|(op, _, _)| *op == self).map_or("", |(_, symbol, _)| symbol)
    }

    /// How tightly it binds.
    #[must_use]
    pub fn precedence(self) -> u8 {
        Self::ALL.iter().find(|(op, _, _)| *op == self).map_or(0, |(_, _, p)| *p)
    }

    /// `== != > < >= <=`
    #[must_use]
    pub fn is_comparison(self) -> bool {
        self.precedence() == 3 && !self.is_trim()
    }

    /// `</ >/`: cut a histogram above or below a value.
    #[must_use]
    pub fn is_trim(self) -> bool {
        matches!(self, Self::TrimUpper | Self::TrimLower)
    }

    /// `and or unless`
    #[must_use]
    pub fn is_set(self) -> bool {
        self.precedence() <= 2
    }
}

impl Expr {
    /// The bytes it was read from.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Number { span, .. }
            | Self::String { span, .. }
            | Self::Paren { span, .. }
            | Self::Unary { span, .. }
            | Self::Matrix { span, .. } => *span,
            Self::Binary(e) => e.span,
            Self::Aggregate(e) => e.span,
            Self::Call(e) => e.span,
            Self::Vector(e) => e.span,
            Self::Subquery(e) => e.span,
        }
    }

    /// What it evaluates to.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number { .. } => ValueType::Scalar,
            Self::String { .. } => ValueType::String,
            Self::Paren { expr, .. } | Self::Unary { expr, .. } => expr.value_type(),
            Self::Binary(e) => match (e.left.value_type(), e.right.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            Self::Aggregate(_) | Self::Vector(_) => ValueType::Vector,
            Self::Call(e) => e.function.returns,
            Self::Matrix { .. } | Self::Subquery(_) => ValueType::Matrix,
        }
    }

    /// The expression inside any number of parentheses.
    #[must_use]
    pub fn unwrap_parens(&self) -> &Self {
        let mut expr = self;
        while let Self::Paren { expr: inner, .. } = expr {
            expr = inner;
        }
        expr
    }
}
