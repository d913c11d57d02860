//! Label names, values and postings of a block, whatever the version of its index.

use super::Block;
use super::reader::Layout;
use crate::codec::CodecError;
use crate::query::StorageError;
use crate::query::postings::Postings;
use roaring::RoaringBitmap;

impl Block {
    fn checked<T>(&self, result: Result<T, CodecError>) -> Result<T, StorageError> {
        result.map_err(|e| self.bad_index(e))
    }

    /// Label names, sorted.
    pub(crate) fn label_names(&self) -> Vec<&str> {
        match &self.layout {
            Layout::Two { index, .. } => index.label_names(),
            Layout::Three { index, .. } => index.label_names(),
        }
    }

    /// Values of a label, sorted.
    pub(crate) fn label_values(&self, name: &str) -> Result<Vec<String>, StorageError> {
        match &self.layout {
            Layout::Two { index, .. } => Ok(index.label_values(name)),
            Layout::Three { index, .. } => self.checked(index.label_values(name)),
        }
    }
}

impl Postings for Block {
    fn everything(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.series_count());
        all
    }

    fn with_name(&self, name: &str) -> Result<RoaringBitmap, StorageError> {
        self.with_wanted(name, &|_| true)
    }

    fn with_value(&self, name: &str, value: &str) -> Result<RoaringBitmap, StorageError> {
        self.checked(match &self.layout {
            Layout::Two { index, .. } => index.with_value(name, value),
            Layout::Three { index, .. } => index.with_value(name, value),
        })
    }

    fn with_wanted(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, StorageError> {
        self.with_prefix(name, "", wanted)
    }

    fn with_prefix(
        &self,
        name: &str,
        prefix: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, StorageError> {
        self.checked(match &self.layout {
            Layout::Two { index, .. } => index.with_wanted(name, wanted),
            Layout::Three { index, .. } => index.with_wanted(name, prefix, wanted),
        })
    }

    fn value_count(&self, name: &str) -> usize {
        match &self.layout {
            Layout::Two { index, .. } => index.value_count(name),
            Layout::Three { index, .. } => index.value_count(name),
        }
    }

    fn filter(
        &self,
        series: &RoaringBitmap,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, StorageError> {
        self.checked(match &self.layout {
            Layout::Two { index, .. } => index.filter(series, name, wanted),
            Layout::Three { index, .. } => index.filter(series, name, wanted),
        })
    }
}
