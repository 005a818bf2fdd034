//! A replica as a process of its own: started, listened to, stopped, killed.

use crate::daemon::report::{self, Frame};
use crossbeam_channel::Sender;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// Bytes of a log's end that are shown when a process ends by itself.
const LOG_TAIL_BYTES: usize = 2_000;

/// What a process told, or that it has ended.
#[derive(Debug)]
pub(super) struct Heard {
    pub replica: usize,
    pub told: Told,
}

#[derive(Debug)]
pub(super) enum Told {
    Frame(Box<Frame>),
    /// Nothing more comes; why, if it was not the end of the stream.
    Ended(Option<String>),
}

/// How a replica's process is started, each time it is.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub replica: usize,
    /// This program.
    pub program: PathBuf,
    pub config: PathBuf,
    /// The directory of its journal.
    pub data: PathBuf,
    /// Its standard error, over all its starts.
    pub log: PathBuf,
    /// Network namespace; `None`: the testbed's own.
    pub namespace: Option<String>,
}

/// A running process. Killed when it is dropped.
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

/// What an operator adds to the configuration of a replica that has lost its journal, and takes out again later.
const JOURNAL_LOST: &str = "journal_lost: true\n";

impl Recipe {
    /// Before it starts again: its journal is gone, and its configuration says so; or it is as it was left.
    pub fn prepare(&self, journal_lost: bool) -> io::Result<()> {
        let text = std::fs::read_to_string(&self.config)?;
        let mut text = text.replace(JOURNAL_LOST, "");
        if journal_lost {
            text.push_str(JOURNAL_LOST);
        }
        let beside = self.config.with_extension("tmp");
        std::fs::write(&beside, text)?;
        std::fs::rename(&beside, &self.config)?;
        // Only then: a replica without its journal that does not know it would sign what it signed before.
        if journal_lost { std::fs::remove_dir_all(&self.data) } else { Ok(()) }
    }

    /// Starts it; what it tells goes to `heard`.
    pub fn start(&self, heard: Sender<Heard>) -> io::Result<Process> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = match &self.namespace {
            None => Command::new(&self.program),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(&self.program);
                command
            }
        };
        command.args(["replica", "--config"]).arg(&self.config);
        // Ctrl-C at a terminal is for the testbed, which ends its replicas itself.
        command.process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let stdout = child.stdout.take().expect("it is piped");
        let stdin = child.stdin.take();
        let replica = self.replica;
        std::thread::Builder::new().name(format!("replica-{replica}-reports")).spawn(move || {
            let mut stdout = BufReader::with_capacity(1 << 18, stdout);
            let ended = loop {
                match report::read(&mut stdout) {
                    Ok(Some(frame)) => {
                        if heard.send(Heard { replica, told: Told::Frame(Box::new(frame)) }).is_err() {
                            return;
                        }
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error.to_string()),
                }
            };
            // Without a listener the run is over.
            let _ = heard.send(Heard { replica, told: Told::Ended(ended) });
        })?;
        Ok(Process { child, stdin })
    }

    /// The end of its log, for people.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let from = text.len().saturating_sub(LOG_TAIL_BYTES);
        String::from_utf8_lossy(&text[from..]).trim().to_owned()
    }
}

impl Process {
    /// Writes a line to its standard input.
    pub fn tell(&mut self, line: &str) -> io::Result<()> {
        match &mut self.stdin {
            Some(stdin) => writeln!(stdin, "{line}").and_then(|()| stdin.flush()),
            None => Ok(()),
        }
    }

    /// SIGKILL, as a crash.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait()
    }

    /// SIGTERM: it ends by itself.
    pub fn end(&self) -> io::Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// SIGSTOP: it stands still.
    pub fn pause(&self) -> io::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// SIGCONT: it goes on.
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Processor time used so far, in ticks of the system; 0 if it is not known.
    pub fn processor_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The name, in parentheses, may hold spaces. After it: state is field 3, user and system time are 14 and 15.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let id = i32::try_from(self.child.id()).map_err(io::Error::other)?;
        kill(Pid::from_raw(id), signal).map_err(io::Error::from)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// An empty file for a log.
pub(super) fn begin_log(path: &Path) -> io::Result<()> {
    File::create(path).map(drop)
}
