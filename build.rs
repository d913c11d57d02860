//! Builds the web UI with npm and packs it for embedding; without npm, the server shows one plain page.
//!
//! The built files are kept below `OUT_DIR` with the hash of their sources, so that npm runs only after a change.
//! `NARTHEX_UI=plain` leaves the UI out on purpose.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the UI is made of, below `ui/`.
const SOURCES: &[&str] =
    &["src", "public", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let ui = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("ui");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo:rerun-if-env-changed=NARTHEX_UI");
    println!("cargo:rustc-env=NARTHEX_RUSTC={}", compiler());
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", ui.join(source).display());
    }
    let table = out.join("ui.rs");
    if std::env::var("NARTHEX_UI").is_ok_and(|value| value == "plain") {
        return Ok(std::fs::write(table, plain())?);
    }
    let text = match build(&ui, &out) {
        Ok(dist) => embed(&dist, &out)?,
        Err(why) => {
            println!("cargo:warning=the web UI is left out, the server shows a plain page: {why}");
            plain()
        }
    };
    Ok(std::fs::write(table, text)?)
}

/// The compiler and its version, in one word: `rustc-1.90.0`.
fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = Command::new(rustc).arg("--version").output().map(|done| done.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).split_whitespace().take(2).collect::<Vec<_>>().join("-")
}

/// All files below a directory, sorted.
fn files(path: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_file() {
        found.push(path.to_owned());
        return Ok(());
    }
    let entries: Result<Vec<_>, _> = std::fs::read_dir(path)?.collect();
    let mut entries: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
    entries.sort();
    entries.iter().try_for_each(|entry| files(entry, found))
}

fn hash(ui: &Path) -> std::io::Result<String> {
    let mut found = Vec::new();
    for source in SOURCES {
        files(&ui.join(source), &mut found)?;
    }
    let mut hasher = DefaultHasher::new();
    for file in found {
        file.strip_prefix(ui).unwrap_or(&file).hash(&mut hasher);
        std::fs::read(&file)?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Runs npm; gives the directory of what it built.
fn build(ui: &Path, out: &Path) -> Result<PathBuf, Failed> {
    let (work, dist, mark) = (out.join("ui"), out.join("ui-dist"), out.join("ui-hash"));
    let wanted = hash(ui)?;
    if dist.join("index.html").is_file() && std::fs::read_to_string(&mark).is_ok_and(|kept| kept == wanted) {
        return Ok(dist);
    }
    // npm writes beside the sources; the source tree stays as it is.
    copy(ui, &work)?;
    let lock = std::fs::read_to_string(ui.join("package-lock.json"))?;
    let installed = work.join("node_modules").join(".lock");
    if !std::fs::read_to_string(&installed).is_ok_and(|kept| kept == lock) {
        run(&work, &["ci", "--no-audit", "--no-fund", "--ignore-scripts"])?;
        std::fs::write(&installed, lock)?;
    }
    let _ = std::fs::remove_dir_all(&dist);
    run(&work, &["run", "build", "--", "--emptyOutDir", "--outDir", &dist.display().to_string()])?;
    std::fs::write(mark, wanted)?;
    Ok(dist)
}

fn copy(ui: &Path, work: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(work)?;
    // What was deleted among the sources must not be built again.
    let _ = (std::fs::remove_dir_all(work.join("src")), std::fs::remove_dir_all(work.join("public")));
    let mut found = Vec::new();
    for source in SOURCES {
        files(&ui.join(source), &mut found)?;
    }
    for file in found {
        let target = work.join(file.strip_prefix(ui).unwrap_or(&file));
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::copy(&file, target)?;
    }
    Ok(())
}

fn run(dir: &Path, arguments: &[&str]) -> Result<(), Failed> {
    let output = Command::new("npm").args(arguments).current_dir(dir).output();
    let output = output.map_err(|why| format!("npm cannot be run ({why}); Node 20 or newer brings it"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let end: Vec<&str> = said.lines().rev().take(5).collect();
    let end: Vec<&str> = end.into_iter().rev().collect();
    Err(format!("npm {} failed: {}", arguments.join(" "), end.join(" | ")).into())
}

fn plain() -> String {
    "/// Which UI is inside.\npub const BUILD: &str = \"plain page\";\n\
     /// The page that loads it.\npub const INDEX: Option<&str> = None;\n\
     /// Its files.\npub const FILES: &[File] = &[];\n"
        .to_owned()
}

/// Packs the files and writes the table of them.
fn embed(dist: &Path, out: &Path) -> Result<String, Failed> {
    let packed = out.join("ui-packed");
    let _ = std::fs::remove_dir_all(&packed);
    std::fs::create_dir_all(&packed)?;
    let mut found = Vec::new();
    files(dist, &mut found)?;
    let mark = std::fs::read_to_string(out.join("ui-hash"))?;
    let mut text = format!("/// Which UI is inside.\npub const BUILD: &str = \"{mark}\";\n");
    let index = dist.join("index.html");
    writeln!(
        text,
        "/// The page that loads it.\npub const INDEX: Option<&str> = Some(include_str!({:?}));",
        index.display().to_string()
    )?;
    text.push_str("/// Its files.\npub const FILES: &[File] = &[\n");
    for (i, file) in found.iter().filter(|file| **file != index).enumerate() {
        let name = file.strip_prefix(dist)?.to_string_lossy().replace('\\', "/");
        let target = packed.join(format!("{i}.gz"));
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &std::fs::read(file)?)?;
        std::fs::write(&target, encoder.finish()?)?;
        let target = target.display().to_string();
        writeln!(text, "    File {{ path: {name:?}, gzip: include_bytes!({target:?}) }},")?;
    }
    text.push_str("];\n");
    Ok(text)
}
