//! Comparisons: values of one kind only; a float is never compared with a whole number.

use crate::template::format::{Output, print};
use crate::template::value::{Held, Integer, Type, Value};
use std::rc::Rc;

/// What comparisons see of a value.
enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(&'a str),
    Other,
}

fn basic(value: &Value) -> Basic<'_> {
    match value {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(value, Integer::Byte) => Basic::Uint(value.unsigned_abs()),
        Value::Int(value, _) | Value::Duration(value, Held::Value) => Basic::Int(*value),
        Value::Float(value) => Basic::Float(*value),
        Value::Text(text) | Value::Html(text) => Basic::Text(text),
        _ => Basic::Other,
    }
}

const INCOMPATIBLE: &str = "incompatible types for comparison";
const INVALID: &str = "invalid type for comparison";

/// `a == b`.
pub(super) fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (basic(a), basic(b)) {
        (Basic::Bool(a), Basic::Bool(b)) => Ok(a == b),
        (Basic::Int(a), Basic::Int(b)) => Ok(a == b),
        (Basic::Uint(a), Basic::Uint(b)) => Ok(a == b),
        (Basic::Int(a), Basic::Uint(b)) | (Basic::Uint(b), Basic::Int(a)) => Ok(u64::try_from(a) == Ok(b)),
        (Basic::Float(a), Basic::Float(b)) => Ok(a == b),
        (Basic::Text(a), Basic::Text(b)) => Ok(a == b),
        (Basic::Other, Basic::Other) => other_equal(a, b),
        // Nothing equals nothing else.
        _ if matches!(a, Value::Missing) || matches!(b, Value::Missing) => Ok(false),
        _ => Err(INCOMPATIBLE.to_owned()),
    }
}

fn other_equal(a: &Value, b: &Value) -> Result<bool, String> {
    let nil = |value: &Value| matches!(value, Value::Missing | Value::Nil(_));
    if nil(a) || nil(b) {
        return Ok(nil(a) == nil(b));
    }
    if a.type_of() != b.type_of() {
        return Err(format!(
            "non-comparable types {}: {}, {}: {}",
            printed(a),
            a.type_name(),
            printed(b),
            b.type_name()
        ));
    }
    match (a, b) {
        (Value::Time(a, Held::Value), Value::Time(b, Held::Value)) => Ok(a == b),
        (Value::Sample(a), Value::Sample(b)) => Ok(Rc::ptr_eq(a, b)),
        // Pointers, each to something of its own.
        (Value::Time(..) | Value::Duration(..) | Value::Histogram(_), _) => Ok(false),
        _ => Err(format!("non-comparable type {}: {}", printed(b), b.type_name())),
    }
}

/// `a < b`.
pub(super) fn less(a: &Value, b: &Value) -> Result<bool, String> {
    match (basic(a), basic(b)) {
        (Basic::Other, _) | (_, Basic::Other) => Err(INVALID.to_owned()),
        (Basic::Bool(_), Basic::Bool(_)) => Err(INVALID.to_owned()),
        (Basic::Int(a), Basic::Int(b)) => Ok(a < b),
        (Basic::Uint(a), Basic::Uint(b)) => Ok(a < b),
        (Basic::Int(a), Basic::Uint(b)) => Ok(u64::try_from(a).map_or(true, |a| a < b)),
        (Basic::Uint(a), Basic::Int(b)) => Ok(u64::try_from(b).is_ok_and(|b| a < b)),
        (Basic::Float(a), Basic::Float(b)) => Ok(a < b),
        (Basic::Text(a), Basic::Text(b)) => Ok(a < b),
        _ => Err(INCOMPATIBLE.to_owned()),
    }
}

fn printed(value: &Value) -> String {
    let mut out = Output::new(1_000);
    print(&mut out, std::slice::from_ref(value));
    out.finish().unwrap_or_else(|_| Type::Any.to_string())
}
