//! What one expansion may cost: a template that loops ends with an error.

use super::World;
use narthex_storage::GoRegex;
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
        self.step(QUERY_STEPS)?;
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
        self.step(REGEX_STEPS)?;
        let regex = GoRegex::unanchored(pattern).map_err(|error| error.to_string())?;
        self.regexes.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}
