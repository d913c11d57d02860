//! The connection to the API server: kube's client over the HTTP client of this server, or over its own for a kubeconfig.

use super::config::{Access, KubernetesSd};
use super::metrics::KubernetesMetrics;
use crate::http::client::HttpClient;
use crate::settings::HttpClientConfig;
use crate::settings::http::{Authorization, Source, TlsConfig};
use bytes::Bytes;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderValue, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What a pod learns of its cluster.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Longest time until an answer begins.
const BEGIN: Duration = Duration::from_secs(60);
/// Longest time until the answer to a list is there as a whole.
const WHOLE: Duration = Duration::from_secs(120);
/// Largest answer to a list, bytes; lists come in pages of 500 objects.
const LIST_MAX: usize = 1 << 30;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<UnsyncBoxBody<Bytes, Failure>>;

/// The namespace of the pod that this server runs in.
///
/// # Errors
/// It runs in none.
pub fn own_namespace() -> Result<String, String> {
    let text = std::fs::read_to_string(Path::new(SERVICE_ACCOUNT).join("namespace"));
    text.map(|text| text.trim().to_owned())
        .map_err(|error| format!("could not determine the pod's namespace: {error}"))
}

/// How to get a client.
pub enum Connect {
    /// It is there.
    Ready(Client),
    /// A kubeconfig is read first.
    Kubeconfig(PathBuf, Arc<KubernetesMetrics>),
}

impl Connect {
    /// Looks at what the configuration names.
    ///
    /// # Errors
    /// A file is missing, or this server runs in no pod.
    pub fn new(config: &KubernetesSd, metrics: &Arc<KubernetesMetrics>) -> Result<Self, String> {
        let (url, http) = match &config.access {
            Access::Kubeconfig(path) => {
                Kubeconfig::read_from(path).map_err(|error| error.to_string())?;
                return Ok(Self::Kubeconfig(path.clone(), metrics.clone()));
            }
            Access::Server(url) => (url.clone(), config.http.clone()),
            Access::InCluster => in_cluster()?,
        };
        Self::direct(url, &http, metrics)
    }

    /// A client for the cluster that this server runs in.
    ///
    /// # Errors
    /// It runs in none.
    pub fn in_cluster(metrics: &Arc<KubernetesMetrics>) -> Result<Self, String> {
        let (url, http) = in_cluster()?;
        Self::direct(url, &http, metrics)
    }

    fn direct(url: Uri, http: &HttpClientConfig, metrics: &Arc<KubernetesMetrics>) -> Result<Self, String> {
        let client = HttpClient::new("kubernetes_sd", http).map_err(|error| error.to_string())?;
        let way = Way::Direct(Arc::new(client), url);
        Ok(Self::Ready(Client::new(Transport { way, metrics: metrics.clone() }, "default")))
    }

    /// The client.
    ///
    /// # Errors
    /// The kubeconfig cannot be used, at present.
    pub async fn client(&self) -> Result<Client, String> {
        let (path, metrics) = match self {
            Self::Ready(client) => return Ok(client.clone()),
            Self::Kubeconfig(path, metrics) => (path, metrics),
        };
        let kubeconfig = Kubeconfig::read_from(path).map_err(|error| error.to_string())?;
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options);
        let config = config.await.map_err(|error| error.to_string())?;
        let client = Client::try_from(config).map_err(|error| error.to_string())?;
        let way = Way::Kubeconfig(client);
        Ok(Client::new(Transport { way, metrics: metrics.clone() }, "default"))
    }
}

/// URL and credentials, as a pod has them.
fn in_cluster() -> Result<(Uri, HttpClientConfig), String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let host = variable("KUBERNETES_SERVICE_HOST").zip(variable("KUBERNETES_SERVICE_PORT"));
    let Some((host, port)) = host else {
        return Err(
            "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"
                .to_owned(),
        );
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let url = format!("https://{host}:{port}").parse().map_err(|error| format!("{host}:{port}: {error}"))?;
    let file = |name: &str| Source::File(Path::new(SERVICE_ACCOUNT).join(name));
    let token = Path::new(SERVICE_ACCOUNT).join("token");
    if let Err(error) = std::fs::metadata(&token) {
        return Err(format!("open {}: {error}", token.display()));
    }
    let authorization = Authorization { scheme: "Bearer".to_owned(), credentials: file("token") };
    let tls = TlsConfig { ca: Some(file("ca.crt")), ..TlsConfig::default() };
    Ok((url, HttpClientConfig { authorization: Some(authorization), tls, ..HttpClientConfig::default() }))
}

#[derive(Clone)]
enum Way {
    Direct(Arc<HttpClient>, Uri),
    /// Exec plugins and all else that a kubeconfig can ask for.
    Kubeconfig(Client),
}

/// Carries kube's requests, with limits, and counts them.
#[derive(Clone)]
struct Transport {
    way: Way,
    metrics: Arc<KubernetesMetrics>,
}

impl tower_service::Service<Request<Body>> for Transport {
    type Response = Answer;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let begin = Instant::now();
            let path = request.uri().path().to_owned();
            let watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
            let answer = tokio::time::timeout(BEGIN, this.send(request)).await;
            let answer = answer.unwrap_or_else(|_| Err("the API server does not answer".into()));
            let status =
                answer.as_ref().map_or("<error>".to_owned(), |answer| answer.status().as_u16().to_string());
            this.metrics.request(&path, &status, begin.elapsed().as_secs_f64());
            let answer = match answer {
                Ok(answer) if watch && answer.status().is_success() => return Ok(answer),
                Ok(answer) => answer,
                Err(error) => return Err(error),
            };
            let (head, body) = answer.into_parts();
            match tokio::time::timeout(WHOLE, whole(body)).await {
                Ok(Ok(whole)) => Ok(Response::from_parts(head, boxed(Full::new(whole)))),
                Ok(Err(error)) => Err(error),
                Err(_) => Err("the API server does not end its answer".into()),
            }
        })
    }
}

fn boxed<B>(body: B) -> UnsyncBoxBody<Bytes, Failure>
where
    B: http_body_util::BodyExt<Data = Bytes> + Send + 'static,
    B::Error: Into<Failure>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// A body that has an end.
async fn whole(mut body: UnsyncBoxBody<Bytes, Failure>) -> Result<Bytes, Failure> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) if whole.len() + data.len() > LIST_MAX => {
                return Err(format!("the answer has more than {LIST_MAX} bytes").into());
            }
            Ok(Ok(data)) => whole.extend_from_slice(&data),
            Ok(Err(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Bytes::from(whole))
}

impl Transport {
    async fn send(&self, request: Request<Body>) -> Result<Answer, Failure> {
        match &self.way {
            Way::Direct(client, base) => {
                let url = below(base, request.uri())?;
                Ok(client.get(&url, request.headers()).await?.map(boxed))
            }
            Way::Kubeconfig(client) => Ok(client.send(request).await?.map(boxed)),
        }
    }
}

/// A path of the API at a server that may have one of its own.
fn below(base: &Uri, wanted: &Uri) -> Result<Uri, Failure> {
    let path = wanted.path_and_query().map_or("/", PathAndQuery::as_str);
    let path = format!("{}{path}", base.path().trim_end_matches('/'));
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse()?);
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_servers() {
        let wanted: Uri = "/api/v1/pods?limit=500".parse().unwrap();
        for (base, want) in [
            ("https://h:1", "https://h:1/api/v1/pods?limit=500"),
            ("https://h:1/k8s/c-1/", "https://h:1/k8s/c-1/api/v1/pods?limit=500"),
        ] {
            assert_eq!(below(&base.parse().unwrap(), &wanted).unwrap(), want);
        }
    }
}
