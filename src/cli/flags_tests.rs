//! Command lines: what they mean, and what is said of those that mean nothing.

use super::check::args::Action;
use super::flags::MemoryShare;
use super::{Command, Flags, all_flags, flag_table, parse};
use narthex_storage::WalSync;
use proptest::prelude::*;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn run(line: &[&str]) -> Result<Command, (String, u8)> {
    let arguments = std::iter::once("narthex").chain(line.iter().copied()).map(OsString::from);
    parse(arguments).map_err(|error| (error.message, error.code))
}

fn flags(line: &[&str]) -> Flags {
    match run(line) {
        Ok(Command::Serve(flags)) => *flags,
        other => panic!("{line:?}: {other:?}"),
    }
}

fn pool() -> std::sync::Arc<narthex_promql::MemoryPool> {
    std::sync::Arc::new(narthex_promql::MemoryPool::new(1))
}

#[test]
fn memory_limits_are_sizes_or_shares() {
    let plain = flags(&[]);
    assert_eq!((plain.max_query_bytes, plain.max_total_memory.of(1000)), (Some(2 << 30), 250));
    let set = flags(&["--query.max-memory=0", "--query.max-total-memory=3MB"]);
    assert_eq!((set.max_query_bytes, set.max_total_memory), (None, MemoryShare::Bytes(3 << 20)));
    assert_eq!(set.engine_options(1, pool()).max_bytes, u64::MAX);
    for bad in ["0%", "101%", "x%", "0", "12parsecs", ""] {
        assert!(run(&[&format!("--query.max-total-memory={bad}")]).is_err(), "{bad}");
    }
}

#[test]
fn every_switch_of_the_query_language_reaches_the_engine() {
    let list = "promql-experimental-functions,promql-extended-range-selectors,promql-binop-fill-modifiers,\
                promql-delayed-name-removal,promql-per-step-stats,use-start-timestamps,type-and-unit-labels";
    let (all, none) = (flags(&[&format!("--enable-feature={list}")]), flags(&[]));
    assert!(all.warnings.is_empty() && all.per_step_stats, "{:?}", all.warnings);
    let (all, none) = (all.engine_options(1, pool()), none.engine_options(1, pool()));
    assert!(all.parse.experimental_functions && all.parse.extended_ranges && all.parse.fill_modifiers);
    assert!(none.parse.duration_expressions && !none.parse.fill_modifiers && !none.parse.extended_ranges);
    assert!(all.delayed_name_removal && all.use_start_timestamps && all.type_and_unit_labels);
    assert!(!(none.delayed_name_removal || none.use_start_timestamps || none.type_and_unit_labels));
}

#[test]
fn without_arguments_the_server_stays_on_this_host() {
    let flags = flags(&[]);
    assert!(flags.zero_config());
    assert_eq!(flags.listen_addresses, ["127.0.0.1:9090"]);
    assert_eq!(flags.storage_path, Path::new("data/"));
    assert_eq!((flags.lookback_ms, flags.query_timeout), (300_000, Duration::from_secs(120)));
    assert_eq!((flags.max_concurrency, flags.max_samples, flags.max_connections), (20, 50_000_000, 512));
    assert_eq!((flags.retention_ms, flags.retention_bytes), (None, None));
    assert_eq!((flags.min_block_ms, flags.max_block_ms), (7_200_000, None));
    assert!(matches!(flags.wal_sync, WalSync::Interval(every) if every == Duration::from_millis(100)));
    assert!(flags.warnings.is_empty(), "{:?}", flags.warnings);
}

#[test]
fn the_charts_command_lines_are_understood() {
    let flags = flags(&[
        "--storage.tsdb.retention.time=15d",
        "--config.file=/etc/config/prometheus.yml",
        "--storage.tsdb.path=/data",
        "--web.console.libraries=/etc/prometheus/console_libraries",
        "--web.console.templates=/etc/prometheus/consoles",
        "--web.enable-lifecycle",
        "--no-storage.tsdb.wal-compression",
        "--web.external-url=http://prom.example:80/base/",
    ]);
    assert_eq!(flags.config_file, Some(PathBuf::from("/etc/config/prometheus.yml")));
    assert_eq!(flags.listen_addresses, ["0.0.0.0:9090"]);
    assert_eq!(flags.retention_ms, Some(15 * 86_400_000));
    assert!(flags.enable_lifecycle && !flags.enable_admin_api);
    assert_eq!(
        (flags.external_url.as_str(), flags.route_prefix.as_str()),
        ("http://prom.example:80/base", "/base")
    );
    let named: Vec<bool> = ["web.console.libraries", "web.console.templates", "storage.tsdb.wal-compression"]
        .iter()
        .map(|name| flags.warnings.iter().any(|w| w.starts_with(&format!("flag --{name} has no effect: "))))
        .collect();
    assert_eq!((named, flags.warnings.len()), (vec![true; 3], 3));
}

#[test]
fn the_lengths_of_blocks_can_be_set() {
    let set = flags(&["--storage.tsdb.min-block-duration=30m", "--storage.tsdb.max-block-duration=1d"]);
    assert_eq!((set.min_block_ms, set.max_block_ms), (1_800_000, Some(86_400_000)));
    assert!(set.warnings.is_empty(), "{:?}", set.warnings);
}

#[test]
fn both_spellings_of_a_value_mean_the_same() {
    let one = flags(&["--query.timeout=30s", "--log.level=debug", "--web.listen-address=:1"]);
    let two = flags(&["--query.timeout", "30s", "--log.level", "debug", "--web.listen-address", ":1"]);
    assert_eq!(all_flags(&one), all_flags(&two));
    assert_eq!((one.query_timeout, one.log_level.as_str()), (Duration::from_secs(30), "debug"));
}

#[test]
fn repeated_flags_are_lists() {
    let flags = flags(&[
        "--web.listen-address=127.0.0.1:1",
        "--web.listen-address=[::1]:2",
        "--enable-feature=promql-experimental-functions,nonsense",
        "--enable-feature=exemplar-storage,search-api",
    ]);
    assert_eq!(flags.listen_addresses, ["127.0.0.1:1", "[::1]:2"]);
    assert!(flags.parse.experimental_functions && !flags.delayed_name_removal);
    assert!(flags.engine_options(1, pool()).parse.experimental_functions);
    assert_eq!(
        flags.warnings,
        ["Unknown option for --enable-feature: nonsense", "feature search-api has no effect: not served yet"]
    );
    let shown = all_flags(&flags);
    assert_eq!(shown["web.listen-address"], "127.0.0.1:1,[::1]:2");
    assert_eq!(shown["enable-feature"], "promql-experimental-functions,nonsense,exemplar-storage,search-api");
}

#[test]
fn the_route_prefix_follows_the_external_url_unless_it_is_given() {
    let table = [
        (&["--web.external-url=http://h/a/b/"][..], "http://h/a/b", "/a/b"),
        (&["--web.external-url=http://h/a", "--web.route-prefix=/"], "http://h/a", ""),
        (&["--web.external-url=http://h", "--web.route-prefix=x/"], "http://h", "/x"),
        (&["--web.external-url=/sub"], "/sub", "/sub"),
        (&["--web.external-url=sub/"], "/sub", "/sub"),
    ];
    for (line, url, prefix) in table {
        let flags = flags(line);
        assert_eq!((flags.external_url.as_str(), flags.route_prefix.as_str()), (url, prefix), "{line:?}");
        let shown = if prefix.is_empty() { "/" } else { prefix };
        assert_eq!(all_flags(&flags)["web.route-prefix"], shown);
    }
    assert!(flags(&["--web.listen-address=:81"]).external_url.ends_with(":81"));
}

#[test]
fn the_log_is_synced_as_asked() {
    assert!(matches!(flags(&["--storage.wal.sync=always"]).wal_sync, WalSync::Always));
    assert!(matches!(flags(&["--storage.wal.sync=never"]).wal_sync, WalSync::Never));
    let every = flags(&["--storage.wal.sync=interval:1s"]).wal_sync;
    assert!(matches!(every, WalSync::Interval(every) if every == Duration::from_secs(1)));
}

#[test]
fn faults_are_told_in_prometheus_s_words() {
    let arguments = "Error parsing command line arguments: ";
    let table: &[(&[&str], &str, u8)] = &[
        (
            &["--web.enable-lifecicle"],
            "unknown long flag '--web.enable-lifecicle'\n  did you mean --web.enable-lifecycle?",
            2,
        ),
        (&["--qwertz"], "unknown long flag '--qwertz'", 2),
        (&["-config.file=x"], "unknown short flag '-c'\n  did you mean --config.file?", 2),
        (&["serve"], "unexpected serve", 2),
        (&["--web.enable-lifecycle=true"], "unexpected true\n  --web.enable-lifecycle takes no value", 2),
        (&["--config.file"], "expected argument for flag '--config.file'", 2),
        (&["--config.file", "--web.enable-lifecycle"], "expected argument for flag '--config.file'", 2),
        (&["--query.timeout=1s", "--query.timeout=2s"], "flag 'query.timeout' cannot be repeated", 2),
        (&["--query.timeout=5"], "not a valid duration string: \"5\" (flag --query.timeout)", 2),
        (&["--query.max-samples=x"], "strconv.ParseFloat: parsing \"x\": invalid syntax", 2),
        (&["--query.max-samples=-1"], "--query.max-samples must be a count, got \"-1\"", 2),
        (&["--log.level=loud"], "unrecognized log level loud", 2),
        (&["--log.format=xml"], "unrecognized log format xml", 2),
        (&["--storage.tsdb.retention.size=100"], "units: unknown unit  in 100", 2),
        (&["--storage.tsdb.wal-compression-type=lz4"], "enum value must be one of snappy,zstd, got 'lz4'", 2),
        (
            &["--storage.wal.sync=often"],
            "storage.wal.sync must be always, never or interval:DURATION, got \"often\"",
            2,
        ),
        (&["--web.listen-address=nowhere"], "address nowhere: missing port in address", 2),
        (&["--web.listen-address=::1"], "address ::1: too many colons in address", 2),
    ];
    for (line, text, code) in table {
        let (message, got) = run(line).expect_err(&format!("{line:?}"));
        assert!(message.starts_with(&format!("{arguments}{text}")), "{line:?}: {message}");
        assert_eq!(got, *code, "{line:?}");
    }
    let table: &[(&[&str], &str, u8)] = &[
        (
            &["--web.external-url='http://x'"],
            "parse external URL \"'http://x'\": URL must not begin or end with quotes",
            2,
        ),
        (&["--web.cors.origin=("], "could not compile CORS regex string \"(\": error parsing regexp: ", 2),
        (
            &["--storage.agent.path=x"],
            "The following flag(s) can only be used in agent mode: [\"--storage.agent.path\"]",
            3,
        ),
        (
            &["--agent", "--query.timeout=1s", "--storage.tsdb.path=x"],
            "The following flag(s) can not be used in agent mode: [\"--storage.tsdb.path\" \"--query.timeout\"]",
            3,
        ),
        (
            &["--enable-feature=otlp-deltatocumulative,otlp-native-delta-ingestion"],
            "cannot enable otlp-deltatocumulative and otlp-native-delta-ingestion features at the same time",
            1,
        ),
    ];
    for (line, text, code) in table {
        let (message, got) = run(line).expect_err(&format!("{line:?}"));
        assert!(message.starts_with(text), "{line:?}: {message}");
        assert_eq!(got, *code, "{line:?}");
    }
}

#[test]
fn every_flag_of_the_table_takes_its_default() {
    for spec in flag_table::all() {
        let line = match (spec.kind, spec.default) {
            (flag_table::FlagKind::Bool, "true") => vec![format!("--no-{}", spec.name)],
            (flag_table::FlagKind::Bool, _) => vec![format!("--{}", spec.name)],
            (_, "") => continue,
            (_, default) => vec![format!("--{}={default}", spec.name)],
        };
        let mode = if spec.mode == flag_table::Mode::Agent { vec!["--agent".to_owned()] } else { Vec::new() };
        let line: Vec<String> = mode.into_iter().chain(line).collect();
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let flags = flags(&line);
        let warned = flags.warnings.iter().any(|warning| warning.contains(&format!("--{} ", spec.name)));
        assert_eq!(warned, spec.ignored.is_some(), "{}: {:?}", spec.name, flags.warnings);
        let want = match spec.kind {
            flag_table::FlagKind::Bool => (spec.default == "false").to_string(),
            _ => spec.default.to_owned(),
        };
        assert_eq!(all_flags(&flags)[spec.name], want, "{}", spec.name);
    }
}

#[test]
fn the_table_has_every_flag_of_prometheus_once() {
    let names: Vec<&str> = flag_table::all().map(|spec| spec.name).collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len());
    let Some(text) = reference() else { return };
    let section = text.split("## 9. Flags").nth(1).and_then(|rest| rest.split("\n## 10").next()).unwrap();
    let mut checked = 0;
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cell = row.trim_start_matches("| ").split(" |").next().unwrap();
        let mut base = String::new();
        for name in cell.split('`').skip(1).step_by(2) {
            // `.x` in a row stands for the first name with another end.
            let full = match name.strip_prefix('.') {
                None => name.to_owned(),
                Some(_) => names
                    .iter()
                    .find(|known| {
                        known.ends_with(name) && base.starts_with(known.strip_suffix(name).unwrap_or("?"))
                    })
                    .map_or(format!("{base} + {name}"), |known| (*known).to_owned()),
            };
            if base.is_empty() {
                base.clone_from(&full);
            }
            assert!(names.contains(&full.as_str()), "{full} is missing");
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}

fn reference() -> Option<String> {
    let shared = std::env::var_os("NARTHEX_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    let path = shared.join("reference/config-surface.md");
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: no reference at {}", path.display());
    }
    text
}

#[test]
fn subcommands_and_texts() {
    assert!(matches!(run(&["check", "config", "a", "b"]), Ok(Command::Check(action))
            if matches!(&*action, Action::Config { files, .. } if files.len() == 2)));
    assert!(matches!(run(&["test", "rules", "a", "--run=x", "--run=y"]), Ok(Command::TestRules(options))
            if options.run.as_ref().is_some_and(|run| run.as_str() == "x|y")));
    assert!(matches!(run(&["test", "promql", "a"]), Ok(Command::TestPromql(files)) if files.len() == 1));
    assert_eq!(run(&["check"]).unwrap_err().1, 2);
    assert_eq!(run(&["check", "config"]).unwrap_err().1, 2);
    let Ok(Command::Print(version)) = run(&["--version"]) else { panic!() };
    assert!(
        version.starts_with(concat!("narthex, version ", env!("CARGO_PKG_VERSION"), " (branch: ")),
        "{version}"
    );
    let Ok(Command::Print(help)) = run(&["--help"]) else { panic!() };
    assert!(help.contains("--config.file") && help.contains("Examples:"), "{help}");
    assert!(!help.contains("samples-per-chunk"), "{help}");
    let Ok(Command::Print(all)) = run(&["--help-long"]) else { panic!() };
    assert!(all.contains("samples-per-chunk"), "{all}");
}

proptest! {
    #[test]
    fn arbitrary_arguments_end_in_a_command_or_a_fault(
        line in prop::collection::vec("(--?)?(no-)?(web\\.external-url|web\\.listen-address|storage\\.wal\\.sync|agent|check|\\PC{0,8})=?\\PC{0,8}", 0..4)
    ) {
        let _ = run(&line.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
