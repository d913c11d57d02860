//! `sigv4`: requests signed as Amazon wants them.

use super::decode::{Decoder, Fields};
use super::secret::Secret;
use super::yaml::Node;
use serde_json::{Map, Value, json};

/// `sigv4`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SigV4 {
    /// Where the service is; from the environment when empty.
    pub region: String,
    /// Who signs; from the environment when empty.
    pub access_key: String,
    /// With what.
    pub secret_key: Secret,
    /// The profile of the credentials.
    pub profile: String,
    /// The role to take on.
    pub role_arn: String,
    /// What the role's owner wants to hear.
    pub external_id: String,
    /// Ask for the role where FIPS is obeyed.
    pub use_fips_sts_endpoint: bool,
    /// The service that is spoken to; that for Prometheus when empty.
    pub service_name: String,
}

impl SigV4 {
    /// Decodes the section.
    pub fn decode(decoder: &mut Decoder, node: &Node) -> Self {
        let mut fields = Fields::of(decoder, node, "sigv4.plain");
        let own = Self {
            region: fields.string("region", ""),
            access_key: fields.string("access_key", ""),
            secret_key: Secret::new(fields.string("secret_key", "")),
            profile: fields.string("profile", ""),
            role_arn: fields.string("role_arn", ""),
            external_id: fields.string("external_id", ""),
            use_fips_sts_endpoint: fields.bool("use_fips_sts_endpoint").unwrap_or(false),
            service_name: fields.string("service_name", ""),
        };
        if own.access_key.is_empty() != own.secret_key.is_empty() {
            fields.fault(
                "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
            );
        }
        if !own.external_id.is_empty() && own.role_arn.is_empty() {
            fields.fault("external_id can only be used with role_arn");
        }
        fields.finish();
        own
    }

    /// As `status/config` shows it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut out = Map::new();
        let texts = [
            ("region", self.region.as_str()),
            ("access_key", &self.access_key),
            ("secret_key", if self.secret_key.is_empty() { "" } else { "<secret>" }),
            ("profile", &self.profile),
            ("role_arn", &self.role_arn),
            ("external_id", &self.external_id),
            ("service_name", &self.service_name),
        ];
        for (name, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
            out.insert((*name).to_owned(), json!(text));
        }
        if self.use_fips_sts_endpoint {
            out.insert("use_fips_sts_endpoint".to_owned(), json!(true));
        }
        out.into()
    }
}
