//! How this server reaches itself, also through its own web configuration.

use super::ServerError;
use crate::cli::Flags;
use crate::web::guard::Guard;
use std::sync::Arc;

/// Where and how this server can reach itself.
pub(super) struct Own {
    pub(super) address: String,
    https: bool,
    /// Lets it in where the web configuration asks who comes; made anew at each start, and never shown.
    pub(super) token: Option<String>,
}

impl Own {
    pub(super) fn new(address: String, flags: &Flags) -> Result<(Self, Option<Arc<Guard>>), ServerError> {
        let Some(path) = &flags.web_config_file else {
            return Ok((Self { address, https: false, token: None }, None));
        };
        let token = flags.zero_config().then(random_token).transpose()?;
        let guard = Guard::new(path, token.as_deref())
            .map_err(|error| ServerError::Web { path: path.display().to_string(), error })?;
        let https = guard.has_tls();
        Ok((Self { address, https, token }, Some(Arc::new(guard))))
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }
}

fn random_token() -> Result<String, std::io::Error> {
    let mut bytes = [0; 32];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| std::io::Error::other("the system gives no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
