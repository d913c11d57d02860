//! TLS settings as rustls wants them.

use super::client::HttpError;
use crate::settings::http::{Source, TlsConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;

fn text(source: &Source, what: &str) -> Result<String, HttpError> {
    match source {
        Source::Inline(text) => Ok(text.reveal().to_owned()),
        Source::File(path) => std::fs::read_to_string(path).map_err(|e| {
            HttpError::Tls(format!("unable to read {what}: unable to read file {}: {e}", path.display()))
        }),
    }
}

fn certificates(source: &Source, what: &str) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let pem = text(source, what)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(HttpError::Tls(match source {
            Source::Inline(_) => format!("unable to use specified {what} inline"),
            Source::File(path) => format!("unable to use specified {what} file {}", path.display()),
        })),
    }
}

/// Versions between the bounds; rustls has none below 1.2, so lower bounds mean that one.
fn versions(config: &TlsConfig) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, HttpError> {
    let min = config.min_version.as_deref().unwrap_or("TLS12");
    let max = config.max_version.as_deref().unwrap_or("TLS13");
    if min > max {
        return Err(HttpError::Tls(
            "tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified"
                .to_owned(),
        ));
    }
    let all = [("TLS12", &rustls::version::TLS12), ("TLS13", &rustls::version::TLS13)];
    let chosen: Vec<_> =
        all.iter().filter(|(name, _)| *name >= min && *name <= max).map(|(_, v)| *v).collect();
    if chosen.is_empty() {
        return Err(HttpError::Tls(format!(
            "TLS versions up to {max} are not supported, only TLS12 and TLS13"
        )));
    }
    Ok(chosen)
}

/// The client side of a `tls_config`. Reads the files that it names.
///
/// # Errors
/// A file cannot be read or does not hold what it should.
pub fn client_config(config: &TlsConfig) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let fail = |e: rustls::Error| HttpError::Tls(e.to_string());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(config)?)
        .map_err(fail)?;
    let mut roots = RootCertStore::empty();
    match &config.ca {
        Some(ca) => {
            for certificate in certificates(ca, "CA cert")? {
                roots.add(certificate).map_err(fail)?;
            }
        }
        None => {
            // A machine without certificates can still speak plain HTTP.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let builder = if config.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(algorithms)))
    } else {
        builder.with_root_certificates(roots)
    };
    match (&config.cert, &config.key) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert, "client cert")?;
            let key = text(key, "client key")?;
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                .map_err(|e| HttpError::Tls(format!("unable to use specified client key: {e}")))?;
            builder.with_client_auth_cert(chain, key).map_err(fail)
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// Accepts any certificate, as `insecure_skip_verify` asks; signatures are still checked.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
