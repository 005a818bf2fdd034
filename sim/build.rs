//! Names the sources that decide what a run yields: one number over `ledger-core`, `sim` without what only shows results,
//! and the versions of everything they are built on. A sweep plays a cell again when it changed.

use std::path::{Path, PathBuf};

/// What only asks for runs and shows them, in `sim/src`.
const SHOWS: &[&str] = &[
    "cli",
    "cli.rs",
    "compare",
    "compare.rs",
    "gate",
    "gate.rs",
    "main.rs",
    "report",
    "report.rs",
    "schema",
    "schema.rs",
    "starter",
    "starter.rs",
    "statistics",
    "statistics.rs",
    "sweep",
    "sweep.rs",
];

/// What nevertheless decides what a run yields: how it ends, and the words of figures in verdicts and expectations.
const DECIDES: &[&str] = &["cli/exit.rs", "report/units.rs"];

fn main() {
    let sim = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package is"));
    let root = sim.parent().expect("the package lies in the workspace");
    let mut digest = Digest(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
    for folder in ["ledger-core/src", "sim/src"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        digest.folder(root, &root.join(folder));
    }
    for file in DECIDES {
        digest.file(root, &root.join("sim/src").join(file));
    }
    println!("cargo::rerun-if-changed={}", root.join("Cargo.lock").display());
    digest.file(root, &root.join("Cargo.lock"));
    println!("cargo::rustc-env=AMANAH_SOURCES={:032x}", digest.0);
}

/// FNV-1a of 128 bits: nobody forges sources against their own sweep, and a build script needs no package for it.
struct Digest(u128);

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    fn folder(&mut self, root: &Path, folder: &Path) {
        let entries = std::fs::read_dir(folder).expect("a folder of sources can be read");
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| entry.expect("a folder of sources can be read").path()).collect();
        paths.sort();
        let shows = |name: &str| folder == root.join("sim/src") && SHOWS.contains(&name);
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if ["tests", "tests.rs"].contains(&name) || shows(name) {
                continue;
            }
            if path.is_dir() {
                self.folder(root, &path);
            } else {
                self.file(root, &path);
            }
        }
    }

    fn file(&mut self, root: &Path, path: &Path) {
        let name = path.strip_prefix(root).expect("sources lie in the workspace");
        for part in name {
            self.add(part.to_str().expect("names of sources are UTF-8").as_bytes());
            self.add(b"/");
        }
        let bytes = std::fs::read(path).expect("a source can be read");
        self.add(&(bytes.len() as u64).to_le_bytes());
        self.add(&bytes);
    }
}
