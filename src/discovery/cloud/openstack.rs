//! `openstack_sd_configs`: instances, hypervisors or load balancers of an OpenStack.

use super::super::api::headers;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::target::entries;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Labels, PAGES_MAX, Target, at, items, text, texts};
use crate::settings::decode::Fields;
use crate::settings::{HttpClientConfig, Secret};
use http::{HeaderMap, HeaderName, Method, header};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// `openstack_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "openstack", type_name: "openstack.plain", decode };

const PREFIX: &str = "__meta_openstack_";

/// What of which OpenStack.
#[derive(Debug, Clone)]
pub(super) struct OpenstackSd {
    pub role: String,
    pub region: String,
    pub availability: String,
    pub all_tenants: bool,
    pub port: u64,
    pub login: Login,
}

/// As whom to ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Login {
    pub endpoint: String,
    pub username: String,
    pub user_id: String,
    pub password: Secret,
    pub domain: (String, String),
    pub project: (String, String),
    /// Name, id and secret.
    pub application: (String, String, Secret),
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let login = Login {
        endpoint: entry.text("identity_endpoint", ""),
        username: entry.text("username", ""),
        user_id: entry.text("userid", ""),
        password: entry.secret("password"),
        project: (entry.text("project_id", ""), entry.text("project_name", "")),
        application: (
            entry.text("application_credential_name", ""),
            entry.text("application_credential_id", ""),
            entry.secret("application_credential_secret"),
        ),
        domain: (entry.text("domain_id", ""), entry.text("domain_name", "")),
    };
    let role = entry.choice("role", "", &["instance", "hypervisor", "loadbalancer"], |role| match role {
        "" => "role missing (one of: instance, hypervisor, loadbalancer)".to_owned(),
        role => format!("unknown OpenStack SD role {role:?}"),
    });
    let availability =
        entry.choice("availability", "public", &["public", "internal", "admin"], |availability| {
            format!("unknown availability {availability}, must be one of admin, internal or public")
        });
    let region = entry.required("region", "openstack SD configuration requires a region");
    let every_ms = entry.refresh(60_000);
    let (port, all_tenants) = (entry.port(80), entry.flag("all_tenants", false));
    let http = HttpClientConfig { tls: entry.tls(), ..HttpClientConfig::default() };
    let ask = OpenstackSd { role, region, availability, all_tenants, port, login };
    entry.polled("openstack", every_ms, http, ask)
}

impl Ask for OpenstackSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let session = self.log_in(api).await;
        let session = session.map_err(|e| format!("could not authenticate to OpenStack: {e}"))?;
        let targets = match self.role.as_str() {
            "hypervisor" => self.hypervisors(api, &session).await?,
            "loadbalancer" => self.load_balancers(api, &session).await?,
            _ => self.instances(api, &session).await?,
        };
        Ok(vec![TargetGroup::of(format!("OS_{}", self.region), targets)])
    }
}

/// A token, and the services that it is good for.
struct Session {
    headers: HeaderMap,
    catalog: Vec<Value>,
}

impl Login {
    /// What the variables of the environment say, as OpenStack's own tools read them.
    fn of_environment() -> Self {
        let of = |name: &str| std::env::var(format!("OS_{name}")).unwrap_or_default();
        let either =
            |one: &str, other: &str| Some(of(one)).filter(|v| !v.is_empty()).unwrap_or_else(|| of(other));
        Self {
            endpoint: of("AUTH_URL"),
            username: of("USERNAME"),
            user_id: either("USERID", "USER_ID"),
            password: Secret::new(of("PASSWORD")),
            domain: (either("DOMAIN_ID", "USER_DOMAIN_ID"), either("DOMAIN_NAME", "USER_DOMAIN_NAME")),
            project: (either("PROJECT_ID", "TENANT_ID"), either("PROJECT_NAME", "TENANT_NAME")),
            application: (
                of("APPLICATION_CREDENTIAL_NAME"),
                of("APPLICATION_CREDENTIAL_ID"),
                Secret::new(of("APPLICATION_CREDENTIAL_SECRET")),
            ),
        }
    }

    fn question(&self) -> Value {
        let named = |(id, name): &(String, String)| match id.as_str() {
            "" => json!({"name": name}),
            id => json!({"id": id}),
        };
        let has = |(id, name): &(String, String)| !id.is_empty() || !name.is_empty();
        let user = || {
            let mut user = match self.user_id.as_str() {
                "" => json!({"name": self.username}),
                id => json!({"id": id}),
            };
            if let (Some(user), true) = (user.as_object_mut(), self.user_id.is_empty() && has(&self.domain)) {
                user.insert("domain".to_owned(), named(&self.domain));
            }
            user
        };
        let (name, id, secret) = &self.application;
        if !secret.is_empty() {
            let mut application = json!({"secret": secret.reveal()});
            if let Some(application) = application.as_object_mut() {
                if id.is_empty() {
                    application.insert("name".to_owned(), json!(name));
                    application.insert("user".to_owned(), user());
                } else {
                    application.insert("id".to_owned(), json!(id));
                }
            }
            let identity =
                json!({"methods": ["application_credential"], "application_credential": application});
            return json!({"auth": {"identity": identity}});
        }
        let mut with_password = user();
        if let Some(user) = with_password.as_object_mut() {
            user.insert("password".to_owned(), json!(self.password.reveal()));
        }
        let identity = json!({"methods": ["password"], "password": {"user": with_password}});
        if has(&self.project) {
            let mut project = named(&self.project);
            if let (Some(project), true) = (project.as_object_mut(), self.project.0.is_empty()) {
                project.insert("domain".to_owned(), named(&self.domain));
            }
            return json!({"auth": {"identity": identity, "scope": {"project": project}}});
        }
        json!({"auth": {"identity": identity}})
    }
}

impl OpenstackSd {
    async fn log_in(&self, api: &Api) -> Result<Session, String> {
        let environment;
        let login = if self.login.endpoint.is_empty() {
            environment = Login::of_environment();
            &environment
        } else {
            &self.login
        };
        let endpoint = login.endpoint.trim_end_matches('/');
        let endpoint = if endpoint.ends_with("/v3") { endpoint.to_owned() } else { format!("{endpoint}/v3") };
        let json_type = headers(&[(header::CONTENT_TYPE, "application/json")])?;
        let url = format!("{endpoint}/auth/tokens");
        let answer = api.send(Method::POST, &url, &json_type, login.question().to_string()).await?.ok()?;
        let token = answer.header("x-subject-token").ok_or("the answer has no token")?;
        let headers = headers(&[(HeaderName::from_static("x-auth-token"), token)])?;
        Ok(Session { headers, catalog: items(&answer.json()?, "/token/catalog").to_vec() })
    }

    /// Where a service of the region is.
    fn endpoint(&self, session: &Session, kind: &str) -> Result<String, String> {
        let services = session.catalog.iter().filter(|service| text(service, "/type") == kind);
        let mut endpoints = services.flat_map(|service| items(service, "/endpoints"));
        let found = endpoints.find(|endpoint| {
            let here = [text(endpoint, "/region"), text(endpoint, "/region_id")].contains(&self.region);
            here && text(endpoint, "/interface") == self.availability
        });
        let missing =
            || format!("could not create OpenStack {kind} session: no suitable endpoint could be found");
        Ok(text(found.ok_or_else(missing)?, "/url").trim_end_matches('/').to_owned())
    }

    async fn all(&self, api: &Api, session: &Session, url: String, name: &str) -> Result<Vec<Value>, String> {
        let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
        let (mut url, mut all) = (url, Vec::new());
        for _ in 0..PAGES_MAX {
            let answer = api.json_with(&url, &session.headers).await?;
            all.extend_from_slice(items(&answer, &format!("/{name}")));
            let mut links = items(&answer, &format!("/{name}_links")).iter();
            let next = links.find(|link| text(link, "/rel") == "next");
            match next.map(|link| text(link, "/href")) {
                // The token is for this server only.
                Some(next) if next.starts_with(&format!("{origin}/")) => url = next,
                _ => break,
            }
        }
        Ok(all)
    }

    async fn floating_ips(&self, api: &Api, session: &Session) -> Result<Vec<Value>, String> {
        let network = self.endpoint(session, "network")?;
        self.all(api, session, format!("{network}/v2.0/floatingips"), "floatingips").await
    }

    async fn instances(&self, api: &Api, session: &Session) -> Result<Vec<Labels>, String> {
        let compute = self.endpoint(session, "compute")?;
        let network = self.endpoint(session, "network")?;
        let ports = self.all(api, session, format!("{network}/v2.0/ports"), "ports").await?;
        let devices: HashMap<String, String> =
            ports.iter().map(|port| (text(port, "/id"), text(port, "/device_id"))).collect();
        let mut floating: HashMap<(String, String, String), String> = HashMap::new();
        for ip in self.floating_ips(api, session).await? {
            let fixed = text(&ip, "/fixed_ip_address");
            if let (Some(device), false) = (devices.get(&text(&ip, "/port_id")), fixed.is_empty()) {
                let key = (text(&ip, "/tenant_id"), device.clone(), fixed);
                floating.insert(key, text(&ip, "/floating_ip_address"));
            }
        }
        let taken: HashSet<String> = floating.values().cloned().collect();
        let parameters = if self.all_tenants { "?all_tenants=true" } else { "" };
        let servers =
            self.all(api, session, format!("{compute}/servers/detail{parameters}"), "servers").await?;
        let mut targets = Vec::new();
        for server in &servers {
            let flavor = ["/flavor/original_name", "/flavor/id"].map(|pointer| text(server, pointer));
            let Some(flavor) = flavor.iter().find(|flavor| !flavor.is_empty()) else { continue };
            let (tenant, id) = (text(server, "/tenant_id"), text(server, "/id"));
            let mut common = Target::new(PREFIX, "");
            common.set("instance_flavor", flavor);
            common.take(
                server,
                &[
                    ("instance_id", "/id"),
                    ("instance_status", "/status"),
                    ("instance_name", "/name"),
                    ("instance_image", "/image/id"),
                    ("project_id", "/tenant_id"),
                    ("user_id", "/user_id"),
                ],
            );
            common.map("tag_", server.get("metadata"));
            for (pool, addresses) in entries(server, "/addresses") {
                let addresses = items(addresses, "").iter().map(|address| text(address, "/addr"));
                for address in addresses.filter(|address| !address.is_empty() && !taken.contains(address)) {
                    let mut target = common.clone();
                    target.plain("__address__", at(&address, self.port));
                    target.set("address_pool", pool).set("private_ip", &address);
                    if let Some(public) = floating.get(&(tenant.clone(), id.clone(), address)) {
                        target.set("public_ip", public);
                    }
                    targets.push(target.labels());
                }
            }
        }
        Ok(targets)
    }

    async fn hypervisors(&self, api: &Api, session: &Session) -> Result<Vec<Labels>, String> {
        let compute = self.endpoint(session, "compute")?;
        let all = self.all(api, session, format!("{compute}/os-hypervisors/detail"), "hypervisors").await?;
        let targets = all.iter().map(|hypervisor| {
            let mut target = Target::new(PREFIX, at(&text(hypervisor, "/host_ip"), self.port));
            target.take(
                hypervisor,
                &[
                    ("hypervisor_id", "/id"),
                    ("hypervisor_host_ip", "/host_ip"),
                    ("hypervisor_hostname", "/hypervisor_hostname"),
                    ("hypervisor_status", "/status"),
                    ("hypervisor_state", "/state"),
                    ("hypervisor_type", "/hypervisor_type"),
                ],
            );
            target.labels()
        });
        Ok(targets.collect())
    }

    /// Load balancers that offer their own metrics.
    async fn load_balancers(&self, api: &Api, session: &Session) -> Result<Vec<Labels>, String> {
        let service = self.endpoint(session, "load-balancer")?;
        let path = |what: &str| format!("{service}/v2.0/lbaas/{what}");
        let balancers = self.all(api, session, path("loadbalancers"), "loadbalancers").await?;
        let listeners = self.all(api, session, path("listeners"), "listeners").await?;
        let floating: HashMap<String, String> = self
            .floating_ips(api, session)
            .await?
            .iter()
            .map(|ip| (text(ip, "/port_id"), text(ip, "/floating_ip_address")))
            .filter(|(port, _)| !port.is_empty())
            .collect();
        let targets = balancers.iter().filter_map(|balancer| {
            let id = text(balancer, "/id");
            let listener = listeners.iter().find(|listener| {
                text(listener, "/protocol") == "PROMETHEUS"
                    && items(listener, "/loadbalancers").iter().any(|one| text(one, "/id") == id)
            })?;
            let port = listener.pointer("/protocol_port").and_then(Value::as_u64)?;
            let mut target = Target::new(PREFIX, at(&text(balancer, "/vip_address"), port));
            target.take(
                balancer,
                &[
                    ("loadbalancer_id", "/id"),
                    ("loadbalancer_name", "/name"),
                    ("loadbalancer_operating_status", "/operating_status"),
                    ("loadbalancer_provisioning_status", "/provisioning_status"),
                    ("loadbalancer_availability_zone", "/availability_zone"),
                    ("loadbalancer_vip", "/vip_address"),
                    ("loadbalancer_provider", "/provider"),
                    ("project_id", "/project_id"),
                ],
            );
            target.set_some("loadbalancer_tags", texts(balancer, "/tags").join(","));
            let floating = floating.get(&text(balancer, "/vip_port_id"));
            target.set_some("loadbalancer_floating_ip", floating.cloned().unwrap_or_default());
            Some(target.labels())
        });
        Ok(targets.collect())
    }
}
