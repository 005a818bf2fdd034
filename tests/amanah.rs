//! The program as a user has it: built by cargo, run as a process of its own.

use crate::support::root;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// How the program is built.
#[derive(Clone, Copy, Debug)]
pub enum Build {
    /// With overflow checks and debug assertions, and with the features that tests switch on.
    Debug,
    /// As it is installed.
    Release,
}

impl Build {
    /// The program's file. Cargo has built the one for tests with them. The first call builds the other; cargo keeps it, so
    /// that only the first run of the suite on a machine waits for it.
    pub fn program(self) -> &'static Path {
        static RELEASE: OnceLock<PathBuf> = OnceLock::new();
        match self {
            Self::Debug => Path::new(env!("CARGO_BIN_EXE_amanah-under-test")),
            Self::Release => RELEASE.get_or_init(build_release),
        }
    }

    /// A command that starts it in `directory`, without what the user's terminal asks for.
    pub fn command(self, directory: &Path) -> Command {
        let mut command = Command::new(self.program());
        command.current_dir(directory).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        command
    }

    /// Runs it to its end in `directory`.
    #[track_caller]
    pub fn run(self, directory: &Path, arguments: &[&str]) -> Ended {
        let output = self.command(directory).args(arguments).output().unwrap();
        Ended::new(format!("({self:?}) amanah {}", arguments.join(" ")), output)
    }
}

/// Cargo says where it put the program: neither the target directory nor the platform is guessed.
fn build_release() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--package", "sim", "--bin", "amanah"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(root())
        .stderr(std::process::Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo could not build the program");
    let messages = String::from_utf8(output.stdout).unwrap();
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == "amanah")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.expect("cargo names what it built")
}

/// What became of a process.
#[derive(Debug)]
pub struct Ended {
    /// What was run.
    pub command: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Ended {
    /// Of a process that has ended.
    pub fn new(command: String, output: Output) -> Self {
        Self {
            command,
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Goes on only if it ended with `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        let Self { command, code: found, stdout, stderr } = &self;
        assert_eq!(*found, Some(code), "{command}\nstdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }

    /// Goes on only if stderr has each of `phrases`.
    #[track_caller]
    pub fn says(self, phrases: &[&str]) -> Self {
        for phrase in phrases {
            assert!(self.stderr.contains(phrase), "{}: no {phrase:?} in\n{}", self.command, self.stderr);
        }
        self
    }
}

/// An empty directory below the build's, kept after the test so that a failure can be looked at.
pub fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory).unwrap();
    }
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// The names in a directory, sorted.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A JSON file.
pub fn json(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
