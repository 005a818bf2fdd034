//! A target of the harness, fed by libFuzzer: the one that `AMANAH_FUZZ_TARGET` names. With `AMANAH_FUZZ_SEEDS=DIR` it writes
//! what each target starts from into DIR/TARGET instead, and ends.
#![no_main]

#[path = "../harness.rs"]
#[allow(dead_code, reason = "the suite uses more of it")]
mod harness;

use std::path::Path;
use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let names = || harness::TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let wanted = std::env::var("AMANAH_FUZZ_TARGET").unwrap_or_default();
    let found = harness::TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("no target is called `{wanted}`; there are {}", names())).1
});

fn write_seeds(directory: &Path) -> std::io::Result<()> {
    for (name, _) in harness::TARGETS {
        let directory = directory.join(name);
        std::fs::create_dir_all(&directory)?;
        for (number, seed) in harness::seeds(name).iter().enumerate() {
            std::fs::write(directory.join(number.to_string()), seed)?;
        }
    }
    Ok(())
}

libfuzzer_sys::fuzz_target!(
    init: {
        if let Some(directory) = std::env::var_os("AMANAH_FUZZ_SEEDS") {
            write_seeds(Path::new(&directory)).expect("seeds can be written");
            std::process::exit(0);
        }
    },
    |bytes: &[u8]| TARGET(bytes)
);
