//! The label pairs of a block that is being written, each text held once.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Pairs, numbered as they come.
#[derive(Debug, Default)]
pub(super) struct Pool {
    names: Vec<Box<str>>,
    /// Name of a pair, and where its value ends among the texts.
    pairs: Vec<(u32, u64)>,
    texts: String,
    table: HashTable<u32>,
    hasher: RandomState,
}

impl Pool {
    /// The number of the pair, which is a new one if it was not known; `guess` is what it may be. `None`
    /// where there are more than 4 billion.
    pub(super) fn number(&mut self, name: &str, value: &str, guess: Option<u32>) -> Option<u32> {
        if let Some(guess) = guess.filter(|guess| self.get(*guess) == (name, value)) {
            return Some(guess);
        }
        let hash = self.hasher.hash_one((name, value));
        if let Some(number) = self.table.find(hash, |number| self.get(*number) == (name, value)) {
            return Some(*number);
        }
        let number = u32::try_from(self.pairs.len()).ok()?;
        // A block has few names.
        let name = match self.names.iter().position(|known| **known == *name) {
            Some(at) => at,
            None => {
                self.names.push(Box::from(name));
                self.names.len() - 1
            }
        };
        self.texts.push_str(value);
        self.pairs.push((u32::try_from(name).ok()?, self.texts.len() as u64));
        let Self { names, pairs, texts, table, hasher } = self;
        table.insert_unique(hash, number, |number| hasher.hash_one(get(names, pairs, texts, *number)));
        Some(number)
    }

    /// Name and value of a pair.
    pub(super) fn get(&self, number: u32) -> (&str, &str) {
        get(&self.names, &self.pairs, &self.texts, number)
    }

    /// All pairs in the order of names and values.
    pub(super) fn sorted(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0u32..).zip(&self.pairs).map(|(number, _)| number).collect();
        order.sort_unstable_by(|a, b| self.get(*a).cmp(&self.get(*b)));
        order
    }
}

fn get<'a>(names: &'a [Box<str>], pairs: &[(u32, u64)], texts: &'a str, number: u32) -> (&'a str, &'a str) {
    let at = number as usize;
    let Some((name, end)) = pairs.get(at) else { return ("", "") };
    let start = at.checked_sub(1).and_then(|before| pairs.get(before)).map_or(0, |(_, end)| *end);
    let name = names.get(*name as usize).map_or("", |name| &**name);
    (name, texts.get(start as usize..*end as usize).unwrap_or_default())
}
