//! Network devices: `/proc/net/dev` and `/sys/class/net`.

use super::{HostPage, HostPaths, number};

/// The columns of `/proc/net/dev`.
const RECEIVE: [&str; 8] = ["bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast"];
const TRANSMIT: [&str; 8] = ["bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed"];

pub(super) fn netdev(text: &str, page: &mut HostPage) -> Option<()> {
    let mut found = None;
    for line in text.lines() {
        let Some((device, rest)) = line.rsplit_once(':') else { continue };
        let device = device.trim();
        let values: Vec<f64> = rest.split_ascii_whitespace().map(number).collect();
        if device.is_empty() || device.contains('|') || values.len() < 16 {
            continue;
        }
        let columns = RECEIVE.iter().map(|c| ("receive", c)).chain(TRANSMIT.iter().map(|c| ("transmit", c)));
        for ((direction, column), value) in columns.zip(values) {
            let name = format!("node_network_{direction}_{column}_total");
            page.add(&name, "counter", "Network device statistic.", &[("device", device)], value);
        }
        found = Some(());
    }
    found
}

/// Numbers of a device in `/sys`: file, metric.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("carrier", "node_network_carrier"),
    ("dormant", "node_network_dormant"),
    ("ifindex", "node_network_iface_id"),
    ("mtu", "node_network_mtu_bytes"),
    ("tx_queue_len", "node_network_transmit_queue_length"),
];

pub(super) fn netclass(paths: &HostPaths, page: &mut HostPage) -> Option<()> {
    let entries = std::fs::read_dir(paths.sys.join("class/net")).ok()?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    for device in names {
        let attribute = |file: &str| paths.sys(&format!("class/net/{device}/{file}"));
        let labels = [("device", device.as_str())];
        for (file, metric) in ATTRIBUTES {
            // A device that is down has no carrier to tell of.
            if let Some(value) = attribute(file).filter(|text| !text.is_empty()) {
                page.add(metric, "gauge", "Network device property.", &labels, number(&value));
            }
        }
        if let Some(dropped) = attribute("statistics/rx_nohandler") {
            let name = "node_network_receive_nohandler_total";
            page.add(name, "counter", "Network device statistic.", &labels, number(&dropped));
        }
        let state = attribute("operstate").unwrap_or_default();
        let up = f64::from(u8::from(state == "up"));
        page.add("node_network_up", "gauge", "Value is 1 if operstate is 'up', 0 otherwise.", &labels, up);
        if let Some(speed) = attribute("speed").and_then(|text| text.parse::<f64>().ok()) {
            let bytes = speed * 1e6 / 8.0;
            page.add("node_network_speed_bytes", "gauge", "Network device property.", &labels, bytes);
        }
        let (address, broadcast) =
            (attribute("address").unwrap_or_default(), attribute("broadcast").unwrap_or_default());
        let (duplex, alias) =
            (attribute("duplex").unwrap_or_default(), attribute("ifalias").unwrap_or_default());
        let admin = attribute("flags").and_then(|f| u32::from_str_radix(f.trim_start_matches("0x"), 16).ok());
        let admin = if admin.unwrap_or(0) & 1 == 1 { "up" } else { "down" };
        let info = [
            ("device", device.as_str()),
            ("address", &address),
            ("broadcast", &broadcast),
            ("duplex", &duplex),
            ("operstate", &state),
            ("adminstate", admin),
            ("ifalias", &alias),
        ];
        page.add("node_network_info", "gauge", "Non-numeric data of /sys/class/net/<iface>.", &info, 1.0);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_their_names() {
        let mut page = HostPage::default();
        let text = "Inter-|   Receive  |  Transmit\n face |bytes |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        netdev(text, &mut page).unwrap();
        let mut out = String::new();
        page.render(&mut out);
        for sample in [
            "node_network_receive_bytes_total{device=\"eth0\"} 1",
            "node_network_receive_multicast_total{device=\"eth0\"} 8",
            "node_network_transmit_bytes_total{device=\"eth0\"} 9",
            "node_network_transmit_carrier_total{device=\"eth0\"} 15",
        ] {
            assert!(out.lines().any(|l| l == sample), "{sample} in {out}");
        }
        assert_eq!(out.lines().filter(|l| !l.starts_with('#')).count(), 16);
    }
}
