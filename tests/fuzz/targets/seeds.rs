//! Writes what each target starts from: `seeds DIR` makes DIR/TARGET/N.

#[path = "../harness.rs"]
#[allow(dead_code, reason = "targets are fed by another program")]
mod harness;

fn main() -> std::io::Result<()> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    for (name, _) in harness::TARGETS {
        let directory = std::path::Path::new(&directory).join(name);
        std::fs::create_dir_all(&directory)?;
        for (number, seed) in harness::seeds(name).iter().enumerate() {
            std::fs::write(directory.join(number.to_string()), seed)?;
        }
    }
    Ok(())
}
