//! The functions that Prometheus adds to templates.

use super::escape::url_query;
use super::text::{strip_domain, strip_port, title};
use super::{Function, Run, argument, humanize, text};
use crate::settings::duration::parse_duration;
use crate::template::budget::{Context, TEXT_MAX};
use crate::template::value::{Held, Type, Value};
use narthex_promql::InstantSample;
use std::rc::Rc;

const TEXT: Type = Type::Text;
const ANY: &[Type] = &[Type::Any];

type Result<T> = std::result::Result<T, String>;

const fn function(
    name: &'static str,
    fixed: &'static [Type],
    run: fn(&mut Context<'_>, &[Value]) -> Result<Value>,
) -> Function {
    Function { name, fixed, rest: None, run: Run::Call(run) }
}

/// By name.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "args",
        fixed: &[],
        rest: Some(Type::Any),
        run: Run::Call(|_, a| Ok(Value::Args(a.into()))),
    },
    function("externalURL", &[], |c, _| Ok(Value::text(c.external_url))),
    function("first", &[Type::Samples], |_, a| match samples(a, 0).first() {
        Some(sample) => Ok(Value::Sample(sample.clone())),
        None => Err("first() called on vector with no elements".to_owned()),
    }),
    function("graphLink", &[TEXT], |_, a| Ok(link(text(a, 0), 0))),
    function("humanize", ANY, |_, a| number(a).map(|value| Value::text(humanize::humanize(value)))),
    function("humanize1024", ANY, |_, a| number(a).map(|value| Value::text(humanize::humanize1024(value)))),
    function("humanizeDuration", ANY, |_, a| number(a).map(|value| Value::text(humanize::duration(value)))),
    function("humanizePercentage", ANY, |_, a| {
        number(a).map(|value| Value::text(humanize::percentage(value)))
    }),
    function("humanizeTimestamp", ANY, |_, a| humanize::timestamp(number(a)?).map(Value::text)),
    function("label", &[TEXT, Type::Sample], |_, a| {
        Ok(Value::text(sample(a, 1)?.labels.get(text(a, 0)).unwrap_or_default()))
    }),
    function("match", &[TEXT, TEXT], |c, a| {
        c.read(text(a, 1).len())?;
        Ok(Value::Bool(c.regex(text(a, 0))?.is_match(text(a, 1))))
    }),
    function("now", &[], |c, _| Ok(Value::Float(c.world.now_ms as f64 / 1_000.0))),
    function("parseDuration", &[TEXT], |_, a| {
        let (sign, magnitude) = match text(a, 0).strip_prefix('-') {
            Some(magnitude) => (-1.0, magnitude),
            None => (1.0, text(a, 0)),
        };
        Ok(Value::Float(sign * parse_duration(magnitude)? as f64 / 1_000.0))
    }),
    function("pathPrefix", &[], |c, _| Ok(Value::text(c.world.path_prefix))),
    function("query", &[TEXT], |c, a| {
        let samples = c.query(text(a, 0))?;
        c.step(samples.len() as u64)?;
        Ok(Value::Samples(samples.into_iter().map(Rc::new).collect()))
    }),
    function("reReplaceAll", &[TEXT, TEXT, TEXT], |c, a| replace(c, text(a, 0), text(a, 1), text(a, 2))),
    function("safeHtml", &[TEXT], |_, a| Ok(Value::Html(text(a, 0).into()))),
    function("sortByLabel", &[TEXT, Type::Samples], |c, a| {
        let mut sorted = samples(a, 1).to_vec();
        c.step(sorted.len() as u64)?;
        let key = text(a, 0);
        sorted.sort_by(|a, b| {
            let label = |sample: &Rc<InstantSample>| sample.labels.get(key).unwrap_or_default().to_owned();
            label(a).cmp(&label(b))
        });
        Ok(Value::Samples(sorted.into()))
    }),
    function("stripDomain", &[TEXT], |_, a| Ok(Value::text(strip_domain(text(a, 0))))),
    function("stripPort", &[TEXT], |_, a| Ok(Value::text(strip_port(text(a, 0))))),
    function("strvalue", &[Type::Sample], |_, a| {
        Ok(Value::text(sample(a, 0)?.labels.get("__value__").unwrap_or_default()))
    }),
    function("tableLink", &[TEXT], |_, a| Ok(link(text(a, 0), 1))),
    function("title", &[TEXT], |_, a| Ok(Value::text(title(text(a, 0))))),
    function("toDuration", ANY, |_, a| Ok(Value::Duration((number(a)? * 1e9) as i64, Held::Pointer))),
    function("toLower", &[TEXT], |_, a| Ok(Value::text(text(a, 0).to_lowercase()))),
    function("toTime", ANY, |_, a| Ok(Value::Time(humanize::to_time(number(a)?)?, Held::Pointer))),
    function("toUpper", &[TEXT], |_, a| Ok(Value::text(text(a, 0).to_uppercase()))),
    function("urlQueryEscape", &[TEXT], |_, a| Ok(Value::text(url_query(text(a, 0))))),
    function("value", &[Type::Sample], |_, a| Ok(Value::of_sample(sample(a, 0)?))),
];

fn number(arguments: &[Value]) -> Result<f64> {
    humanize::to_float(argument(arguments, 0))
}

fn samples(arguments: &[Value], at: usize) -> &[Rc<InstantSample>] {
    match arguments.get(at) {
        Some(Value::Samples(samples)) => samples,
        _ => &[],
    }
}

fn sample(arguments: &[Value], at: usize) -> Result<&InstantSample> {
    match arguments.get(at) {
        Some(Value::Sample(sample)) => Ok(sample),
        _ => Err("runtime error: invalid memory address or nil pointer dereference".to_owned()),
    }
}

fn link(expr: &str, tab: u8) -> Value {
    Value::text(format!("/graph?g0.expr={}&g0.tab={tab}", url_query(expr)))
}

fn replace(context: &mut Context<'_>, pattern: &str, replacement: &str, text: &str) -> Result<Value> {
    let regex = context.regex(pattern).map_err(|error| {
        let quoted = if pattern.contains('`') || pattern.chars().any(|c| c.is_control() && c != '\t') {
            crate::template::go::quote(pattern)
        } else {
            format!("`{pattern}`")
        };
        format!("regexp: Compile({quoted}): {error}")
    })?;
    // Each character may match, and each match reads the replacement.
    context.read((text.len() + 1).saturating_mul(replacement.len() + 1))?;
    let replaced = regex.replace_all(text, replacement, TEXT_MAX);
    replaced.map(Value::text).ok_or_else(|| format!("text exceeds {TEXT_MAX} bytes"))
}
