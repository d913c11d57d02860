//! An entry of `kubernetes_sd_configs`.

use super::selector;
use crate::settings::HttpClientConfig;
use crate::settings::decode::Fields;
use crate::settings::yaml::Kind;
use http::Uri;
use narthex_storage::labels::quote;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What is to be discovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Nodes.
    Node,
    /// Pods.
    Pod,
    /// Services.
    Service,
    /// Endpoints, in objects of that name.
    Endpoints,
    /// Endpoints, in slices.
    EndpointSlice,
    /// Ingresses.
    Ingress,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] =
        [Self::Node, Self::Pod, Self::Service, Self::Endpoints, Self::EndpointSlice, Self::Ingress];

    /// As the configuration has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Pod => "pod",
            Self::Service => "service",
            Self::Endpoints => "endpoints",
            Self::EndpointSlice => "endpointslice",
            Self::Ingress => "ingress",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The objects that may be selected for a role.
    fn selectable(self) -> &'static [Self] {
        match self {
            Self::Node => &[Self::Node],
            Self::Pod => &[Self::Pod, Self::Node],
            Self::Service => &[Self::Service],
            Self::Endpoints => &[Self::Pod, Self::Service, Self::Endpoints],
            Self::EndpointSlice => &[Self::Pod, Self::Service, Self::EndpointSlice],
            Self::Ingress => &[Self::Ingress],
        }
    }
}

/// Which objects of a kind are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The kind.
    pub role: Role,
    /// Label selector.
    pub label: String,
    /// Field selector.
    pub field: String,
}

/// What else is told about targets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attach {
    /// Their node.
    pub node: bool,
    /// Their namespace.
    pub namespace: bool,
    /// A pod's deployment.
    pub deployment: bool,
    /// A pod's job.
    pub job: bool,
    /// A pod's cron job.
    pub cron_job: bool,
}

/// How to reach the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// As a pod of the cluster.
    InCluster,
    /// As a file says.
    Kubeconfig(PathBuf),
    /// Directly.
    Server(Uri),
}

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesSd {
    /// What is to be discovered.
    pub role: Role,
    /// How to reach the API server.
    pub access: Access,
    /// How to speak to it, with `Access::Server`.
    pub http: HttpClientConfig,
    /// Look at the namespace of the own pod.
    pub own_namespace: bool,
    /// Look at these namespaces; if none is given at all, at every one.
    pub namespaces: Vec<String>,
    /// Which objects are looked at.
    pub selectors: Vec<Selector>,
    /// What else is told.
    pub attach: Attach,
}

impl KubernetesSd {
    /// Takes the fields of an entry; relative paths start at `dir`.
    pub fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Self {
        let role = role(fields);
        let http = HttpClientConfig::take(fields, dir);
        let server = fields.string("api_server", "");
        let kubeconfig = fields.string("kubeconfig_file", "");
        let (own_namespace, namespaces) = namespaces(fields);
        let custom = http != HttpClientConfig::default();
        let clashes = [
            (
                !server.is_empty() && !kubeconfig.is_empty(),
                "cannot use 'kubeconfig_file' and 'api_server' simultaneously",
            ),
            (
                !kubeconfig.is_empty() && custom,
                "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
            ),
            (
                server.is_empty() && kubeconfig.is_empty() && custom,
                "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
            ),
            (
                !server.is_empty() && own_namespace,
                "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously",
            ),
            (
                !kubeconfig.is_empty() && own_namespace,
                "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously",
            ),
        ];
        if let Some((_, text)) = clashes.iter().find(|(wrong, _)| *wrong) {
            fields.fault(*text);
        }
        let selectors = selectors(fields, role);
        let attach = attach(fields);
        let access = if !kubeconfig.is_empty() {
            Access::Kubeconfig(dir.join(kubeconfig))
        } else if server.is_empty() {
            Access::InCluster
        } else {
            match server.parse::<Uri>().ok().filter(|url| url.host().is_some()) {
                Some(url) => Access::Server(url),
                None => {
                    fields.fault(format!("parse {}: not a URL with a host", quote(&server)));
                    Access::InCluster
                }
            }
        };
        // A role that is missing is a fault, so this default never comes into force.
        let role = role.unwrap_or(Role::Pod);
        Self { role, access, http, own_namespace, namespaces, selectors, attach }
    }

    /// Label and field selector for the objects of a kind.
    #[must_use]
    pub fn selector(&self, role: Role) -> (Option<String>, Option<String>) {
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let found = self.selectors.iter().find(|selector| selector.role == role);
        found.map_or((None, None), |selector| (text(&selector.label), text(&selector.field)))
    }

    /// As `status/config` shows it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut out = Map::new();
        if let Access::Server(url) = &self.access {
            out.insert("api_server".to_owned(), json!(url.to_string()));
        }
        out.insert("role".to_owned(), json!(self.role.as_str()));
        let file = match &self.access {
            Access::Kubeconfig(file) => file.display().to_string(),
            _ => String::new(),
        };
        out.insert("kubeconfig_file".to_owned(), json!(file));
        self.http.to_value(&mut out);
        if self.own_namespace || !self.namespaces.is_empty() {
            let mut section = json!({"own_namespace": self.own_namespace});
            if let (false, Some(section)) = (self.namespaces.is_empty(), section.as_object_mut()) {
                section.insert("names".to_owned(), json!(self.namespaces));
            }
            out.insert("namespaces".to_owned(), section);
        }
        let selector = |selector: &Selector| {
            let mut section = Map::new();
            section.insert("role".to_owned(), json!(selector.role.as_str()));
            for (name, text) in [("label", &selector.label), ("field", &selector.field)] {
                if !text.is_empty() {
                    section.insert(name.to_owned(), json!(text));
                }
            }
            Value::Object(section)
        };
        if !self.selectors.is_empty() {
            out.insert("selectors".to_owned(), self.selectors.iter().map(selector).collect());
        }
        if self.attach != Attach::default() {
            let Attach { node, namespace, deployment, job, cron_job } = self.attach;
            let section = json!({
                "node": node, "namespace": namespace, "deployment": deployment, "job": job, "cronjob": cron_job,
            });
            out.insert("attach_metadata".to_owned(), section);
        }
        Value::Object(out)
    }
}

/// Takes the role, if there is one.
fn role(fields: &mut Fields<'_, '_>) -> Option<Role> {
    let text = fields.string("role", "");
    let role = Role::parse(&text);
    if text.is_empty() {
        fields.fault("role missing (one of: pod, service, endpoints, endpointslice, node, ingress)");
    } else if role.is_none() {
        fields.fault(format!("unknown Kubernetes SD role {}", quote(&text)));
    }
    role
}

fn namespaces(fields: &mut Fields<'_, '_>) -> (bool, Vec<String>) {
    let Some(node) = fields.take("namespaces") else { return (false, Vec::new()) };
    let mut section = Fields::of(fields.decoder, node, "kubernetes.plain");
    let own = section.bool("own_namespace").unwrap_or(false);
    let names = section.strings("names");
    section.finish();
    (own, names)
}

fn attach(fields: &mut Fields<'_, '_>) -> Attach {
    let Some(node) = fields.take("attach_metadata") else { return Attach::default() };
    let mut section = Fields::of(fields.decoder, node, "kubernetes.AttachMetadataConfig");
    let mut is = |name: &str| section.bool(name).unwrap_or(false);
    let attach = Attach {
        node: is("node"),
        namespace: is("namespace"),
        deployment: is("deployment"),
        job: is("job"),
        cron_job: is("cronjob"),
    };
    section.finish();
    attach
}

fn selectors(fields: &mut Fields<'_, '_>, role: Option<Role>) -> Vec<Selector> {
    let Some(node) = fields.take("selectors") else { return Vec::new() };
    let mut out: Vec<Selector> = Vec::new();
    for item in fields.decoder.list(node, "[]kubernetes.SelectorConfig") {
        if item.kind == Kind::Null {
            continue;
        }
        let mut section = Fields::of(fields.decoder, item, "kubernetes.SelectorConfig");
        let text = section.string("role", "");
        let (label, field) = (section.string("label", ""), section.string("field", ""));
        let selected = Role::parse(&text);
        match (role, selected) {
            (_, None) => section.fault(format!("unknown Kubernetes SD role {}", quote(&text))),
            (_, Some(selected)) if out.iter().any(|other| other.role == selected) => {
                section.fault(format!("duplicated selector role: {text}"));
            }
            (Some(role), Some(selected)) if !role.selectable().contains(&selected) => {
                let names: Vec<&str> = role.selectable().iter().map(|role| role.as_str()).collect();
                section.fault(format!("{} role supports only {} selectors", role.as_str(), names.join(", ")));
            }
            _ => {}
        }
        if let Err(text) = selector::check_fields(&field).and_then(|()| selector::check_labels(&label)) {
            section.fault(text);
        }
        section.finish();
        out.extend(selected.map(|role| Selector { role, label, field }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::decode::Decoder;
    use crate::settings::yaml;

    fn decode(text: &str) -> Result<KubernetesSd, Vec<String>> {
        let root = yaml::parse(text).unwrap();
        let mut decoder = Decoder::default();
        let mut fields = Fields::of(&mut decoder, &root, "kubernetes.plain");
        let config = KubernetesSd::decode(&mut fields, Path::new("/dir"));
        fields.finish();
        let faults: Vec<String> = decoder.faults.into_iter().map(|fault| fault.message).collect();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    #[test]
    fn errors_are_those_of_prometheus() {
        for (text, want) in [
            ("{}", "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)"),
            ("role: vacation", "unknown Kubernetes SD role \"vacation\""),
            (
                "{role: pod, bearer_token: x}",
                "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
            ),
            (
                "{role: pod, kubeconfig_file: a, api_server: 'http://b'}",
                "cannot use 'kubeconfig_file' and 'api_server' simultaneously",
            ),
            (
                "{role: pod, kubeconfig_file: a, bearer_token: x}",
                "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
            ),
            (
                "{role: pod, kubeconfig_file: a, namespaces: {own_namespace: true}}",
                "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously",
            ),
            (
                "{role: pod, api_server: 'http://b', namespaces: {own_namespace: true}}",
                "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously",
            ),
            ("{role: pod, namespaces: {foo: [a]}}", "field foo not found in type kubernetes.plain"),
            (
                "{role: endpoints, selectors: [{role: node}]}",
                "endpoints role supports only pod, service, endpoints selectors",
            ),
            (
                "{role: endpointslice, selectors: [{role: node}]}",
                "endpointslice role supports only pod, service, endpointslice selectors",
            ),
            ("{role: ingress, selectors: [{role: node}]}", "ingress role supports only ingress selectors"),
            ("{role: node, selectors: [{role: pod}]}", "node role supports only node selectors"),
            ("{role: pod, selectors: [{role: service}]}", "pod role supports only pod, node selectors"),
            ("{role: service, selectors: [{role: pod}]}", "service role supports only service selectors"),
            ("{role: pod, selectors: [{role: pod}, {role: pod}]}", "duplicated selector role: pod"),
            (
                "{role: pod, selectors: [{role: pod, field: metadata.status-Running}]}",
                "invalid selector: 'metadata.status-Running'; can't understand 'metadata.status-Running'",
            ),
            ("{role: pod, api_server: 'b c'}", "parse \"b c\": not a URL with a host"),
        ] {
            assert_eq!(decode(text), Err(vec![want.to_owned()]), "{text}");
        }
    }

    #[test]
    fn the_configuration_is_shown_with_its_defaults() {
        let shown = |text: &str| serde_json::to_string(&decode(text).unwrap().to_value()).unwrap();
        assert_eq!(
            shown("role: node"),
            r#"{"role":"node","kubeconfig_file":"","follow_redirects":true,"enable_http2":true}"#
        );
        let all = shown(
            "{role: pod, kubeconfig_file: k, namespaces: {names: [a, b]}, attach_metadata: {node: true},
              selectors: [{role: pod, label: a=b}]}",
        );
        assert!(all.contains(r#""kubeconfig_file":"/dir/k""#), "{all}");
        assert!(all.contains(r#""namespaces":{"own_namespace":false,"names":["a","b"]}"#), "{all}");
        assert!(all.contains(r#""selectors":[{"role":"pod","label":"a=b"}]"#), "{all}");
        assert!(all.contains(r#""attach_metadata":{"node":true,"#), "{all}");
    }
}
