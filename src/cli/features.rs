//! `--enable-feature` of the commands that read expressions.

use clap::{Arg, ArgAction, ArgMatches};
use narthex_promql::ParseOptions;

/// What the features that concern expressions switch on.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// What expressions may contain.
    pub parse: ParseOptions,
    /// Names are dropped at the end of a query.
    pub delayed_name_removal: bool,
    /// Features that nobody knows.
    pub unknown: Vec<String>,
}

/// The flag.
pub(super) fn argument() -> Arg {
    Arg::new("enable-feature").long("enable-feature").value_name("VALUE").action(ArgAction::Append).help(
        "Features to switch on, separated by commas: promql-experimental-functions, \
         promql-delayed-name-removal, promql-extended-range-selectors, promql-binop-fill-modifiers.",
    )
}

/// What the flag says.
pub(super) fn read(matches: &ArgMatches) -> Features {
    let mut features = Features::default();
    let lists = matches.get_many::<String>("enable-feature").into_iter().flatten();
    for name in lists.flat_map(|list| list.split(',')).filter(|name| !name.is_empty()) {
        match name {
            "promql-experimental-functions" => features.parse.experimental_functions = true,
            "promql-extended-range-selectors" => features.parse.extended_ranges = true,
            "promql-binop-fill-modifiers" => features.parse.fill_modifiers = true,
            "promql-delayed-name-removal" => features.delayed_name_removal = true,
            // Duration expressions are always on.
            "promql-duration-expr" => {}
            other => features.unknown.push(other.to_owned()),
        }
    }
    features
}
