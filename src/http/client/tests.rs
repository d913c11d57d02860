use super::*;
use crate::http::testing::{json, serve, status};
use crate::settings::Secret;
use crate::settings::proxy::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[test]
fn locations_are_resolved_against_the_url() {
    let base: Uri = "http://h:1/a/b?x=1".parse().unwrap();
    for (location, want) in
        [("/c", "http://h:1/c"), ("c", "http://h:1/a/c"), ("https://o/d?y=2", "https://o/d?y=2")]
    {
        assert_eq!(resolve(&base, location).unwrap().to_string(), want);
    }
}

#[test]
fn secrets_stay_with_the_host_and_its_subdomains() {
    let authority = |text: &str| text.parse::<Authority>().ok();
    for (first, now, same) in
        [("a.b", "a.b:9", true), ("a.b", "x.a.b", true), ("a.b", "ca.b", false), ("a.b", "b", false)]
    {
        assert_eq!(same_host(authority(first).as_ref(), authority(now).as_ref()), same);
    }
}

fn through(proxy: &str) -> HttpClient {
    let proxy = Proxy {
        url: Secret::new(format!("http://user:pass@{proxy}")),
        connect_headers: vec![("X-Ticket".to_owned(), vec![Secret::new("7")])],
        ..Proxy::default()
    };
    HttpClient::new("test", &HttpClientConfig { proxy, ..HttpClientConfig::default() }).unwrap()
}

#[tokio::test]
async fn a_proxy_is_told_whom_a_plain_request_is_for() {
    let proxy = serve(|request: http::Request<Bytes>| async move {
        let auth = request.headers().get(header::PROXY_AUTHORIZATION).cloned();
        json(format!("{} {}", request.uri(), auth.unwrap().to_str().unwrap()))
    });
    let client = through(&proxy.await);
    let answer = client.get(&"http://far.example:9100/metrics?a=b".parse().unwrap(), &HeaderMap::new()).await;
    let body = http_body_util::BodyExt::collect(answer.unwrap().into_body()).await.unwrap().to_bytes();
    assert_eq!(body, "http://far.example:9100/metrics?a=b Basic dXNlcjpwYXNz");
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel_to_a_tls_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = through(&listener.local_addr().unwrap().to_string());
    let proxy = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.unwrap();
        String::from_utf8(head).unwrap().to_lowercase()
    });
    let answer = client.get(&"https://far.example/metrics".parse().unwrap(), &HeaderMap::new()).await;
    assert!(answer.is_err());
    let head = proxy.await.unwrap();
    assert!(head.starts_with("connect far.example:443 http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nx-ticket: 7\r\n"), "{head}");
    assert!(head.contains("\r\nproxy-authorization: basic dxnlcjpwyxnz\r\n"), "{head}");
}

#[tokio::test]
async fn requests_bring_a_token_of_the_section() {
    let tokens = serve(|_| async { json(r#"{"access_token": "abc", "token_type": "Bearer"}"#) }).await;
    let server = serve(|request: http::Request<Bytes>| async move {
        let auth = request.headers().get(header::AUTHORIZATION);
        status(if auth.is_some_and(|auth| auth == "Bearer abc") { 200 } else { 401 }, "")
    });
    let yaml = format!("oauth2: {{client_id: a, client_secret: b, token_url: 'http://{tokens}/'}}\n");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("http.yml");
    std::fs::write(&file, yaml).unwrap();
    let client = HttpClient::new("test", &HttpClientConfig::load(&file).unwrap()).unwrap();
    let url: Uri = format!("http://{}/", server.await).parse().unwrap();
    assert_eq!(client.get(&url, &HeaderMap::new()).await.unwrap().status(), StatusCode::OK);
    let own = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("mine"))]);
    assert_eq!(client.get(&url, &own).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}
