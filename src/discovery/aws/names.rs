//! Which fields of answers become labels: their names in snake case, but for those that say their label themselves.

use super::super::target::{Target, text};
use serde_json::Value;

/// Fields of an object: the way to each, and behind a blank the label, where it is not the way in snake case.
type Fields = &'static [&'static str];

/// Sets a label for each field that is there.
pub(super) fn field_labels(target: &mut Target, prefix: &str, object: &Value, fields: Fields) {
    for field in fields {
        let (way, label) = field.split_once(' ').unwrap_or((field, ""));
        let label = if label.is_empty() { snake(way) } else { label.to_owned() };
        let value = text(object, &format!("/{way}"));
        let value = if label.ends_with("_time") { whole_seconds(value) } else { value };
        target.set_some(&format!("{prefix}{label}"), value);
    }
}

/// A time without parts of a second, as Prometheus shows it; what is none stays as it is.
fn whole_seconds(text: String) -> String {
    match text.parse::<jiff::Timestamp>().and_then(|time| jiff::Timestamp::from_second(time.as_second())) {
        Ok(time) => time.to_string(),
        Err(_) => text,
    }
}

/// `IAMDatabaseName/Id` is `iam_database_name_id`.
fn snake(way: &str) -> String {
    let mut out = String::new();
    let (mut before, mut rest) = (None::<char>, way.chars().peekable());
    while let Some(c) = rest.next() {
        if c == '/' {
            out.push('_');
            before = None;
            continue;
        }
        let begins = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                let last_of_many = rest.peek().is_some_and(char::is_ascii_lowercase);
                !before.is_ascii_uppercase() || last_of_many
            });
        if begins {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        before = Some(c);
    }
    out
}

/// Those of a cluster of databases.
pub(super) const RDS_CLUSTER: Fields = &[
    "ActivityStreamKinesisStreamName",
    "ActivityStreamKmsKeyId",
    "ActivityStreamMode",
    "ActivityStreamStatus",
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "AutomaticRestartTime",
    "AwsBackupRecoveryPointArn",
    "BacktrackConsumedChangeRecords",
    "BacktrackWindow",
    "BackupRetentionPeriod",
    "Capacity",
    "CharacterSetName",
    "CloneGroupId",
    "ClusterCreateTime",
    "ClusterScalabilityType",
    "CopyTagsToSnapshot",
    "CrossAccountClone",
    "DBClusterArn arn",
    "DBClusterIdentifier identifier",
    "DBClusterInstanceClass instance_class",
    "DBClusterParameterGroup parameter_group",
    "DBSubnetGroup subnet_group",
    "DBSystemId",
    "DatabaseInsightsMode",
    "DatabaseName",
    "DbClusterResourceId resource_id",
    "DeletionProtection",
    "EarliestBacktrackTime",
    "EarliestRestorableTime",
    "Endpoint",
    "Engine",
    "EngineLifecycleSupport",
    "EngineMode",
    "EngineVersion",
    "GlobalClusterIdentifier",
    "GlobalWriteForwardingRequested",
    "GlobalWriteForwardingStatus",
    "HostedZoneId",
    "HttpEndpointEnabled",
    "IAMDatabaseAuthenticationEnabled",
    "IOOptimizedNextAllowedModificationTime",
    "Iops",
    "KmsKeyId",
    "LatestRestorableTime",
    "LocalWriteForwardingStatus",
    "MasterUsername",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "MultiAZ",
    "NetworkType",
    "PercentProgress",
    "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "Port",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "PubliclyAccessible",
    "ReaderEndpoint",
    "ReplicationSourceIdentifier",
    "ServerlessV2PlatformVersion",
    "Status",
    "StorageEncrypted",
    "StorageEncryptionType",
    "StorageThroughput",
    "StorageType",
    "UpgradeRolloutOrder",
];

/// Those of an instance of a database.
pub(super) const RDS_INSTANCE: Fields = &[
    "ActivityStreamEngineNativeAuditFieldsIncluded",
    "ActivityStreamKinesisStreamName",
    "ActivityStreamKmsKeyId",
    "ActivityStreamMode",
    "ActivityStreamPolicyStatus",
    "ActivityStreamStatus",
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "AutomaticRestartTime",
    "AutomationMode",
    "AvailabilityZone",
    "AwsBackupRecoveryPointArn",
    "BackupRetentionPeriod",
    "BackupTarget",
    "CACertificateIdentifier",
    "CharacterSetName",
    "CopyTagsToSnapshot",
    "CustomIamInstanceProfile",
    "CustomerOwnedIpEnabled",
    "DBClusterIdentifier",
    "DBInstanceArn arn",
    "DBInstanceClass class",
    "DBInstanceIdentifier identifier",
    "DBInstanceStatus status",
    "DBName",
    "DBSubnetGroup/DBSubnetGroupName subnet_group",
    "DBSystemId",
    "DatabaseInsightsMode",
    "DbInstancePort port",
    "DbiResourceId resource_id",
    "DedicatedLogVolume",
    "DeletionProtection",
    "Endpoint/Address",
    "Endpoint/HostedZoneId",
    "Endpoint/Port",
    "Engine",
    "EngineLifecycleSupport",
    "EngineVersion",
    "EnhancedMonitoringResourceArn",
    "IAMDatabaseAuthenticationEnabled",
    "InstanceCreateTime",
    "Iops",
    "IsStorageConfigUpgradeAvailable",
    "KmsKeyId",
    "LatestRestorableTime",
    "LicenseModel",
    "ListenerEndpoint/Address",
    "ListenerEndpoint/HostedZoneId",
    "ListenerEndpoint/Port",
    "MasterUsername",
    "MaxAllocatedStorage",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "MultiAZ",
    "MultiTenant",
    "NcharCharacterSetName",
    "NetworkType",
    "PercentProgress",
    "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "PromotionTier",
    "PubliclyAccessible",
    "ReadReplicaSourceDBClusterIdentifier",
    "ReadReplicaSourceDBInstanceIdentifier",
    "ReplicaMode",
    "ResumeFullAutomationModeTime",
    "SecondaryAvailabilityZone",
    "StorageEncrypted",
    "StorageEncryptionType",
    "StorageThroughput",
    "StorageType",
    "StorageVolumeStatus",
    "TdeCredentialArn",
    "Timezone",
    "UpgradeRolloutOrder",
];

/// Those of a cache without nodes.
pub(super) const SERVERLESS: Fields = &[
    "ARN",
    "ServerlessCacheName name",
    "CreateTime",
    "Description",
    "Engine",
    "FullEngineVersion",
    "MajorEngineVersion",
    "Status",
    "KmsKeyId",
    "UserGroupId",
    "DailySnapshotTime daily_snapshot_time",
    "SnapshotRetentionLimit",
    "Endpoint/Address",
    "Endpoint/Port",
    "ReaderEndpoint/Address endpoint_reader_address",
    "ReaderEndpoint/Port endpoint_reader_port",
    // Prometheus writes the last word of these without a `_` before it.
    "CacheUsageLimits/DataStorage/Maximum cache_usage_limit_data_storagemaximum",
    "CacheUsageLimits/DataStorage/Minimum cache_usage_limit_data_storageminimum",
    "CacheUsageLimits/DataStorage/Unit cache_usage_limit_data_storageunit",
    "CacheUsageLimits/ECPUPerSecond/Maximum cache_usage_limit_ecpu_per_secondmaximum",
    "CacheUsageLimits/ECPUPerSecond/Minimum cache_usage_limit_ecpu_per_secondminimum",
];

/// Those of a cluster of caches.
pub(super) const CACHE_CLUSTER: Fields = &[
    "ARN",
    "AtRestEncryptionEnabled",
    "AuthTokenEnabled",
    "AuthTokenLastModifiedDate auth_token_last_modified",
    "AutoMinorVersionUpgrade",
    "CacheClusterCreateTime",
    "CacheClusterId",
    "CacheClusterStatus",
    "CacheNodeType",
    "CacheParameterGroup/CacheParameterGroupName cache_parameter_group",
    "CacheSubnetGroupName",
    "ClientDownloadLandingPage",
    "ConfigurationEndpoint/Address",
    "ConfigurationEndpoint/Port",
    "Engine",
    "EngineVersion",
    "IpDiscovery",
    "NetworkType",
    "NotificationConfiguration/TopicArn notification_topic_arn",
    "NotificationConfiguration/TopicStatus notification_topic_status",
    "NumCacheNodes",
    "PendingModifiedValues/AuthTokenStatus",
    "PendingModifiedValues/CacheNodeType",
    "PendingModifiedValues/EngineVersion",
    "PendingModifiedValues/NumCacheNodes",
    "PendingModifiedValues/TransitEncryptionEnabled",
    "PendingModifiedValues/TransitEncryptionMode",
    "PreferredAvailabilityZone",
    "PreferredMaintenanceWindow",
    "PreferredOutpostArn",
    "ReplicationGroupId",
    "ReplicationGroupLogDeliveryEnabled",
    "SnapshotRetentionLimit",
    "SnapshotWindow",
    "TransitEncryptionEnabled",
    "TransitEncryptionMode",
];

/// A list within a cluster of caches: its name, that of its members, what their labels begin with, and the fields of a
/// member with their labels.
type List = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The lists whose members get numbered labels.
pub(super) const CACHE_CLUSTER_LISTS: &[List] = &[
    (
        "LogDeliveryConfigurations",
        "LogDeliveryConfiguration",
        "log_delivery_configuration",
        &[
            ("DestinationType", "destination_type"),
            ("LogFormat", "log_format"),
            ("LogType", "log_type"),
            ("Status", "status"),
            ("Message", "message"),
            ("DestinationDetails/CloudWatchLogsDetails/LogGroup", "log_group"),
            ("DestinationDetails/KinesisFirehoseDetails/DeliveryStream", "delivery_stream"),
        ],
    ),
    (
        "SecurityGroups",
        "member",
        "security_group_membership",
        &[("SecurityGroupId", "id"), ("Status", "status")],
    ),
];

/// Those of a node of a cluster of caches.
pub(super) const CACHE_NODE: Fields = &[
    "CacheNodeId id",
    "CacheNodeStatus status",
    "CacheNodeCreateTime create_time",
    "CustomerAvailabilityZone availability_zone",
    "CustomerOutpostArn",
    "SourceCacheNodeId",
    "ParameterGroupStatus",
    "Endpoint/Address",
    "Endpoint/Port",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_are_spelled_as_labels() {
        for (way, want) in [
            ("IAMDatabaseAuthenticationEnabled", "iam_database_authentication_enabled"),
            ("ServerlessV2PlatformVersion", "serverless_v2_platform_version"),
            ("PerformanceInsightsKMSKeyId", "performance_insights_kms_key_id"),
            ("MultiAZ", "multi_az"),
            ("ARN", "arn"),
            ("Endpoint/HostedZoneId", "endpoint_hosted_zone_id"),
            ("ReadReplicaSourceDBClusterIdentifier", "read_replica_source_db_cluster_identifier"),
            ("IOOptimizedNextAllowedModificationTime", "io_optimized_next_allowed_modification_time"),
        ] {
            assert_eq!(snake(way), want);
        }
        assert_eq!(whole_seconds("2026-01-02T03:04:05.678Z".to_owned()), "2026-01-02T03:04:05Z");
        assert_eq!(whole_seconds("09:00".to_owned()), "09:00");
    }
}
