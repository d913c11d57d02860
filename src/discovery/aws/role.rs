//! `aws_sd_configs`: one of Amazon's services, as the role says.

use super::super::{Mechanism, Provider};
use super::{ec2, ecs, elasticache, lightsail, msk, rds};
use crate::settings::decode::Fields;
use narthex_storage::labels::quote;
use std::path::Path;
use std::sync::Arc;

/// `aws_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "aws", type_name: "aws.SDConfig", decode };

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let role = fields.string("role", "");
    match role.as_str() {
        "ecs" => return ecs::decode_as(fields, dir, &role),
        "elasticache" => return elasticache::decode_as(fields, dir, &role),
        "lightsail" => return lightsail::decode_as(fields, dir, Some(&role)),
        "msk" => return msk::decode_as(fields, dir, &role),
        "rds" => return rds::decode_as(fields, dir, &role),
        "ec2" => {}
        _ => fields.fault(format!("unknown AWS SD role {}", quote(&role))),
    }
    ec2::decode_as(fields, dir, Some(&role))
}
