//! What expansions may cost: a template that loops ends with an error, and so do those of many alerts together.

use super::World;
use narthex_storage::GoRegex;
use std::cell::Cell;
use std::collections::HashMap;

/// Statements, commands and turns of loops, with what functions add for long texts.
const STEPS_MAX: u64 = 1_000_000;
/// Bytes of the result, and of any text on the way to it.
pub(super) const TEXT_MAX: usize = 1 << 20;
/// Bytes of all texts that are made on the way.
const BYTES_MAX: usize = 16 << 20;
/// How deep control structures, parentheses and templates may be within each other.
pub(super) const DEPTH_MAX: usize = 200;
/// Steps for a query.
const QUERY_STEPS: u64 = 5_000;
/// Steps for compiling a regular expression.
const REGEX_STEPS: u64 = 10_000;
/// Bytes of text that make a step.
const STEP_BYTES: usize = 64;

/// Steps of all expansions that share an allowance.
const SHARED_STEPS: u64 = 20_000_000;
/// Of these for compiling a regular expression: alerts by the thousand with one each are nothing unusual.
const SHARED_REGEX_STEPS: u64 = 100;
/// Queries of all of them.
const SHARED_QUERIES: u32 = 20_000;
/// Bytes of all their results, which are kept with the alerts.
const SHARED_BYTES: usize = 64 << 20;

/// What many expansions may cost together: those of one evaluation of a rule, for as many alerts as it has.
#[derive(Debug)]
pub struct Allowance {
    steps: Cell<u64>,
    queries: Cell<u32>,
    bytes: Cell<usize>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            steps: Cell::new(SHARED_STEPS),
            queries: Cell::new(SHARED_QUERIES),
            bytes: Cell::new(SHARED_BYTES),
        }
    }
}

impl Allowance {
    fn steps(&self, steps: u64) -> Result<(), String> {
        let left = self.steps.get().checked_sub(steps);
        self.steps.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            format!("the templates of this evaluation take more than {SHARED_STEPS} steps together")
        })
    }

    fn query(&self) -> Result<(), String> {
        let left = self.queries.get().checked_sub(1);
        self.queries.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            format!("the templates of this evaluation ask more than {SHARED_QUERIES} queries together")
        })
    }

    /// Books a result.
    ///
    /// # Errors
    /// All results together are too long.
    pub(super) fn keep(&self, bytes: usize) -> Result<(), String> {
        let left = self.bytes.get().checked_sub(bytes);
        // What did not fit takes nothing: shorter ones may.
        self.bytes.set(left.unwrap_or(self.bytes.get()));
        left.map(drop).ok_or_else(|| {
            format!("the templates of this evaluation make more than {SHARED_BYTES} bytes together")
        })
    }
}

/// What functions can reach.
pub(super) struct Context<'a> {
    pub world: &'a World<'a>,
    pub external_url: &'a str,
    steps: u64,
    bytes: usize,
    regexes: HashMap<String, GoRegex>,
}

impl<'a> Context<'a> {
    pub(super) fn new(world: &'a World<'a>, external_url: &'a str) -> Self {
        Self { world, external_url, steps: STEPS_MAX, bytes: BYTES_MAX, regexes: HashMap::new() }
    }

    /// Takes steps.
    ///
    /// # Errors
    /// They are used up.
    pub(super) fn step(&mut self, steps: u64) -> Result<(), String> {
        // What is too much for one takes nothing from the others.
        self.own(steps)?;
        self.world.allowance.steps(steps)
    }

    fn own(&mut self, steps: u64) -> Result<(), String> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(format!("template takes more than {STEPS_MAX} steps")),
        }
    }

    /// Takes the steps of reading a text of so many bytes.
    pub(super) fn read(&mut self, bytes: usize) -> Result<(), String> {
        self.step((bytes / STEP_BYTES) as u64)
    }

    /// Books a text that was made.
    ///
    /// # Errors
    /// It is too long, or all texts together are.
    pub(super) fn made(&mut self, bytes: usize) -> Result<(), String> {
        if bytes > TEXT_MAX {
            return Err(format!("text exceeds {TEXT_MAX} bytes"));
        }
        self.read(bytes)?;
        self.bytes = self
            .bytes
            .checked_sub(bytes)
            .ok_or_else(|| format!("template makes more than {BYTES_MAX} bytes of text"))?;
        Ok(())
    }

    /// The samples of a query, now.
    pub(super) fn query(&mut self, expr: &str) -> Result<Vec<narthex_promql::InstantSample>, String> {
        self.own(QUERY_STEPS)?;
        self.world.allowance.query()?;
        (self.world.query)(expr)
    }

    /// A compiled expression; the same pattern is compiled once.
    ///
    /// # Errors
    /// `error parsing regexp: …`.
    pub(super) fn regex(&mut self, pattern: &str) -> Result<GoRegex, String> {
        if let Some(regex) = self.regexes.get(pattern) {
            return Ok(regex.clone());
        }
        self.own(REGEX_STEPS)?;
        self.world.allowance.steps(SHARED_REGEX_STEPS)?;
        let regex = GoRegex::unanchored(pattern).map_err(|error| error.to_string())?;
        self.regexes.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}
