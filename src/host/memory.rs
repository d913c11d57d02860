//! `/proc/meminfo` and `/proc/vmstat`.

use super::page::sanitize;
use super::{HostPage, number};

pub(super) fn meminfo(text: &str, page: &mut HostPage) -> Option<()> {
    let mut found = None;
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let mut fields = rest.split_ascii_whitespace();
        let (Some(value), unit) = (fields.next(), fields.next()) else { continue };
        // `Active(anon)` is `Active_anon`.
        let name = sanitize(&name.replace(')', "").replace('(', "_"));
        let (suffix, factor) = if unit == Some("kB") { ("_bytes", 1024.0) } else { ("", 1.0) };
        page.gauge(
            &format!("node_memory_{name}{suffix}"),
            "Memory information field.",
            number(value) * factor,
        );
        found = Some(());
    }
    found
}

/// Fields that node-exporter shows unless told otherwise.
fn shown(name: &str) -> bool {
    name.starts_with("oom_kill")
        || ["pgpg", "pswp"].iter().any(|prefix| name.starts_with(prefix))
        || (name.starts_with("pg") && name.contains("fault"))
}

pub(super) fn vmstat(text: &str, page: &mut HostPage) -> Option<()> {
    let mut found = None;
    for line in text.lines() {
        if let Some((name, value)) = line.split_once(' ')
            && shown(name)
        {
            let name = format!("node_vmstat_{}", sanitize(name));
            page.add(&name, "untyped", "/proc/vmstat information field.", &[], number(value.trim()));
            found = Some(());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilobytes_become_bytes_and_counts_stay() {
        let mut page = HostPage::default();
        meminfo("MemTotal:  2 kB\nActive(anon): 3 kB\nHugePages_Total:   4\n", &mut page).unwrap();
        vmstat("nr_free_pages 1\noom_kill 2\npgpgin 3\npgmajfault 4\npswpout 5\npgfree 6\n", &mut page)
            .unwrap();
        let mut out = String::new();
        page.render(&mut out);
        let samples: Vec<&str> = out.lines().filter(|l| !l.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_memory_Active_anon_bytes 3072",
                "node_memory_HugePages_Total 4",
                "node_memory_MemTotal_bytes 2048",
                "node_vmstat_oom_kill 2",
                "node_vmstat_pgmajfault 4",
                "node_vmstat_pgpgin 3",
                "node_vmstat_pswpout 5",
            ]
        );
    }
}
