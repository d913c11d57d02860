use super::*;
use crate::http::testing::{json as answer_json, serve, status};
use crate::settings::proxy::Proxy;
use crate::settings::{Secret, http::TlsConfig};
use http::Request;
use http_body_util::Full;
use std::sync::{Arc, Mutex};

fn config(token_url: String) -> OAuth2 {
    OAuth2 {
        client_id: "me &".to_owned(),
        client_secret: Some(Source::Inline(Secret::new("s:1"))),
        jwt: None,
        scopes: vec!["a".to_owned(), "b".to_owned()],
        token_url,
        endpoint_params: vec![("audience".to_owned(), "x".to_owned())],
        tls: TlsConfig::default(),
        proxy: Proxy::default(),
    }
}

/// A token server that keeps what it was asked: the header and the form.
async fn token_server<A>(answer: A) -> (String, Arc<Mutex<Vec<(String, String)>>>)
where
    A: Fn(&str, &str) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static,
{
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let server = serve(move |request: Request<Bytes>| {
        let auth = request.headers().get(header::AUTHORIZATION);
        let auth = auth.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        let response = answer(&auth, &form);
        seen.lock().unwrap().push((auth, form));
        async move { response }
    });
    (format!("http://{}/token", server.await), asked)
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_when_it_ends() {
    let lasts = Arc::new(Mutex::new("3600"));
    let told = lasts.clone();
    let (url, asked) = token_server(move |_, _| {
        answer_json(format!(
            r#"{{"access_token": "t0", "token_type": "bearer", "expires_in": "{}"}}"#,
            told.lock().unwrap()
        ))
    })
    .await;
    let tokens = Tokens::new(&config(url)).unwrap();
    for _ in 0..3 {
        assert_eq!(tokens.authorization().await.unwrap(), "Bearer t0");
    }
    let basic = format!("Basic {}", STANDARD.encode("me%20%26:s%3A1"));
    let form = "grant_type=client_credentials&scope=a+b&audience=x".to_owned();
    assert_eq!(*asked.lock().unwrap(), [(basic, form)]);

    // A token that is about to end is not used again.
    tokens.state.lock().await.token = None;
    *lasts.lock().unwrap() = "1";
    tokens.authorization().await.unwrap();
    tokens.authorization().await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_that_wants_the_secret_in_the_form_gets_it_there() {
    let (url, asked) = token_server(|_, form| {
        if form.contains("client_id=me+%26&client_secret=s%3A1") {
            answer_json(r#"{"access_token": "t"}"#)
        } else {
            status(401, "not like this")
        }
    })
    .await;
    let tokens = Tokens::new(&config(url)).unwrap();
    assert_eq!(tokens.authorization().await.unwrap(), "Bearer t");
    tokens.state.lock().await.token = None;
    tokens.authorization().await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 3, "the way that worked is remembered");
}

#[tokio::test]
async fn a_changed_secret_needs_another_token() {
    let (url, asked) = token_server(|_, _| answer_json(r#"{"access_token": "t", "expires_in": 3600}"#)).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "one\n").unwrap();
    let config = OAuth2 { client_secret: Some(Source::File(file.clone())), ..config(url) };
    let tokens = Tokens::new(&config).unwrap();
    tokens.authorization().await.unwrap();
    std::fs::write(&file, "two\n").unwrap();
    tokens.authorization().await.unwrap();
    assert_eq!(asked.lock().unwrap()[1].0, format!("Basic {}", STANDARD.encode("me%20%26:two")));
    std::fs::remove_file(&file).unwrap();
    assert!(tokens.authorization().await.unwrap_err().to_string().contains("oauth2 client secret file"));
}

#[tokio::test]
async fn refusals_are_told() {
    for (body, want) in [
        (r#"{"error": "invalid_client", "error_description": "who?"}"#, r#"oauth2: "invalid_client" "who?""#),
        ("{}", "oauth2: server response missing access_token"),
        ("<html>", "oauth2: cannot parse json: "),
    ] {
        let (url, _) = token_server(move |_, _| answer_json(body)).await;
        let error = Tokens::new(&config(url)).unwrap().authorization().await.unwrap_err().to_string();
        assert!(error.starts_with(want), "{error}");
    }
    let (url, _) = token_server(|_, _| status(503, "busy")).await;
    let error = Tokens::new(&config(url)).unwrap().authorization().await.unwrap_err().to_string();
    assert_eq!(error, "oauth2: cannot fetch token: 503 Service Unavailable\nResponse: busy");
}

#[tokio::test]
async fn a_key_can_stand_in_for_the_secret() {
    let (url, asked) = token_server(|_, _| answer_json(r#"{"access_token": "t"}"#)).await;
    let pem = include_str!("test_key.pem");
    let jwt = JwtBearer {
        key_id: "k1".to_owned(),
        key: Some(Source::Inline(Secret::new(pem))),
        algorithm: "RS256".to_owned(),
        issuer: String::new(),
        audience: String::new(),
        claims: vec![("team".to_owned(), "blue".to_owned())],
    };
    let tokens = Tokens::new(&OAuth2 { jwt: Some(jwt), ..config(url.clone()) }).unwrap();
    assert_eq!(tokens.authorization().await.unwrap(), "Bearer t");
    let (auth, form) = asked.lock().unwrap()[0].clone();
    assert_eq!(auth, "");
    let form: Vec<(String, String)> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let parts: Vec<&str> = form[1].1.split('.').collect();
    let decode = |part: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    let claims: Value = serde_json::from_slice(&decode(parts[1])).unwrap();
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["scope"]),
        (&json!("me &"), &json!(url), &json!("a b"))
    );
    assert_eq!(claims["team"], "blue");

    use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
    use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
    let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
    let statement = format!("{}.{}", parts[0], parts[1]);
    public.verify(statement.as_bytes(), &decode(parts[2])).unwrap();
}
