//! Values that templates compute with, and the Go types that they stand for.

use narthex_promql::InstantSample;
use narthex_storage::{FloatHistogram, Labels};
use std::fmt::{self, Display, Formatter};
use std::rc::Rc;
use std::sync::Arc;

/// A value; copies share what is large.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing at all; prints as `<no value>`.
    Missing,
    /// The nil of a type.
    Nil(Type),
    Bool(bool),
    Int(i64, Integer),
    Float(f64),
    Text(Rc<str>),
    /// A text that needs no escaping in HTML.
    Html(Rc<str>),
    /// Nanoseconds.
    Duration(i64, Held),
    /// Nanoseconds since the epoch; UTC.
    Time(i128, Held),
    Labels(Rc<Labels>),
    /// The values of the function `args`, whose keys are `arg0`, `arg1` …
    Args(Rc<[Value]>),
    Samples(Rc<[Rc<InstantSample>]>),
    Sample(Rc<InstantSample>),
    Histogram(Arc<FloatHistogram>),
    Data(Rc<Data>),
}

/// What a template is expanded with.
#[derive(Debug)]
pub(super) struct Data {
    pub labels: Value,
    pub external_labels: Value,
    pub external_url: Rc<str>,
    pub value: Value,
}

/// The types of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Integer {
    Int,
    Int32,
    Int64,
    Byte,
    Month,
    Weekday,
}

/// Whether Go holds a value itself or a pointer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Value,
    Pointer,
}

/// A type, as parameters have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// `interface {}`.
    Any,
    /// `reflect.Value`: a built-in's parameter, which takes even [`Value::Missing`].
    Reflected,
    Bool,
    Int(Integer),
    Float,
    Text,
    Html,
    Duration(Held),
    Time(Held),
    Labels,
    Args,
    Samples,
    Sample,
    Histogram,
    Data,
}

impl Type {
    /// Whether nil is one of its values.
    pub(super) fn takes_nil(self) -> bool {
        matches!(
            self,
            Self::Any
                | Self::Reflected
                | Self::Labels
                | Self::Args
                | Self::Samples
                | Self::Sample
                | Self::Histogram
                | Self::Duration(Held::Pointer)
                | Self::Time(Held::Pointer)
        )
    }
}

/// As Go names it.
impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "interface {}",
            Self::Reflected => "reflect.Value",
            Self::Bool => "bool",
            Self::Int(Integer::Int) => "int",
            Self::Int(Integer::Int32) => "int32",
            Self::Int(Integer::Int64) => "int64",
            Self::Int(Integer::Byte) => "uint8",
            Self::Int(Integer::Month) => "time.Month",
            Self::Int(Integer::Weekday) => "time.Weekday",
            Self::Float => "float64",
            Self::Text => "string",
            Self::Html => "template.HTML",
            Self::Duration(Held::Value) => "time.Duration",
            Self::Duration(Held::Pointer) => "*time.Duration",
            Self::Time(Held::Value) => "time.Time",
            Self::Time(Held::Pointer) => "*time.Time",
            Self::Labels => "map[string]string",
            Self::Args => "map[string]interface {}",
            Self::Samples => "template.queryResult",
            Self::Sample => "*template.sample",
            Self::Histogram => "*histogram.FloatHistogram",
            Self::Data => {
                "struct { Labels map[string]string; ExternalLabels map[string]string; \
                 ExternalURL string; Value interface {} }"
            }
        })
    }
}

impl Value {
    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn int(value: usize) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX), Integer::Int)
    }

    /// The type; [`Value::Missing`] has none.
    pub(super) fn type_of(&self) -> Option<Type> {
        Some(match self {
            Self::Missing => return None,
            Self::Nil(kind) => *kind,
            Self::Bool(_) => Type::Bool,
            Self::Int(_, kind) => Type::Int(*kind),
            Self::Float(_) => Type::Float,
            Self::Text(_) => Type::Text,
            Self::Html(_) => Type::Html,
            Self::Duration(_, held) => Type::Duration(*held),
            Self::Time(_, held) => Type::Time(*held),
            Self::Labels(_) => Type::Labels,
            Self::Args(_) => Type::Args,
            Self::Samples(_) => Type::Samples,
            Self::Sample(_) => Type::Sample,
            Self::Histogram(_) => Type::Histogram,
            Self::Data(_) => Type::Data,
        })
    }

    /// The name of the type.
    pub(super) fn type_name(&self) -> String {
        self.type_of().map_or_else(|| "<nil>".to_owned(), |kind| kind.to_string())
    }

    /// Whether it is other than the zero of its type.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Missing | Self::Nil(_) => false,
            Self::Bool(value) => *value,
            Self::Int(value, _) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) | Self::Html(text) => !text.is_empty(),
            Self::Duration(ns, Held::Value) => *ns != 0,
            Self::Labels(labels) => !labels.is_empty(),
            Self::Args(values) => !values.is_empty(),
            Self::Samples(samples) => !samples.is_empty(),
            Self::Duration(_, Held::Pointer)
            | Self::Time(..)
            | Self::Sample(_)
            | Self::Histogram(_)
            | Self::Data(_) => true,
        }
    }

    /// What a pointer points to.
    pub(super) fn dereferenced(self) -> Self {
        match self {
            Self::Duration(ns, _) => Self::Duration(ns, Held::Value),
            Self::Time(ns, _) => Self::Time(ns, Held::Value),
            other => other,
        }
    }

    /// The value of a sample: its histogram if it has one.
    pub(super) fn of_sample(sample: &InstantSample) -> Self {
        match &sample.histogram {
            Some(histogram) => Self::Histogram(Arc::clone(histogram)),
            None => Self::Float(sample.value),
        }
    }
}

/// The key of a value of `args`, and its place, in the order of the keys as texts.
pub(super) fn args_keys(count: usize) -> Vec<(String, usize)> {
    let mut keys: Vec<_> = (0..count).map(|at| (format!("arg{at}"), at)).collect();
    keys.sort();
    keys
}
