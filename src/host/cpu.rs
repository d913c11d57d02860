//! Seconds that each processor spent in each mode: `/proc/stat`.

use super::{HostPage, number};

const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const GUEST: [&str; 2] = ["user", "nice"];

pub(super) fn collect(stat: &str, page: &mut HostPage) -> Option<()> {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let mut found = None;
    for line in stat.lines() {
        let mut fields = line.split_ascii_whitespace();
        let Some(cpu) = fields.next().and_then(|name| name.strip_prefix("cpu")) else { continue };
        // The line without a number is the sum.
        if cpu.is_empty() || !cpu.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let values: Vec<f64> = fields.map(|field| number(field) / ticks).collect();
        for (mode, value) in MODES.iter().zip(&values) {
            let labels = [("cpu", cpu), ("mode", *mode)];
            page.add(
                "node_cpu_seconds_total",
                "counter",
                "Seconds the CPUs spent in each mode.",
                &labels,
                *value,
            );
        }
        for (mode, value) in GUEST.iter().zip(values.iter().skip(MODES.len())) {
            let labels = [("cpu", cpu), ("mode", *mode)];
            page.add(
                "node_cpu_guest_seconds_total",
                "counter",
                "Seconds the CPUs spent in guests (VMs) for each mode.",
                &labels,
                *value,
            );
        }
        found = Some(());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_seconds_of_each_mode() {
        let mut page = HostPage::default();
        collect("cpu  100 0\ncpu0 150 1 2 3 4 5 6 7 8 9\nintr 1\n", &mut page).unwrap();
        let mut out = String::new();
        page.render(&mut out);
        assert!(out.contains("node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 1.5\n"), "{out}");
        assert!(out.contains("node_cpu_seconds_total{cpu=\"0\",mode=\"steal\"} 0.07\n"));
        assert!(out.contains("node_cpu_guest_seconds_total{cpu=\"0\",mode=\"nice\"} 0.09\n"));
        assert_eq!(collect("nothing", &mut page), None);
    }
}
