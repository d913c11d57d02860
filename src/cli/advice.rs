//! What to do about a fault of a configuration: one row per kind of fault.

/// A part of a fault's text, and the advice for it. The first row that fits counts.
const ADVICE: &[(&str, &str)] = &[
    ("already set in type", "keep one of the two"),
    ("job_name is empty", "give the job a name: job_name: NAME"),
    ("found multiple scrape configs", "rename one of the jobs, or merge them"),
    ("scrape timeout greater than scrape interval", "lower scrape_timeout or raise scrape_interval"),
    ("not a valid duration string", "write a number with a unit: 15s, 1m, 1h30m"),
    ("empty duration string", "write a number with a unit: 15s, 1m, 1h30m"),
    ("in duration", "units are y, w, d, h, m, s and ms, the largest first"),
    ("duration out of range", "292 years are the most"),
    ("units: ", "write a number with a unit: 512MB, 1GiB"),
    ("empty or null", "delete the empty entry, or indent what belongs to it"),
    ("unknown scrape protocol", "names are case-sensitive; take one of the supported ones"),
    ("duplicated protocol", "name each protocol once"),
    ("scrape_protocols cannot be empty", "delete the field to get the default protocols"),
    ("error parsing regexp", "put the expression in single quotes and escape special characters with \\"),
    ("requires 'target_label' value", "add target_label: NAME"),
    ("is invalid 'target_label'", "a label name has letters, digits and _, and begins with no digit"),
    ("requires non-zero modulus", "add modulus: NUMBER"),
    ("and no other fields", "delete the other fields of the rule"),
    ("'replacement' can not be set", "delete replacement"),
    (
        "unknown relabel action",
        "actions are replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase and uppercase",
    ),
    ("relabel action cannot be empty", "delete action to get replace, or name one"),
    (
        "is not a valid hostname",
        "write host:port; scheme and path have fields of their own (scheme, metrics_path)",
    ),
    ("is not a valid label name", "a label name must not be empty"),
    ("at most one of", "keep one of them"),
    ("exactly one of", "a client certificate needs both cert_file and key_file"),
    ("use \"basic_auth\" instead", "move user and password to a basic_auth section"),
    ("unknown TLS version", "versions are TLS10, TLS11, TLS12 and TLS13"),
    ("cannot use secret ref", "use the field itself or its _file form"),
    ("setting header", "delete the header: the server sets it"),
    ("invalid rule file path", "only the last element of a path may have *"),
    ("invalid scrape config file path", "only the last element of a path may have *"),
    (
        "is not valid for file discovery",
        "end the path in .json, .yml or .yaml; only its last element may have one *",
    ),
    ("must contain at least one path name", "add files: [PATH]"),
    (
        "does not point to an existing file",
        "create the file or correct the path; relative paths start at the configuration's directory",
    ),
    ("unable to use specified", "the file has to be in PEM form (-----BEGIN …)"),
    ("into bool", "write true or false, without quotes"),
    ("into uint", "write a whole number, without quotes"),
    ("into float64", "write a number, without quotes"),
    ("into []", "make it a list: - ITEM or [ITEM]"),
    ("into string", "write a text on one line, in quotes if it has special characters"),
    ("into config", "make it a section: indent its fields below it"),
    ("into map", "make it a section: NAME: VALUE, indented below"),
    ("could not parse expression", "correct the PromQL expression at the position given"),
    ("must be set in rule", "add expr: EXPRESSION"),
    ("'record' or 'alert' must be set", "add record: NAME or alert: NAME"),
    ("'record' and 'alert' must be set", "make two rules of it"),
    ("in recording rule", "delete the field: only alerts have it"),
    ("is repeated in the same file", "rename one of the groups"),
    ("Groupname must not be empty", "give the group a name: name: NAME"),
    ("open ", "check the path and the permissions"),
    ("yaml: ", "check indentation, quotes and brackets around this line"),
];

/// Fields of every section, for the advice on unknown ones.
const FIELDS: &[&str] = &[
    "alert",
    "alert_relabel_configs",
    "alerting",
    "alertmanagers",
    "always_scrape_classic_histograms",
    "annotations",
    "api_server",
    "attach_metadata",
    "authorization",
    "basic_auth",
    "bearer_token",
    "bearer_token_file",
    "body_size_limit",
    "ca",
    "ca_file",
    "cert",
    "cert_file",
    "consul_sd_configs",
    "convert_classic_histograms_to_nhcb",
    "credentials",
    "credentials_file",
    "dns_sd_configs",
    "ec2_sd_configs",
    "enable_compression",
    "enable_http2",
    "evaluation_interval",
    "expr",
    "external_labels",
    "extra_scrape_metrics",
    "fallback_scrape_protocol",
    "field",
    "file_sd_configs",
    "files",
    "follow_redirects",
    "for",
    "global",
    "groups",
    "honor_labels",
    "honor_timestamps",
    "http_headers",
    "http_sd_configs",
    "insecure_skip_verify",
    "interval",
    "job_name",
    "keep_dropped_targets",
    "keep_firing_for",
    "key",
    "key_file",
    "kubeconfig_file",
    "kubernetes_sd_configs",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "labels",
    "limit",
    "max_version",
    "metric_name_escaping_scheme",
    "metric_name_validation_scheme",
    "metric_relabel_configs",
    "metrics_path",
    "min_version",
    "modulus",
    "name",
    "namespaces",
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
    "no_proxy",
    "oauth2",
    "otlp",
    "out_of_order_time_window",
    "own_namespace",
    "params",
    "password",
    "password_file",
    "proxy_connect_header",
    "proxy_from_environment",
    "proxy_url",
    "query_log_file",
    "query_offset",
    "record",
    "refresh_interval",
    "regex",
    "relabel_configs",
    "remote_read",
    "remote_write",
    "replacement",
    "retention",
    "role",
    "rule_files",
    "rule_query_offset",
    "rules",
    "runtime",
    "sample_limit",
    "scheme",
    "scrape_config_files",
    "scrape_configs",
    "scrape_failure_log_file",
    "scrape_interval",
    "scrape_native_histograms",
    "scrape_protocols",
    "scrape_timeout",
    "selectors",
    "separator",
    "server_name",
    "size",
    "source_labels",
    "static_configs",
    "storage",
    "target_label",
    "target_limit",
    "targets",
    "time",
    "tls_config",
    "tracing",
    "track_timestamps_staleness",
    "tsdb",
    "url",
    "username",
    "username_file",
    "write_relabel_configs",
];

/// What to do about a fault, if something general can be said.
#[must_use]
pub(super) fn advice(fault: &str) -> Option<String> {
    let unknown = fault.split_once("field ").and_then(|(_, rest)| rest.split_once(" not found in type "));
    if let Some((field, _)) = unknown {
        return Some(match nearest(field) {
            Some(known) if known == field => {
                format!("{known} belongs to another section; check the indentation")
            }
            Some(known) => format!("did you mean {known}?"),
            None => "delete the field, or check the indentation".to_owned(),
        });
    }
    ADVICE.iter().find(|(part, _)| fault.contains(part)).map(|(_, advice)| (*advice).to_owned())
}

/// The known field that is spelt almost like this one.
fn nearest(field: &str) -> Option<&'static str> {
    const LONGEST: usize = 64;
    if field.len() > LONGEST {
        return None;
    }
    let near = FIELDS.iter().map(|known| (edits(field, known), *known));
    near.min().filter(|(edits, known)| *edits * 4 <= known.len()).map(|(_, known)| known)
}

/// Insertions, deletions and replacements between two texts.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let (mut diagonal, mut left) = (i, i + 1);
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let here = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            (diagonal, left) = (*cell, here);
            *cell = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_fields_are_recognised() {
        let table = [
            ("scrape_intervall", "did you mean scrape_interval?"),
            ("relable_configs", "did you mean relabel_configs?"),
            ("job_name", "job_name belongs to another section; check the indentation"),
            ("frobnicate", "delete the field, or check the indentation"),
        ];
        for (field, want) in table {
            let fault = format!("field {field} not found in type config.plain");
            assert_eq!(advice(&fault).as_deref(), Some(want));
        }
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, want) in
            [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(edits(a, b), want, "{a} {b}");
        }
    }
}
