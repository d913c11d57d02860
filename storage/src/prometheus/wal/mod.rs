//! Prometheus's write-ahead log: what it holds that is in no block yet.

mod histogram;
mod pages;
mod record;

pub(super) use pages::each_record;
pub(super) use record::{RecordSink, read as read_record};

#[cfg(test)]
pub(super) use pages::tests::segment;
#[cfg(test)]
pub(super) use record::tests::{exemplars_record, samples_record, series_record};
