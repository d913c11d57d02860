//! Statements signed with an RSA key: how services prove to a token server who they are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

/// Signs claims with a private key (PEM); the algorithm is `RS256`, `RS384` or `RS512`.
///
/// # Errors
/// The key cannot be used, or there is no such algorithm.
pub fn sign(algorithm: &str, key_id: &str, key: &str, claims: &Value) -> Result<String, String> {
    let encoding: &dyn RsaEncoding = match algorithm {
        "RS256" => &RSA_PKCS1_SHA256,
        "RS384" => &RSA_PKCS1_SHA384,
        "RS512" => &RSA_PKCS1_SHA512,
        _ => return Err(format!("no such signature algorithm: {algorithm}")),
    };
    let key =
        PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|e| format!("unusable private key: {e}"))?;
    let key = match &key {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err("unusable private key: no RSA key".to_owned()),
    };
    let key = key.map_err(|e| format!("unusable private key: {e}"))?;
    let mut header = json!({"alg": algorithm, "typ": "JWT"});
    if let (Some(header), false) = (header.as_object_mut(), key_id.is_empty()) {
        header.insert("kid".to_owned(), json!(key_id));
    }
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let statement = format!("{}.{}", encode(&header), encode(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(encoding, &SystemRandom::new(), statement.as_bytes(), &mut signature)
        .map_err(|_| "the statement cannot be signed".to_owned())?;
    Ok(format!("{statement}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
