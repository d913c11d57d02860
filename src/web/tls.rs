//! The server side of TLS, as the web configuration file wants it.

use super::san::alternative_names;
use crate::config::web::{ClientAuth, TlsServer};
use crate::settings::http::Source;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, NamedGroup, RootCertStore, ServerConfig, SignatureScheme,
};
use std::sync::Arc;

/// Go's names of the suites of TLS 1.2 that there are, and the registry's.
const SUITES: &[(&str, rustls::CipherSuite)] = {
    use rustls::CipherSuite as S;
    &[
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", S::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", S::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", S::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", S::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", S::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", S::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ]
};
const GROUPS: &[(&str, NamedGroup)] = &[
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
    ("X25519", NamedGroup::X25519),
];

/// Reads certificates and keys and makes what handshakes need.
///
/// # Errors
/// A file cannot be read or does not hold what it should, or nothing is left of what may be offered.
pub fn server_config(tls: &TlsServer, http2: bool) -> Result<ServerConfig, String> {
    let provider = Arc::new(provider(tls)?);
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(tls)?)
        .map_err(|e| format!("TLS cannot be set up: {e}"))?;
    let builder = match verifier(tls, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let chain = certificates(&tls.cert, "certificate")?;
    let key = read(&tls.key, "key")?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|e| {
        format!("failed to load X509KeyPair: the key {} cannot be used: {e}", place(&tls.key))
    })?;
    let mut config =
        builder.with_single_cert(chain, key).map_err(|e| format!("failed to load X509KeyPair: {e}"))?;
    config.ignore_client_order = tls.prefer_server_cipher_suites;
    let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn place(source: &Source) -> String {
    match source {
        Source::Inline(_) => "in the configuration".to_owned(),
        Source::File(path) => path.display().to_string(),
    }
}

fn read(source: &Source, what: &str) -> Result<String, String> {
    match source {
        Source::Inline(text) => Ok(text.reveal().to_owned()),
        Source::File(path) => {
            crate::settings::read(path).map_err(|why| format!("failed to load X509KeyPair: {what}: {why}"))
        }
    }
}

fn certificates(source: &Source, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(source, what)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("the {what} {} holds no certificate", place(source))),
        Err(why) => Err(format!("the {what} {} cannot be used: {why}", place(source))),
    }
}

/// Suites and curves, less what the file leaves out. The suites of TLS 1.3 are always there, as in Go.
fn provider(tls: &TlsServer) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    if !tls.cipher_suites.is_empty() {
        let named = |suite: rustls::CipherSuite| {
            tls.cipher_suites.iter().any(|name| SUITES.contains(&(name.as_str(), suite)))
        };
        provider.cipher_suites.retain(|suite| suite.tls13().is_some() || named(suite.suite()));
    }
    if !tls.curves.is_empty() {
        let named =
            |group: NamedGroup| tls.curves.iter().any(|name| GROUPS.contains(&(name.as_str(), group)));
        provider.kx_groups.retain(|group| named(group.name()));
        if provider.kx_groups.is_empty() {
            return Err(format!("none of the curve_preferences is supported: {}", tls.curves.join(", ")));
        }
    }
    Ok(provider)
}

/// Versions between the bounds; rustls has none below 1.2, so lower bounds mean that one.
fn versions(tls: &TlsServer) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, String> {
    let all = [("TLS12", &rustls::version::TLS12), ("TLS13", &rustls::version::TLS13)];
    let between = |name: &str| name >= tls.min_version.as_str() && name <= tls.max_version.as_str();
    let chosen: Vec<_> = all.iter().filter(|(name, _)| between(name)).map(|(_, version)| *version).collect();
    if chosen.is_empty() {
        let (min, max) = (&tls.min_version, &tls.max_version);
        return Err(format!("no TLS version from {min} to {max} is supported, only TLS12 and TLS13"));
    }
    Ok(chosen)
}

fn verifier(
    tls: &TlsServer,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let fail = |e: &dyn std::fmt::Display| format!("client certificates cannot be verified: {e}");
    let checked = |optional: bool| -> Result<Arc<dyn ClientCertVerifier>, String> {
        let mut roots = RootCertStore::empty();
        match &tls.client_ca {
            Some(ca) => {
                for certificate in certificates(ca, "client CA")? {
                    roots.add(certificate).map_err(|e| fail(&e))?;
                }
            }
            None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let builder = if optional { builder.allow_unauthenticated() } else { builder };
        builder.build().map_err(|e| fail(&e))
    };
    let any = |mandatory| -> Arc<dyn ClientCertVerifier> {
        Arc::new(AnyClient { mandatory, algorithms: provider.signature_verification_algorithms })
    };
    let inner = match tls.client_auth {
        ClientAuth::None => return Ok(None),
        ClientAuth::Request => any(false),
        ClientAuth::RequireAny => any(true),
        ClientAuth::VerifyIfGiven => checked(true)?,
        ClientAuth::RequireAndVerify => checked(false)?,
    };
    if tls.client_allowed_sans.is_empty() {
        return Ok(Some(inner));
    }
    Ok(Some(Arc::new(Named { inner, allowed: tls.client_allowed_sans.clone() })))
}

/// Takes any certificate of a client; that the client has its key is still checked.
#[derive(Debug)]
struct AnyClient {
    mandatory: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Takes only certificates that hold one of a few names.
#[derive(Debug)]
struct Named {
    inner: Arc<dyn ClientCertVerifier>,
    allowed: Vec<String>,
}

impl ClientCertVerifier for Named {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.inner.verify_client_cert(certificate, chain, now)?;
        let names = alternative_names(certificate).unwrap_or_default();
        if names.iter().any(|name| self.allowed.contains(name)) {
            return Ok(verified);
        }
        let allowed = self.allowed.join(" ");
        let text = format!(
            "could not find allowed SANs in client cert, found: [{}], allowed: [{allowed}]",
            names.join(" ")
        );
        Err(rustls::Error::General(text))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
