//! Credentials, TLS and proxies of custom resources. What they keep in secrets becomes part of the configuration, as
//! secrets that are never shown.

use super::job::{list, text};
use super::secrets::{Place, Refused, Secrets};
use serde_json::{Map, Value, json};

/// Fields of the configuration file.
pub type Section = Map<String, Value>;

/// The HTTP client fields of an endpoint, a prober or a discovery.
///
/// # Errors
/// A secret that is named is not there.
pub fn http(spec: &Value, namespace: &str, secrets: &mut Secrets) -> Result<Section, Refused> {
    let mut out = Section::new();
    let mut read = Reader { namespace, secrets };
    if let Some(auth) = section(spec, "basicAuth") {
        let name = read.secret(auth.get("username"))?.unwrap_or_default();
        let password = read.secret(auth.get("password"))?.unwrap_or_default();
        out.insert("basic_auth".to_owned(), json!({"username": name, "password": password}));
    }
    if let Some(token) = read.secret(spec.get("bearerTokenSecret"))? {
        out.insert("bearer_token".to_owned(), token.into());
    }
    let file = text(spec, "bearerTokenFile");
    if !file.is_empty() {
        out.insert("bearer_token_file".to_owned(), file.into());
    }
    if let Some(auth) = section(spec, "authorization") {
        let kind = Some(text(auth, "type").trim()).filter(|kind| !kind.is_empty()).unwrap_or("Bearer");
        let mut authorization = json!({"type": kind});
        if let (Some(token), Some(map)) =
            (read.secret(auth.get("credentials"))?, authorization.as_object_mut())
        {
            map.insert("credentials".to_owned(), token.into());
        }
        out.insert("authorization".to_owned(), authorization);
    }
    if let Some(auth) = section(spec, "oauth2") {
        out.insert("oauth2".to_owned(), read.oauth2(auth)?.into());
    }
    if let Some(tls) = section(spec, "tlsConfig") {
        out.insert("tls_config".to_owned(), read.tls(tls)?.into());
    }
    read.proxy(spec, &mut out)?;
    Ok(out)
}

/// A section that says something.
fn section<'a>(spec: &'a Value, name: &str) -> Option<&'a Value> {
    spec.get(name).filter(|section| section.as_object().is_some_and(|map| !map.is_empty()))
}

struct Reader<'a> {
    namespace: &'a str,
    secrets: &'a mut Secrets,
}

impl Reader<'_> {
    /// The value that `{name, key}` points to; none if nothing does.
    fn value(&mut self, reference: Option<&Value>, config_map: bool) -> Result<Option<String>, Refused> {
        let Some(reference) = reference.filter(|reference| !text(reference, "name").is_empty()) else {
            return Ok(None);
        };
        let (namespace, name) = (self.namespace.to_owned(), text(reference, "name").to_owned());
        self.secrets.get(Place { config_map, namespace, name }, text(reference, "key")).map(Some)
    }

    fn secret(&mut self, reference: Option<&Value>) -> Result<Option<String>, Refused> {
        self.value(reference, false)
    }

    /// The value that `{secret: …}` or `{configMap: …}` points to.
    fn either(&mut self, reference: Option<&Value>) -> Result<Option<String>, Refused> {
        let Some(reference) = reference else { return Ok(None) };
        match self.value(reference.get("secret"), false)? {
            Some(value) => Ok(Some(value)),
            None => self.value(reference.get("configMap"), true),
        }
    }

    fn tls(&mut self, tls: &Value) -> Result<Section, Refused> {
        let mut out = Section::new();
        let inline = [
            ("ca", self.either(tls.get("ca"))?),
            ("cert", self.either(tls.get("cert"))?),
            ("key", self.secret(tls.get("keySecret"))?),
        ];
        for (name, value) in inline {
            if let Some(value) = value {
                out.insert(name.to_owned(), value.into());
            }
        }
        for (theirs, ours) in [
            ("caFile", "ca_file"),
            ("certFile", "cert_file"),
            ("keyFile", "key_file"),
            ("serverName", "server_name"),
            ("insecureSkipVerify", "insecure_skip_verify"),
            ("minVersion", "min_version"),
            ("maxVersion", "max_version"),
        ] {
            if let Some(value) = tls.get(theirs).filter(|value| !value.is_null() && *value != "") {
                out.insert(ours.to_owned(), value.clone());
            }
        }
        Ok(out)
    }

    fn oauth2(&mut self, auth: &Value) -> Result<Section, Refused> {
        let mut out = Section::new();
        for (name, value) in [
            ("client_id", self.either(auth.get("clientId"))?),
            ("client_secret", self.secret(auth.get("clientSecret"))?),
            ("token_url", Some(text(auth, "tokenUrl").to_owned())),
        ] {
            if let Some(value) = value {
                out.insert(name.to_owned(), value.into());
            }
        }
        if !list(auth, "scopes").is_empty() {
            out.insert("scopes".to_owned(), list(auth, "scopes").into());
        }
        if let Some(parameters) = section(auth, "endpointParams") {
            out.insert("endpoint_params".to_owned(), parameters.clone());
        }
        if let Some(tls) = section(auth, "tlsConfig") {
            out.insert("tls_config".to_owned(), self.tls(tls)?.into());
        }
        self.proxy(auth, &mut out)?;
        Ok(out)
    }

    fn proxy(&mut self, spec: &Value, out: &mut Section) -> Result<(), Refused> {
        for (theirs, ours) in [
            ("proxyUrl", "proxy_url"),
            ("noProxy", "no_proxy"),
            ("proxyFromEnvironment", "proxy_from_environment"),
        ] {
            if let Some(value) = spec.get(theirs).filter(|value| !value.is_null() && *value != "") {
                out.insert(ours.to_owned(), value.clone());
            }
        }
        if let Some(headers) = section(spec, "proxyConnectHeader").and_then(Value::as_object) {
            let mut map = Section::new();
            for (name, references) in headers {
                let mut values = Vec::new();
                for reference in references.as_array().into_iter().flatten() {
                    values.extend(self.secret(Some(reference))?);
                }
                map.insert(name.clone(), values.into());
            }
            out.insert("proxy_connect_header".to_owned(), map.into());
        }
        Ok(())
    }
}
