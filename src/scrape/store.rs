//! The database as scrapes see it: it may still be opening.

use narthex_storage::Db;
use std::sync::Arc;
use tokio::sync::watch;

/// The database, once it is open.
#[derive(Clone)]
pub struct Store(watch::Receiver<Option<Arc<Db>>>);

/// Tells when the database is open.
pub struct Opening(watch::Sender<Option<Arc<Db>>>);

impl Store {
    /// A database that is about to be opened.
    #[must_use]
    pub fn opening() -> (Opening, Self) {
        let (sender, receiver) = watch::channel(None);
        (Opening(sender), Self(receiver))
    }

    /// The database, if it is open.
    #[must_use]
    pub fn get(&self) -> Option<Arc<Db>> {
        self.0.borrow().clone()
    }

    /// Waits until the database is open.
    pub async fn opened(&mut self) {
        if self.0.wait_for(Option::is_some).await.is_err() {
            // It could not be opened: the server ends.
            std::future::pending::<()>().await;
        }
    }
}

impl Opening {
    /// The database is open.
    pub fn set(&self, db: Arc<Db>) {
        self.0.send_replace(Some(db));
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
