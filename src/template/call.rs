//! Fields, methods and functions: which arguments they take, and errors where the types do not fit.

use super::ast::{Term, TermKind};
use super::exec::{At, Execution, Result};
use super::functions::{self, Function};
use super::time::{duration_method, time_method};
use super::value::{Held, Integer, Type, Value, args_keys};

impl<'t> Execution<'t, '_> {
    /// `receiver.name`, with arguments if it is a method. `any`: the receiver is declared as `interface {}`.
    pub(super) fn field(
        &mut self,
        dot: &Value,
        receiver: &Value,
        any: bool,
        name: &str,
        arguments: &'t [Term],
        last: Option<Value>,
    ) -> Result<Value> {
        match receiver {
            Value::Missing => return Ok(Value::Missing),
            Value::Duration(ns, _) => {
                if let Some((parameters, run)) = duration_method(name) {
                    let arguments = self.method_arguments(dot, name, parameters, arguments, last)?;
                    return Ok(run(*ns, &arguments));
                }
            }
            Value::Time(ns, _) => {
                if let Some((parameters, run)) = time_method(name) {
                    let arguments = self.method_arguments(dot, name, parameters, arguments, last)?;
                    return Ok(run(*ns, &arguments));
                }
            }
            Value::Int(number, kind @ (Integer::Month | Integer::Weekday)) if name == "String" => {
                self.method_arguments(dot, name, &[], arguments, last)?;
                return Ok(Value::text(match kind {
                    Integer::Month => super::time::month_text(*number),
                    _ => super::time::weekday_text(*number),
                }));
            }
            Value::Histogram(histogram) if name == "String" => {
                self.method_arguments(dot, name, &[], arguments, last)?;
                return Ok(Value::text(histogram.to_string()));
            }
            _ => {}
        }
        let has_arguments = !arguments.is_empty() || last.is_some();
        if let Some(value) = map_entry(receiver, name) {
            if has_arguments {
                return Err(self.error(&format!("{name} is not a method but has arguments")));
            }
            return Ok(value);
        }
        if let Some(value) = struct_field(receiver, name) {
            if has_arguments {
                return Err(self.error(&format!("{name} has arguments but cannot be invoked as function")));
            }
            return Ok(value);
        }
        let kind = if any { Type::Any.to_string() } else { receiver.type_name() };
        if let (Value::Nil(Type::Sample), "Labels" | "Value") = (receiver, name) {
            return Err(self.error(&format!("nil pointer evaluating {kind}.{name}")));
        }
        Err(self.error(&format!("can't evaluate field {name} in type {kind}")))
    }

    fn method_arguments(
        &mut self,
        dot: &Value,
        name: &str,
        parameters: &[Type],
        arguments: &'t [Term],
        last: Option<Value>,
    ) -> Result<Vec<Value>> {
        self.check_count(name, parameters.len(), false, arguments.len(), last.is_some())?;
        let mut values = Vec::with_capacity(parameters.len());
        for (term, parameter) in arguments.iter().zip(parameters) {
            values.push(self.argument(dot, *parameter, term)?);
        }
        if let (Some(last), Some(parameter)) = (last, parameters.last()) {
            values.push(self.fit(last, *parameter)?);
        }
        Ok(values)
    }

    fn check_count(&self, name: &str, fixed: usize, more: bool, given: usize, piped: bool) -> Result<()> {
        let count = given + usize::from(piped);
        if more && count < fixed {
            // As in Go, what the pipeline gives is not counted here.
            let text = format!("wrong number of args for {name}: want at least {fixed} got {given}");
            return Err(self.error(&text));
        }
        if !more && count != fixed {
            return Err(self.error(&format!("wrong number of args for {name}: want {fixed} got {count}")));
        }
        Ok(())
    }

    /// Calls a function; its errors stand at `call`.
    pub(super) fn call_function(
        &mut self,
        dot: &Value,
        function: &'static Function,
        call: At<'t>,
        arguments: &'t [Term],
        last: Option<Value>,
    ) -> Result<Value> {
        let fixed = function.fixed.len();
        self.check_count(function.name, fixed, function.rest.is_some(), arguments.len(), last.is_some())?;
        let parameter = |at: usize| function.fixed.get(at).copied().or(function.rest).unwrap_or(Type::Any);
        let run = match function.run {
            functions::Run::Call(run) => run,
            functions::Run::Until(truth) => {
                let mut value = Value::Missing;
                for term in arguments {
                    value = self.argument(dot, Type::Reflected, term)?;
                    if value.is_true() == truth {
                        return Ok(value);
                    }
                }
                return Ok(last.unwrap_or(value));
            }
        };
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for (at, term) in arguments.iter().enumerate() {
            values.push(self.argument(dot, parameter(at), term)?);
        }
        if let Some(last) = last {
            values.push(self.fit(last, parameter(values.len()))?);
        }
        let size = |value: &Value| match value {
            Value::Text(text) | Value::Html(text) => text.len(),
            _ => 0,
        };
        let result = self
            .context
            .read(values.iter().map(size).sum())
            .and_then(|()| run(&mut self.context, &values))
            .and_then(|value| self.context.made(size(&value)).map(|()| value));
        result.map_err(|text| {
            self.stand(call);
            self.error(&format!("error calling {}: {text}", function.name))
        })
    }

    /// Evaluates an argument for a parameter of a type.
    fn argument(&mut self, dot: &Value, kind: Type, term: &'t Term) -> Result<Value> {
        self.stand(At::Term(term));
        let value = match &term.kind {
            TermKind::Dot => dot.clone(),
            TermKind::Nil if kind == Type::Reflected => return Ok(Value::Missing),
            TermKind::Nil if kind.takes_nil() => return Ok(Value::Nil(kind)),
            TermKind::Nil => return Err(self.error(&format!("cannot assign nil to {kind}"))),
            TermKind::Field(_) | TermKind::Variable(..) | TermKind::Chain(..) => {
                self.fields_of(dot, term, &[], None)?
            }
            TermKind::Pipe(pipe) => self.nested(dot, pipe)?,
            TermKind::Function(function) => self.call_function(dot, function, At::Term(term), &[], None)?,
            TermKind::Bool(_) | TermKind::Number(_) | TermKind::Text(..) => return self.literal(kind, term),
        };
        self.fit(value, kind)
    }

    /// A literal as a value of a type.
    fn literal(&mut self, kind: Type, term: &'t Term) -> Result<Value> {
        let number = match &term.kind {
            TermKind::Number(number) => Some(number),
            _ => None,
        };
        let int = || number.and_then(|number| number.int);
        let (value, expected) = match kind {
            Type::Any | Type::Reflected => return self.constant(term),
            Type::Bool => (matches!(term.kind, TermKind::Bool(_)).then(|| self.constant(term)), "bool"),
            Type::Text => (matches!(term.kind, TermKind::Text(..)).then(|| self.constant(term)), "string"),
            Type::Float => (number.and_then(|number| number.float).map(|v| Ok(Value::Float(v))), "float"),
            Type::Int(kind) => (int().map(|v| Ok(Value::Int(v, kind))), "integer"),
            Type::Duration(Held::Value) => (int().map(|v| Ok(Value::Duration(v, Held::Value))), "integer"),
            _ => {
                return Err(self.error(&format!("can't handle {term} for arg of type {kind}")));
            }
        };
        value.unwrap_or_else(|| Err(self.error(&format!("expected {expected}; found {term}"))))
    }

    /// Makes sure that a value can be an argument of a type.
    fn fit(&self, value: Value, kind: Type) -> Result<Value> {
        let Some(given) = value.type_of() else {
            return match kind {
                Type::Reflected => Ok(Value::Missing),
                kind if kind.takes_nil() => Ok(Value::Nil(kind)),
                kind => Err(self.error(&format!("invalid value; expected {kind}"))),
            };
        };
        if matches!(kind, Type::Any | Type::Reflected) || given == kind {
            return Ok(value);
        }
        if matches!((given, kind), (Type::Duration(_), Type::Duration(_)) | (Type::Time(_), Type::Time(_))) {
            return Ok(value.dereferenced());
        }
        Err(self.error(&format!("wrong type for value; expected {kind}; got {given}")))
    }
}

/// What a map has under a key; of one that it does not have, the zero of its values.
fn map_entry(receiver: &Value, name: &str) -> Option<Value> {
    match receiver {
        Value::Labels(labels) => Some(Value::text(labels.get(name).unwrap_or_default())),
        Value::Nil(Type::Labels) => Some(Value::text("")),
        Value::Args(values) => {
            let found = args_keys(values.len()).into_iter().find(|(key, _)| key == name);
            Some(found.and_then(|(_, at)| values.get(at).cloned()).unwrap_or(Value::Missing))
        }
        Value::Nil(Type::Args) => Some(Value::Missing),
        _ => None,
    }
}

fn struct_field(receiver: &Value, name: &str) -> Option<Value> {
    match (receiver, name) {
        (Value::Data(data), "Labels") => Some(data.labels.clone()),
        (Value::Data(data), "ExternalLabels") => Some(data.external_labels.clone()),
        (Value::Data(data), "ExternalURL") => Some(Value::Text(data.external_url.clone())),
        (Value::Data(data), "Value") => Some(data.value.clone()),
        (Value::Sample(sample), "Labels") => Some(Value::Labels(sample.labels.clone().into())),
        (Value::Sample(sample), "Value") => Some(Value::of_sample(sample)),
        (Value::Histogram(histogram), name) => Some(match name {
            "Schema" => Value::Int(i64::from(histogram.schema), Integer::Int32),
            "ZeroThreshold" => Value::Float(histogram.zero_threshold),
            "ZeroCount" => Value::Float(histogram.zero_count),
            "Count" => Value::Float(histogram.count),
            "Sum" => Value::Float(histogram.sum),
            _ => return None,
        }),
        _ => None,
    }
}
