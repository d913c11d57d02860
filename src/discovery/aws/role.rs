//! `aws_sd_configs`: EC2 or Lightsail, as the role says.

use super::super::{Mechanism, Provider};
use super::{ec2, lightsail};
use crate::settings::decode::Fields;
use narthex_storage::labels::quote;
use std::path::Path;
use std::sync::Arc;

/// `aws_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "aws", type_name: "aws.SDConfig", decode };

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let role = fields.string("role", "");
    match role.as_str() {
        "lightsail" => return lightsail::decode_as(fields, dir, Some(&role)),
        "ec2" => {}
        "ecs" | "msk" | "elasticache" | "rds" => {
            fields.fault(format!(
                "aws_sd_configs: role {} is not served, only ec2 and lightsail",
                quote(&role)
            ));
            fields.take_all(|name| ["clusters", "request_concurrency"].contains(&name));
        }
        _ => fields.fault(format!("unknown AWS SD role {}", quote(&role))),
    }
    ec2::decode_as(fields, dir, Some(&role))
}
