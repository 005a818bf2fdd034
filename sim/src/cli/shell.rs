//! `amanah completions` and `amanah man`: made of the command line's own definition, so that they say what it accepts.

use super::exit::Exit;
use super::{command, put};
use clap::{Args, ValueEnum};
use std::io;
use std::path::PathBuf;

/// Arguments of `completions`.
#[derive(Args)]
pub struct Completions {
    /// Whose completions.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Shells that can complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    #[value(name = "powershell")]
    Power,
}

impl Shell {
    const fn generator(self) -> clap_complete::Shell {
        match self {
            Self::Bash => clap_complete::Shell::Bash,
            Self::Zsh => clap_complete::Shell::Zsh,
            Self::Fish => clap_complete::Shell::Fish,
            Self::Elvish => clap_complete::Shell::Elvish,
            Self::Power => clap_complete::Shell::PowerShell,
        }
    }
}

/// Prints the completions of a shell.
pub fn completions(arguments: &Completions) -> io::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell.generator(), &mut command(), "amanah", &mut text);
    put(&String::from_utf8_lossy(&text)).map(|()| Exit::Success)
}

/// Arguments of `man`.
#[derive(Args)]
pub struct Man {
    /// Directory of the pages, as in `man1` of a man path; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes a page for the program and each of its commands.
pub fn man(arguments: &Man) -> io::Result<Exit> {
    let out = &arguments.out;
    let written = std::fs::create_dir_all(out).and_then(|()| clap_mangen::generate_to(command(), out));
    if let Err(error) = written {
        eprintln!("error: {}: {error}", out.display());
        return Ok(Exit::Failure);
    }
    put(&format!("{0}\nread one with `man -l {0}/amanah-run.1`\n", out.display())).map(|()| Exit::Success)
}
