//! Compiles XGBoost from source and links it statically, when the feature `xgboost` is on.
//!
//! The C++ sources are those of the crate `xgboost_lib-sys`, which Cargo.toml declares for a
//! target that never exists: it is pinned and checksummed by Cargo.lock, but its own build script
//! (which downloads a binary, or wants cmake, ninja and libclang) never runs. Its place is asked
//! of `cargo metadata`.
//!
//! The library takes minutes of compiler time and depends on neither the profile nor our own
//! code, so it is kept in the target folder beside the profiles, under a name that carries the
//! version and a hash of everything that shapes it. Dev, test and release builds share it.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crate that carries the sources.
const CRATE: &str = "xgboost_lib-sys";
/// Source files compiled together. More saves header parsing, but takes memory and parallelism.
const CHUNK: usize = 8;
/// Files that register their factories by name through file-local symbols which clash with those
/// of others: each is compiled alone.
const ALONE: [&str; 5] = [
    "predictor/predictor.cc",
    "gbm/gbm.cc",
    "tree/tree_updater.cc",
    "metric/metric.cc",
    "objective/objective.cc",
];
/// What XGBoost's own build defines for a CPU build without its test hooks.
const DEFINES: [(&str, Option<&str>); 7] = [
    ("DMLC_LOG_CUSTOMIZE", Some("1")),
    ("DMLC_USE_CXX11", Some("1")),
    // GCC's <mwaitxintrin.h> does not survive this code base's include order; nothing uses it.
    ("_MWAITXINTRIN_H_INCLUDED", None),
    ("XGBOOST_MM_PREFETCH_PRESENT", Some("1")),
    ("XGBOOST_BUILTIN_PREFETCH_PRESENT", Some("1")),
    ("DMLC_UNITTESTS_ENABLED", Some("0")),
    ("NDEBUG", None),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_XGBOOST").is_none() {
        return Ok(());
    }
    println!("cargo::rerun-if-env-changed=CXX");
    println!("cargo::rerun-if-env-changed=CXXFLAGS");

    let (version, sources) = find_sources()?;
    let folder = target_folder()?.join(format!("xgboost-{version}-{:016x}", recipe(&version)?));
    let library = folder.join("libxgboost.a");
    if !library.exists() {
        // Another build with the same target folder may be at it: let it finish first.
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        if !library.exists() {
            compile(&sources, &folder, &library)?;
        }
    }

    // A cache swept away between two builds brings this script back.
    println!("cargo::rerun-if-changed={}", library.display());
    println!("cargo::rustc-link-search=native={}", folder.display());
    // Not bundled: it would be copied into the rlib at each of our own compilations.
    println!("cargo::rustc-link-lib=static:-bundle=xgboost");
    println!("cargo::rustc-link-lib=dylib=stdc++");
    println!("cargo::rustc-link-lib=dylib=gomp");
    Ok(())
}

/// Version and `xgboost` folder of the crate that carries the sources.
fn find_sources() -> Result<(String, PathBuf), Box<dyn Error>> {
    // Offline first: it is the common case and asks no server. When a crate of another platform
    // was never downloaded it fails, and the second try fetches what is missing.
    let metadata = cargo_metadata(&["--offline"]).or_else(|_| cargo_metadata(&[]))?;
    let package = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|p| p["name"] == CRATE)
        .ok_or_else(|| format!("`cargo metadata` names no package {CRATE}"))?;
    let text = |key: &str| {
        package[key]
            .as_str()
            .ok_or_else(|| format!("`cargo metadata` gives no {key} of {CRATE}"))
    };
    let folder = Path::new(text("manifest_path")?)
        .parent()
        .ok_or("a manifest lies in a folder")?
        .join("xgboost");
    if !folder.join("src/c_api/c_api.cc").is_file() {
        return Err(format!("{} does not hold XGBoost's sources", folder.display()).into());
    }
    Ok((text("version")?.to_owned(), folder))
}

fn cargo_metadata(more: &[&str]) -> Result<serde_json::Value, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(more)
        .current_dir(env::var("CARGO_MANIFEST_DIR")?)
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`cargo metadata` failed: {said}").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The folder that holds the profiles' folders.
fn target_folder() -> Result<PathBuf, Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let marked = out
        .ancestors()
        .find(|p| p.join("CACHEDIR.TAG").is_file())
        // <target>/<profile>/build/<package>/out
        .or_else(|| out.ancestors().nth(4));
    Ok(marked.unwrap_or(&out).to_owned())
}

/// The compiler settings without sources and include folders.
fn settings() -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .flag("-fopenmp")
        // The same in every profile: the library is shared, and -O0 would take minutes per fit.
        .opt_level(2)
        .debug(false)
        .force_frame_pointer(false)
        .inherit_rustflags(false)
        .warnings(false)
        .cargo_metadata(false)
        // Linked below, once.
        .cpp_link_stdlib(None);
    for (name, value) in DEFINES {
        build.define(name, value);
    }
    build
}

/// A hash of everything that shapes the library.
fn recipe(version: &str) -> Result<u64, Box<dyn Error>> {
    let compiler = settings().try_get_compiler()?;
    let said = Command::new(compiler.path()).arg("--version").output()?;
    // DefaultHasher::new has fixed keys; a new one in a later Rust costs one compilation.
    let mut hasher = DefaultHasher::new();
    (version, CHUNK, ALONE, DEFINES, env::var("TARGET")?).hash(&mut hasher);
    (compiler.path(), compiler.args(), said.stdout).hash(&mut hasher);
    Ok(hasher.finish())
}

/// Compiles everything in a folder of its own and moves the finished library to `library`.
fn compile(sources: &Path, folder: &Path, library: &Path) -> Result<(), Box<dyn Error>> {
    let work = folder.join("objects");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;

    let mut files = Vec::new();
    list(&sources.join("src"), &mut files)?;
    files.retain(|f| !f.ends_with("cli_main.cc"));
    files.sort();
    let (alone, together): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|f| ALONE.iter().any(|end| f.ends_with(end)));
    let mut units = vec![sources.join("amalgamation/dmlc-minimum0.cc")];
    units.extend(alone);
    for (number, chunk) in together.chunks(CHUNK).enumerate() {
        let unit = work.join(format!("unity_{number:02}.cc"));
        let text: String = chunk
            .iter()
            .map(|f| format!("#include \"{}\"\n", f.display()))
            .collect();
        fs::write(&unit, text)?;
        units.push(unit);
    }

    settings()
        // No path of the machine that builds it ends up in the binary's error messages.
        .flag(format!("-ffile-prefix-map={}=xgboost", sources.display()))
        .include(sources.join("include"))
        .include(sources.join("dmlc-core/include"))
        .include(sources.join("src"))
        .files(units)
        .out_dir(&work)
        .try_compile("xgboost")?;
    fs::rename(work.join("libxgboost.a"), library)?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

/// All C++ files below a folder.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "cc") {
            files.push(path);
        }
    }
    Ok(())
}
