//! The web configuration file: real handshakes with real certificates, users, tokens, headers, and changes of it while
//! the server runs.

use crate::harness::client::Answer;
use crate::harness::process::run;
use crate::harness::{Narthex, eventually, free_address, get, get_as, request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use narthex::settings::HttpClientConfig;
use narthex::settings::http::{Authorization, BasicAuth, Source, TlsConfig};
use narthex::settings::secret::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// An authority that vouches for certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, PEM.
struct Identity {
    cert: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn identity(&self, name: &str) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        Identity { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }
}

fn inline(text: &str) -> Source {
    Source::Inline(Secret::new(text))
}

/// A client that trusts an authority, and shows a certificate if it has one.
fn client(trusted: &Authority, identity: Option<&Identity>) -> HttpClientConfig {
    let tls = TlsConfig {
        ca: Some(inline(&trusted.pem())),
        cert: identity.map(|identity| inline(&identity.cert)),
        key: identity.map(|identity| inline(&identity.key)),
        ..TlsConfig::default()
    };
    HttpClientConfig { tls, ..HttpClientConfig::default() }
}

struct Files(TempDir);

impl Files {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let (path, fresh) = (self.0.path().join(name), self.0.path().join("fresh"));
        // In one step, as whoever rotates certificates does it.
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(&fresh, &path).unwrap();
        path
    }

    fn identity(&self, identity: &Identity) {
        self.write("key.pem", &identity.key);
        self.write("cert.pem", &identity.cert);
    }

    fn start(&self, web: &str, more: &[&str]) -> Narthex {
        let path = self.write("web.yml", web);
        let flag = format!("--web.config.file={}", path.display());
        let args: Vec<&str> = std::iter::once(flag.as_str()).chain(more.iter().copied()).collect();
        Narthex::start(&self.0.path().join("data"), &args)
    }
}

const TLS: &str = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n";

#[test]
fn certificates_are_asked_for_as_the_file_says_and_changes_count_at_the_next_handshake() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let files = Files(TempDir::new().unwrap());
    files.identity(&ours.identity("127.0.0.1"));
    files.write("ca.pem", &ours.pem());
    let narthex = files.start(TLS, &[]);
    assert!(narthex.url.starts_with("https://"), "{}", narthex.url);
    let url = format!("{}/-/ready", narthex.url);
    let good = ours.identity("good.example");
    let other = ours.identity("other.example");
    let foreign = theirs.identity("good.example");
    let ready = |identity: Option<&Identity>| {
        get_as(&client(&ours, identity), &url).is_ok_and(|answer| answer.status == 200)
    };
    // Whether a client gets in: without a certificate, with one of ours, with another of ours, with a foreign one.
    let all = || [ready(None), ready(Some(&good)), ready(Some(&other)), ready(Some(&foreign))];
    assert_eq!(all(), [true, true, true, true]);
    for (more, want) in [
        ("  client_auth_type: RequestClientCert\n", [true, true, true, true]),
        ("  client_auth_type: RequireAnyClientCert\n", [false, true, true, true]),
        ("  client_auth_type: RequireClientCert\n", [false, true, true, true]),
        (
            "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n",
            [true, true, true, false],
        ),
        (
            "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n",
            [false, true, true, false],
        ),
        (
            "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [x, good.example]\n",
            [false, true, false, false],
        ),
        ("  client_auth_type: NoClientCert\n", [true, true, true, true]),
    ] {
        files.write("web.yml", &format!("{TLS}{more}"));
        assert_eq!(all(), want, "{more}");
    }
    assert!(get_as(&client(&theirs, None), &url).is_err(), "our certificate is not theirs");
    files.identity(&theirs.identity("127.0.0.1"));
    assert!(get_as(&client(&theirs, None), &url).is_ok(), "the new certificate is used");
    assert!(get_as(&client(&ours, None), &url).is_err());
    files.write("web.yml", "broken: [");
    for _ in 0..2 {
        assert!(get_as(&client(&theirs, None), &url).is_err(), "a broken file lets nobody in");
        assert!(get(&url.replace("https", "http")).is_err(), "nor does it turn TLS off");
    }
    files.write("web.yml", &format!("{TLS}  min_version: TLS13\n"));
    let mut old = client(&theirs, None);
    old.tls.max_version = Some("TLS12".to_owned());
    assert!(get_as(&old, &url).is_err());
    files.write("web.yml", &format!("{TLS}  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  curve_preferences: [CurveP256]\n"));
    let mut new = client(&theirs, None);
    new.tls.min_version = Some("TLS13".to_owned());
    assert!(get_as(&new, &url).is_err());
    assert_eq!(get_as(&old, &url).unwrap().status, 200);
    assert!(get(&url.replace("https", "http")).is_err(), "plain HTTP is not spoken");
}

fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

fn ask(url: &str, method: &str, authorization: &str) -> Answer {
    let mut builder = http::Request::builder().method(method).uri(url).header("content-type", "text/plain");
    if !authorization.is_empty() {
        builder = builder.header("authorization", authorization);
    }
    request(builder.body(Full::new(Bytes::new())).unwrap()).unwrap()
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[test]
fn users_and_tokens_get_in_and_nobody_else() {
    let files = Files(TempDir::new().unwrap());
    files.write("token", "from-file\n");
    let web = format!(
        "basic_auth_users:\n  ann: '{}'\nbearer_tokens:\n- {{name: grafana, token: reads, scope: read}}\n\
         - {{name: agents, token_file: token, scope: write}}\n- {{token: all, scope: admin}}\n\
         http_server_config:\n  headers: {{X-Frame-Options: deny}}\n",
        hash("secret")
    );
    let config = files.write("prometheus.yml", "scrape_configs: []\n");
    let config = format!("--config.file={}", config.display());
    let more = [
        config.as_str(),
        "--web.enable-lifecycle",
        "--web.enable-remote-write-receiver",
        "--web.enable-admin-api",
    ];
    let narthex = files.start(&web, &more);
    let (query, write) = ("/api/v1/query?query=1", "/api/v1/write");
    let (reload, snapshot) = ("/-/reload", "/api/v1/admin/tsdb/snapshot");
    let status =
        |method: &str, path: &str, auth: &str| ask(&format!("{}{path}", narthex.url), method, auth).status;
    let of = |auth: &str| {
        [
            status("GET", query, auth),
            status("GET", "/-/healthy", auth),
            status("POST", write, auth),
            status("POST", reload, auth),
            status("POST", snapshot, auth),
        ]
    };
    // 415: no write has this content type, which is told only to those who may write.
    assert_eq!(of(&basic("ann", "secret")), [200, 200, 415, 200, 200]);
    assert_eq!(of("Bearer all"), [200, 200, 415, 200, 200]);
    assert_eq!(of("Bearer reads"), [200, 200, 403, 403, 403]);
    assert_eq!(of("Bearer from-file"), [403, 403, 415, 403, 403]);
    for wrong in ["", "Bearer other", "Basic x", "Digest y", &basic("ann", "wrong"), &basic("bob", "secret")]
    {
        assert_eq!(of(wrong), [401; 5], "{wrong}");
    }
    let refused = ask(&format!("{}{query}", narthex.url), "GET", "");
    assert_eq!((refused.text().as_str(), refused.header("x-frame-options")), ("Unauthorized\n", "deny"));
    let asked: Vec<_> = refused.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(asked, ["Basic", "Bearer"]);
    let forbidden = ask(&format!("{}{write}", narthex.url), "POST", "Bearer reads").text();
    assert!(forbidden.contains("\"grafana\" has the scope read, and this needs write"), "{forbidden}");

    files.write("token", "rotated");
    assert_eq!(status("POST", write, "Bearer from-file"), 401);
    assert_eq!(status("POST", write, "Bearer rotated"), 415);
    files.write("web.yml", "basic_auth_users: {ann: broken}\n");
    assert_eq!(status("GET", query, "Bearer all"), 500);
    eventually("the log says why", || narthex.log().contains("hashedSecret too short").then_some(()));
    files.write("web.yml", "rate_limit: {interval: 1h, burst: 2}\n");
    let limited: Vec<u16> = (0..4).map(|_| status("GET", query, "")).collect();
    assert_eq!(limited, [200, 200, 429, 429]);
    files.write("web.yml", "");
    assert_eq!(status("GET", query, ""), 200);
}

#[test]
fn the_server_goes_on_scraping_itself() {
    let authority = Authority::new();
    let files = Files(TempDir::new().unwrap());
    files.identity(&authority.identity("127.0.0.1"));
    files.write("ca.pem", &authority.pem());
    let web = format!("{TLS}basic_auth_users: {{ann: '{}'}}\n", hash("secret"));
    let mut settings = client(&authority, None);
    settings.basic_auth = Some(BasicAuth { username: inline("ann"), password: inline("secret") });
    let up = |narthex: &Narthex, count: &str| {
        let url =
            format!("{}/api/v1/query?query=count(up==1)", narthex.url.replace("localhost", "127.0.0.1"));
        eventually("it scrapes itself", || {
            let result = get_as(&settings, &url).unwrap().data()["result"][0]["value"][1].clone();
            (result == count).then_some(())
        });
    };
    // Without a configuration it lets itself in.
    let narthex = files.start(&web, &[]);
    up(&narthex, "2");
    let shown = get_as(&settings, &format!("{}/api/v1/status/config", narthex.url)).unwrap().data();
    assert!(shown["yaml"].as_str().unwrap().contains("credentials: <secret>"), "{shown}");
    drop(narthex);
    // With one that has user, password and authority.
    let address = free_address();
    let config = files.write(
        "prometheus.yml",
        &format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: self\n  scheme: https\n  \
             tls_config: {{ca_file: ca.pem}}\n  basic_auth: {{username: ann, password: secret}}\n  \
             static_configs: [{{targets: ['{address}']}}]\n"
        ),
    );
    std::fs::remove_dir_all(files.0.path().join("data")).unwrap();
    let flags = [format!("--config.file={}", config.display()), format!("--web.listen-address={address}")];
    let narthex = files.start(&web, &[&flags[0], &flags[1]]);
    up(&narthex, "1");
}

#[test]
fn a_bad_file_prevents_the_start_and_is_told_by_check_web_config() {
    let files = Files(TempDir::new().unwrap());
    let path = files.write("web.yml", "tls_server_config:\n  cert_file: none.pem\n  key_file: none.pem\n");
    let flag = format!("--web.config.file={}", path.display());
    let log = Narthex::try_start(&files.0.path().join("data"), &[&flag]).err().unwrap();
    assert!(log.contains("Unable to validate web configuration file") && log.contains("none.pem"), "{log}");
    let check = |path: &Path| run(&["check", "web-config", path.to_str().unwrap()]);
    let (good, text) = check(&path);
    assert!(!good && text.contains("web.yml FAILED: ") && text.contains("none.pem"), "{text}");
    files.identity(&Authority::new().identity("a"));
    let path = files.write("web.yml", TLS);
    assert_eq!(check(&path), (true, format!("{} SUCCESS\n", path.display())));
}

#[test]
fn a_bearer_token_works_for_a_scrape_of_another_server() {
    let files = Files(TempDir::new().unwrap());
    let narthex = files.start("bearer_tokens: [{token: t, scope: read}]\n", &[]);
    let settings = HttpClientConfig {
        authorization: Some(Authorization { scheme: "Bearer".to_owned(), credentials: inline("t") }),
        ..HttpClientConfig::default()
    };
    let page = get_as(&settings, &format!("{}/metrics", narthex.url)).unwrap();
    assert_eq!(page.status, 200);
    assert!(page.text().contains("prometheus_http_requests_total{code=\"200\",handler=\"/metrics\"}"));
}
