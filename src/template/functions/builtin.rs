//! The functions that Go's `text/template` has of its own.

use super::compare::{equal, less};
use super::escape::{html, js, url_query};
use super::index::{index, slice};
use super::{Function, Run, argument, text};
use crate::template::budget::{Context, TEXT_MAX};
use crate::template::format::{Output, print, print_followed, printf, println};
use crate::template::value::{Type, Value};

const ANY: Type = Type::Any;
const REFLECTED: Type = Type::Reflected;

const fn function(
    name: &'static str,
    fixed: &'static [Type],
    rest: Option<Type>,
    run: fn(&mut Context<'_>, &[Value]) -> Result<Value, String>,
) -> Function {
    Function { name, fixed, rest, run: Run::Call(run) }
}

/// By name.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "and", fixed: &[REFLECTED], rest: Some(REFLECTED), run: Run::Until(false) },
    function("call", &[REFLECTED], Some(REFLECTED), |_, a| match argument(a, 0) {
        Value::Missing => Err("call of nil".to_owned()),
        value => Err(format!("non-function of type {}", value.type_name())),
    }),
    function("eq", &[REFLECTED], Some(REFLECTED), |_, a| match a.split_first() {
        Some((first, others)) if !others.is_empty() => {
            for other in others {
                if equal(first, other)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        _ => Err("missing argument for comparison".to_owned()),
    }),
    function("ge", &[REFLECTED, REFLECTED], None, |_, a| {
        Ok(Value::Bool(!less(argument(a, 0), argument(a, 1))?))
    }),
    function("gt", &[REFLECTED, REFLECTED], None, |_, a| {
        Ok(Value::Bool(!less_or_equal(argument(a, 0), argument(a, 1))?))
    }),
    function("html", &[], Some(ANY), |c, a| shown(c, a).map(|text| Value::text(html(&text)))),
    function("index", &[REFLECTED], Some(REFLECTED), |_, a| index(a)),
    function("js", &[], Some(ANY), |c, a| shown(c, a).map(|text| Value::text(js(&text)))),
    function("le", &[REFLECTED, REFLECTED], None, |_, a| {
        Ok(Value::Bool(less_or_equal(argument(a, 0), argument(a, 1))?))
    }),
    function("len", &[REFLECTED], None, |_, a| length(argument(a, 0)).map(Value::int)),
    function("lt", &[REFLECTED, REFLECTED], None, |_, a| {
        Ok(Value::Bool(less(argument(a, 0), argument(a, 1))?))
    }),
    function("ne", &[REFLECTED, REFLECTED], None, |_, a| {
        Ok(Value::Bool(!equal(argument(a, 0), argument(a, 1))?))
    }),
    function("not", &[REFLECTED], None, |_, a| Ok(Value::Bool(!argument(a, 0).is_true()))),
    Function { name: "or", fixed: &[REFLECTED], rest: Some(REFLECTED), run: Run::Until(true) },
    function("print", &[], Some(ANY), |_, a| written(|out| print(out, a))),
    function("printf", &[Type::Text], Some(ANY), |_, a| {
        written(|out| printf(out, text(a, 0), a.get(1..).unwrap_or_default()))
    }),
    function("println", &[], Some(ANY), |_, a| written(|out| println(out, a))),
    function("slice", &[REFLECTED], Some(REFLECTED), |_, a| slice(a)),
    function("urlquery", &[], Some(ANY), |c, a| shown(c, a).map(|text| Value::text(url_query(&text)))),
];

fn written(write: impl FnOnce(&mut Output)) -> Result<Value, String> {
    let mut out = Output::new(TEXT_MAX);
    write(&mut out);
    out.finish().map(Value::text)
}

/// The arguments as a template would print them.
fn shown(context: &mut Context<'_>, arguments: &[Value]) -> Result<String, String> {
    let printable: Vec<Value> = arguments
        .iter()
        .map(|value| match value {
            Value::Missing | Value::Nil(Type::Any) => Value::text("<no value>"),
            value => value.clone(),
        })
        .collect();
    let mut out = Output::new(TEXT_MAX);
    print_followed(&mut out, &printable);
    let text = out.finish()?;
    context.read(text.len())?;
    Ok(text)
}

fn less_or_equal(a: &Value, b: &Value) -> Result<bool, String> {
    Ok(less(a, b)? || equal(a, b)?)
}

fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::Missing => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        Value::Text(text) | Value::Html(text) => Ok(text.len()),
        Value::Labels(labels) => Ok(labels.len()),
        Value::Args(values) => Ok(values.len()),
        Value::Samples(samples) => Ok(samples.len()),
        Value::Nil(Type::Labels | Type::Args | Type::Samples) => Ok(0),
        Value::Nil(_) => Err("len of nil pointer".to_owned()),
        other => Err(format!("len of type {}", other.type_name().trim_start_matches('*'))),
    }
}
