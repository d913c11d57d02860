//! Notices when the configuration changes on the disk.

use crate::cli::Flags;
use crate::config::checksum::checksum;
use std::path::PathBuf;
use std::time::Duration;
use tracing::error;

/// The files of the configuration, under `--config.auto-reload`.
pub(super) struct Watched {
    file: Option<PathBuf>,
    every: Duration,
    /// What the files held when they were read last; `None` if they cannot be read.
    known: Option<[u8; 32]>,
}

impl Watched {
    pub(super) fn new(flags: &Flags) -> Self {
        let file = flags.config_file.clone().filter(|_| flags.auto_reload);
        let mut watched = Self { file, every: flags.auto_reload_interval, known: None };
        watched.read();
        watched
    }

    fn checksum(&self) -> Option<[u8; 32]> {
        let file = self.file.as_deref()?;
        match tokio::task::block_in_place(|| checksum(file)) {
            Ok(sum) => Some(sum),
            Err(reason) => {
                error!(error = reason, "Failed to generate checksum during configuration reload");
                None
            }
        }
    }

    /// Takes the files as they are for those that are in force.
    pub(super) fn read(&mut self) {
        self.known = self.checksum();
    }

    /// The files could not be taken: they are tried again, also unchanged.
    pub(super) fn forget(&mut self) {
        self.known = None;
    }

    /// Ends when the files have changed; never without `--config.auto-reload`.
    pub(super) async fn changed(&self) {
        if self.file.is_none() {
            std::future::pending::<()>().await;
        }
        loop {
            tokio::time::sleep(self.every).await;
            match self.checksum() {
                Some(now) if Some(now) != self.known => return,
                _ => {}
            }
        }
    }
}
