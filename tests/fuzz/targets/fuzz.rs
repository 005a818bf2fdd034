//! A target of the harness, fed by libFuzzer: the one that `AMANAH_FUZZ_TARGET` names.
#![no_main]

#[path = "../harness.rs"]
#[allow(dead_code, reason = "seeds are written by another program")]
mod harness;

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let names = || harness::TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let wanted = std::env::var("AMANAH_FUZZ_TARGET").unwrap_or_default();
    let found = harness::TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("no target is called `{wanted}`; there are {}", names())).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
