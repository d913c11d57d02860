//! `azure_sd_configs`: virtual machines of an Azure subscription, alone and in scale sets.

use super::super::api::{headers, query};
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Labels, PAGES_MAX, Target, at, items, text};
use crate::settings::Secret;
use crate::settings::decode::Fields;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// `azure_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "azure", type_name: "azure.plain", decode };

const METHODS: [&str; 4] = ["OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"];
/// A token is renewed this long before it ends.
const AHEAD: Duration = Duration::from_secs(60);
/// Interfaces change seldom, so they are asked for anew only after so many rounds.
const CACHED_ROUNDS: u32 = 10;

/// Which machines.
#[derive(Debug, Clone)]
pub(super) struct AzureSd {
    pub cloud: Cloud,
    pub method: String,
    pub subscription: String,
    pub tenant: String,
    pub client: String,
    pub secret: Secret,
    pub resource_group: String,
    pub port: u64,
    pub every: Duration,
    pub token: Option<(Secret, Instant)>,
    pub interfaces: HashMap<String, (Value, Instant)>,
}

/// Where Azure is.
#[derive(Debug, Clone)]
pub(super) struct Cloud {
    pub login: String,
    pub management: String,
    pub metadata: String,
}

impl Cloud {
    fn named(name: &str) -> Option<Self> {
        let (login, management) = match name.to_uppercase().as_str() {
            "AZURECLOUD" | "AZUREPUBLICCLOUD" | "AZUREGERMANCLOUD" => {
                ("https://login.microsoftonline.com", "https://management.azure.com")
            }
            "AZURECHINACLOUD" => ("https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn"),
            "AZUREUSGOVERNMENT" | "AZUREUSGOVERNMENTCLOUD" => {
                ("https://login.microsoftonline.us", "https://management.usgovcloudapi.net")
            }
            _ => return None,
        };
        let metadata = "http://169.254.169.254".to_owned();
        Some(Self { login: login.to_owned(), management: management.to_owned(), metadata })
    }
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let environment = entry.text("environment", "AzurePublicCloud");
    let cloud = Cloud::named(&environment);
    if cloud.is_none() {
        entry.fault(format!("there is no cloud configuration matching the name {environment:?}"));
    }
    let port = entry.port(80);
    let subscription = entry.required("subscription_id", "azure SD configuration requires a subscription_id");
    let (tenant, client) = (entry.text("tenant_id", ""), entry.text("client_id", ""));
    let secret = entry.secret("client_secret");
    let every_ms = entry.refresh(300_000);
    let method = entry.choice("authentication_method", "OAuth", &METHODS, |method| {
        format!(
            "unknown authentication_type {method:?}. Supported types are \"OAuth\", \"ManagedIdentity\", \"SDK\" or \"WorkloadIdentity\""
        )
    });
    if method == "OAuth" {
        let parts = [
            ("tenant_id", tenant.is_empty()),
            ("client_id", client.is_empty()),
            ("client_secret", secret.is_empty()),
        ];
        for (name, missing) in parts {
            if missing {
                entry.fault(format!("azure SD configuration requires a {name}"));
            }
        }
    }
    let resource_group = entry.text("resource_group", "");
    let http = entry.http();
    let none = || String::new();
    let ask = AzureSd {
        cloud: cloud.unwrap_or(Cloud { login: none(), management: none(), metadata: none() }),
        method,
        subscription,
        tenant,
        client,
        secret,
        resource_group,
        port,
        every: Duration::from_millis(u64::try_from(every_ms).unwrap_or(0)),
        token: None,
        interfaces: HashMap::new(),
    };
    entry.polled("azure", every_ms, http, ask)
}

impl Ask for AzureSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let found = self.machines(api).await;
        if found.is_err() {
            api.metrics.count("azure_failures");
        }
        Ok(vec![TargetGroup::of("", found?)])
    }
}

impl AzureSd {
    async fn machines(&mut self, api: &Api) -> Result<Vec<Labels>, String> {
        let now = Instant::now();
        self.interfaces.retain(|_, (_, until)| *until > now);
        let token = self.token(api).await.map_err(|e| format!("could not create Azure client: {e}"))?;
        let headers = headers(&[(header::AUTHORIZATION, &format!("Bearer {}", token.reveal()))])?;
        let group = match self.resource_group.as_str() {
            "" => String::new(),
            group => format!("/resourceGroups/{group}"),
        };
        let base = format!("/subscriptions/{}{group}/providers/Microsoft.Compute", self.subscription);
        let failed = |what: &str| {
            let what = what.to_owned();
            move |e: String| format!("could not get {what}: {e}")
        };
        let alone = self.all(api, &headers, &format!("{base}/virtualMachines")).await;
        let alone = alone.map_err(failed("virtual machines"))?;
        let mut machines: Vec<(Value, String)> = alone.into_iter().map(|one| (one, String::new())).collect();
        let sets = self.all(api, &headers, &format!("{base}/virtualMachineScaleSets")).await;
        for set in sets.map_err(failed("virtual machine scale sets"))? {
            let path = format!("{}/virtualMachines", text(&set, "/id"));
            let found =
                self.all(api, &headers, &path).await.map_err(failed("virtual machine scale set vms"))?;
            machines.extend(found.into_iter().map(|one| (one, text(&set, "/name"))));
        }
        let mut targets = Vec::new();
        for (machine, set) in &machines {
            let target = self.target(api, &headers, machine, set).await;
            targets.extend(target.map_err(|e| format!("unable to complete Azure service discovery: {e}"))?);
        }
        Ok(targets)
    }

    async fn token(&mut self, api: &Api) -> Result<Secret, String> {
        if let Some((token, ends)) = &self.token
            && *ends > Instant::now() + AHEAD
        {
            return Ok(token.clone());
        }
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let or = |own: &str, name: &str| if own.is_empty() { variable(name) } else { own.to_owned() };
        let federated = variable("AZURE_FEDERATED_TOKEN_FILE");
        let secret = or(self.secret.reveal(), "AZURE_CLIENT_SECRET");
        let answer = match self.method.as_str() {
            "OAuth" => {
                self.login(api, &self.tenant, &self.client, ("client_secret", self.secret.reveal())).await?
            }
            method if method == "WorkloadIdentity" || (method == "SDK" && !federated.is_empty()) => {
                let statement =
                    tokio::fs::read_to_string(&federated).await.map_err(|e| format!("{federated}: {e}"))?;
                let (tenant, client) =
                    (or(&self.tenant, "AZURE_TENANT_ID"), or(&self.client, "AZURE_CLIENT_ID"));
                self.login(api, &tenant, &client, ("client_assertion", statement.trim())).await?
            }
            "SDK" if !secret.is_empty() => {
                let (tenant, client) =
                    (or(&self.tenant, "AZURE_TENANT_ID"), or(&self.client, "AZURE_CLIENT_ID"));
                self.login(api, &tenant, &client, ("client_secret", &secret)).await?
            }
            _ => {
                let resource = format!("{}/", self.cloud.management);
                let parameters = query(&[
                    ("api-version", "2018-02-01"),
                    ("resource", &resource),
                    ("client_id", &self.client),
                ]);
                let url = format!("{}/metadata/identity/oauth2/token?{parameters}", self.cloud.metadata);
                api.json_with(&url, &headers(&[(HeaderName::from_static("metadata"), "true")])?).await?
            }
        };
        let token = text(&answer, "/access_token");
        if token.is_empty() {
            return Err("the answer has no token".to_owned());
        }
        let lasts = text(&answer, "/expires_in").parse::<u64>().unwrap_or_default().min(86_400);
        let token = (Secret::new(token), Instant::now() + Duration::from_secs(lasts));
        Ok(self.token.insert(token).0.clone())
    }

    async fn login(
        &self,
        api: &Api,
        tenant: &str,
        client: &str,
        proof: (&str, &str),
    ) -> Result<Value, String> {
        let scope = format!("{}/.default", self.cloud.management);
        let mut form =
            vec![("grant_type", "client_credentials"), ("client_id", client), ("scope", &scope), proof];
        if proof.0 == "client_assertion" {
            form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        }
        let headers = headers(&[(header::CONTENT_TYPE, "application/x-www-form-urlencoded")])?;
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.cloud.login);
        api.send(Method::POST, &url, &headers, query(&form)).await?.ok()?.json()
    }

    async fn all(&self, api: &Api, headers: &HeaderMap, path: &str) -> Result<Vec<Value>, String> {
        let mut url = format!("{}{path}?api-version=2023-09-01", self.cloud.management);
        let mut all = Vec::new();
        for _ in 0..PAGES_MAX {
            let answer = api.json_with(&url, headers).await?;
            all.extend_from_slice(items(&answer, "/value"));
            url = text(&answer, "/nextLink");
            // The token is for this server only.
            if !url.starts_with(&format!("{}/", self.cloud.management)) {
                break;
            }
        }
        Ok(all)
    }

    async fn target(
        &mut self,
        api: &Api,
        headers: &HeaderMap,
        machine: &Value,
        set: &str,
    ) -> Result<Option<Labels>, String> {
        let mut target = Target::new("__meta_azure_", "");
        target.set("subscription_id", &self.subscription).set("tenant_id", &self.tenant);
        let id = text(machine, "/id");
        target.set("machine_resource_group", resource_group(&id));
        target.take(
            machine,
            &[
                ("machine_id", "/id"),
                ("machine_name", "/name"),
                ("machine_computer_name", "/properties/osProfile/computerName"),
                ("machine_os_type", "/properties/storageProfile/osDisk/osType"),
                ("machine_location", "/location"),
                ("machine_size", "/properties/hardwareProfile/vmSize"),
            ],
        );
        target.set_some("machine_scale_set", set);
        target.map("machine_tag_", machine.get("tags"));
        for interface in items(machine, "/properties/networkProfile/networkInterfaces") {
            let Some(interface) = self.interface(api, headers, &text(interface, "/id")).await? else {
                return Ok(None);
            };
            match interface.pointer("/properties/primary") {
                Some(Value::Bool(true)) => {}
                Some(_) => continue,
                // A machine that is switched off has none.
                None => return Ok(None),
            }
            let Some(address) = items(&interface, "/properties/ipConfigurations").first() else { continue };
            target.set_some(
                "machine_public_ip",
                text(address, "/properties/publicIPAddress/properties/ipAddress"),
            );
            let private = text(address, "/properties/privateIPAddress");
            if private.is_empty() {
                return Err(format!("unable to find a private IP for VM {}", text(machine, "/name")));
            }
            target.plain("__address__", at(&private, self.port)).set("machine_private_ip", private);
            return Ok(Some(target.labels()));
        }
        Ok(None)
    }

    /// An interface; `None` if it has gone.
    async fn interface(&mut self, api: &Api, headers: &HeaderMap, id: &str) -> Result<Option<Value>, String> {
        if let Some((interface, _)) = self.interfaces.get(id) {
            api.metrics.count("azure_cache_hit");
            return Ok(Some(interface.clone()));
        }
        // The interfaces of scale sets are told by an older part of the API.
        let version =
            if id.to_lowercase().contains("/virtualmachinescalesets/") { "2018-10-01" } else { "2023-09-01" };
        let parameters = query(&[("api-version", version), ("$expand", "ipConfigurations/publicIPAddress")]);
        let answer = api.get(&format!("{}{id}?{parameters}", self.cloud.management), headers).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let interface = answer.ok()?.json()?;
        let until =
            Instant::now() + self.every.saturating_mul(CACHED_ROUNDS).min(Duration::from_secs(86_400));
        self.interfaces.insert(id.to_owned(), (interface.clone(), until));
        Ok(Some(interface))
    }
}

/// The name after `resourceGroups` in an id.
fn resource_group(id: &str) -> String {
    let mut parts = id.split('/');
    parts.find(|part| part.eq_ignore_ascii_case("resourceGroups"));
    parts.next().unwrap_or_default().to_owned()
}
