//! A blocking client over hyper.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use narthex::http::HttpClient;
use narthex::settings::HttpClientConfig;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
// No idle connections: servers of tests are killed and started anew.
static CLIENT: LazyLock<Client<HttpConnector, Full<Bytes>>> =
    LazyLock::new(|| Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http());

/// An answer with its body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// `data` of a success.
    pub fn data(&self) -> Value {
        let json = self.json();
        assert_eq!(json["status"], "success", "{json}");
        json["data"].clone()
    }

    /// `errorType` and `error` of a failure.
    pub fn error(&self) -> (String, String) {
        let json = self.json();
        assert_eq!(json["status"], "error", "{json}");
        (json["errorType"].as_str().unwrap().to_owned(), json["error"].as_str().unwrap().to_owned())
    }
}

/// Sends a request; the error is that of the connection.
pub fn request(request: http::Request<Full<Bytes>>) -> Result<Answer, String> {
    RUNTIME.block_on(async {
        let exchange = async {
            let response = CLIENT.request(request).await.map_err(|e| format!("{e:?}"))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        let timed = tokio::time::timeout(Duration::from_secs(120), exchange).await;
        timed.map_err(|_| "no answer within two minutes".to_owned())?
    })
}

/// `GET url`; what a URL may not hold as it is gets escaped.
pub fn get(url: &str) -> Result<Answer, String> {
    const HELD: &AsciiSet =
        &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'{').add(b'}').add(b'|').add(b'^');
    let url = utf8_percent_encode(url, HELD).to_string();
    request(http::Request::get(url).body(Full::default()).unwrap())
}

/// `POST url` with a form.
pub fn post_form(url: &str, form: &[(&str, &str)]) -> Result<Answer, String> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let kind = "application/x-www-form-urlencoded";
    let builder = http::Request::post(url).header("content-type", kind);
    request(builder.body(Full::from(body)).unwrap())
}

/// `GET url` with the settings of an HTTP client, as a scrape has them.
pub fn get_as(settings: &HttpClientConfig, url: &str) -> Result<Answer, String> {
    RUNTIME.block_on(async {
        let client = HttpClient::new("test", settings).map_err(|e| e.to_string())?;
        let exchange = async {
            let response = client.get(&url.parse().unwrap(), &http::HeaderMap::new()).await;
            let (head, body) = response.map_err(|e| e.to_string())?.into_parts();
            let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        let timed = tokio::time::timeout(Duration::from_secs(120), exchange).await;
        timed.map_err(|_| "no answer within two minutes".to_owned())?
    })
}
