//! What the answers of one view leave out, because it is damaged.

use super::StorageError;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Texts that one view remembers; the list of damage has the rest.
const REMEMBERED_MAX: usize = 10;

/// The answer of a look, or another one when it met damage.
pub(super) fn or_damaged<T>(look: Result<T, StorageError>, otherwise: T) -> Result<T, StorageError> {
    match look {
        Err(StorageError::Corrupt { .. }) => Ok(otherwise),
        look => look,
    }
}

/// What was left out, each text once.
#[derive(Debug, Default)]
pub(crate) struct Lost(Mutex<BTreeSet<String>>);

impl Lost {
    /// Remembers damage; whoever met it goes on without what is damaged.
    ///
    /// # Errors
    /// It is no damage: a disk that fails now may not fail the next time.
    pub(crate) fn leave_out(&self, error: StorageError) -> Result<(), StorageError> {
        let StorageError::Corrupt { .. } = &error else { return Err(error) };
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.len() < REMEMBERED_MAX {
            texts.insert(error.to_string());
        }
        Ok(())
    }

    /// What was left out so far, sorted.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn damage_is_remembered_once_and_never_without_bound_and_a_failing_disk_is_an_error() {
        let lost = Lost::default();
        for n in 0..100 {
            lost.leave_out(crate::io::corrupt(Path::new("f"), "page", n / 2)).unwrap();
        }
        assert_eq!(lost.texts().len(), REMEMBERED_MAX);
        assert_eq!(lost.texts().first().map(String::as_str), Some("corrupt f (page): 0"));
        let failed = crate::io::failed("open", Path::new("f"))(std::io::Error::other("gone"));
        assert!(lost.leave_out(failed).is_err());
    }
}
