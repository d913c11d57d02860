//! `index` and `slice`.

use super::argument;
use crate::template::value::{Integer, Type, Value, args_keys};

/// `index x 1 2` is Go's `x[1][2]`.
pub(super) fn index(arguments: &[Value]) -> Result<Value, String> {
    let Some((item, indexes)) = arguments.split_first() else { return Ok(Value::Missing) };
    if matches!(item, Value::Missing) {
        return Err("index of untyped nil".to_owned());
    }
    indexes.iter().try_fold(item.clone(), |item, index| element(&item, index))
}

fn element(item: &Value, index: &Value) -> Result<Value, String> {
    match item {
        Value::Text(text) | Value::Html(text) => {
            let at = position(index, text.len(), false)?;
            let byte = text.as_bytes().get(at).copied().unwrap_or_default();
            Ok(Value::Int(i64::from(byte), Integer::Byte))
        }
        Value::Samples(samples) => {
            let at = position(index, samples.len(), false)?;
            Ok(samples.get(at).map_or(Value::Missing, |sample| Value::Sample(sample.clone())))
        }
        Value::Labels(labels) => Ok(Value::text(labels.get(key(index)?).unwrap_or_default())),
        Value::Args(values) => {
            let key = key(index)?;
            let found = args_keys(values.len()).into_iter().find(|(name, _)| name == key);
            Ok(found.and_then(|(_, at)| values.get(at).cloned()).unwrap_or(Value::Missing))
        }
        Value::Nil(Type::Labels) => key(index).map(|_| Value::text("")),
        Value::Nil(Type::Samples) => position(index, 0, false).map(|_| Value::Missing),
        Value::Nil(_) | Value::Missing => Err("index of nil pointer".to_owned()),
        other => {
            let kind = other.type_name();
            Err(format!("can't index item of type {}", kind.trim_start_matches('*')))
        }
    }
}

/// A key of a map whose keys are texts.
fn key(index: &Value) -> Result<&str, String> {
    match index {
        Value::Text(text) => Ok(text),
        Value::Missing | Value::Nil(Type::Any) => Err("value is nil; should be of type string".to_owned()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

/// A place below the length, or, as the end of a piece, at it.
fn position(index: &Value, length: usize, end: bool) -> Result<usize, String> {
    let at = match index {
        Value::Int(at, _) => *at,
        Value::Duration(at, crate::template::value::Held::Value) => *at,
        Value::Missing => return Err("cannot index slice/array with nil".to_owned()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    usize::try_from(at)
        .ok()
        .filter(|at| *at < length || (end && *at == length))
        .ok_or_else(|| format!("index out of range: {at}"))
}

/// `slice x 1 2` is Go's `x[1:2]`.
pub(super) fn slice(arguments: &[Value]) -> Result<Value, String> {
    let (item, indexes) = (argument(arguments, 0), arguments.get(1..).unwrap_or_default());
    if matches!(item, Value::Missing) {
        return Err("slice of untyped nil".to_owned());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match item {
        Value::Text(_) | Value::Html(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        Value::Text(text) | Value::Html(text) => text.len(),
        Value::Samples(samples) => samples.len(),
        other => {
            return Err(format!("can't slice item of type {}", other.type_name().trim_start_matches('*')));
        }
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(index, length, true)?;
    }
    let [from, to, capacity] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if indexes.len() == 3 && to > capacity {
        return Err(format!("invalid slice index: {to} > {capacity}"));
    }
    Ok(match item {
        Value::Samples(samples) => Value::Samples(samples.get(from..to).unwrap_or_default().into()),
        Value::Text(text) | Value::Html(text) => {
            // Go cuts between bytes; what is left of a torn character shows as one that is unknown.
            Value::text(String::from_utf8_lossy(text.as_bytes().get(from..to).unwrap_or_default()))
        }
        _ => Value::Missing,
    })
}
