//! Processor time of a live process, by what it was spent on.
//!
//! Threads are told apart by their names ([`threads`]), and what machines and workers do by the driver's own account of
//! chores ([`Chore`]). Only Linux tells the time of threads; elsewhere all of it is [`Stage::Other`].

use ledger_core::live::{Chore, Spent as Chores};
use std::path::Path;

/// What processor time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Of the network's thread, all but system calls: packets, streams, and their encryption.
    Quic,
    /// System calls of the network's thread.
    Sockets,
    /// See [`Chore::Submissions`].
    Submissions,
    /// See [`Chore::Blocks`].
    Blocks,
    /// See [`Chore::Transactions`].
    Transactions,
    /// See [`Chore::Votes`].
    Votes,
    /// See [`Chore::Signing`].
    Signing,
    /// The machines' own: replicas decode and order; gateways keep their operations.
    Machines,
    /// Commits are executed.
    Execution,
    /// See [`Chore::Receipts`].
    Receipts,
    /// The journal.
    Journal,
    /// Documents and snapshots, the vault included.
    Documents,
    /// Telling what happened, and recording it: the measurement's own cost.
    Reports,
    /// Making load.
    Load,
    /// Starting, waiting, and threads that are none of the above.
    Other,
}

/// Number of stages.
pub const STAGES: usize = Stage::ALL.len();
/// Nanoseconds by stage, in the order of [`Stage::ALL`].
pub type Spent = [u64; STAGES];

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 15] = [
        Self::Quic,
        Self::Sockets,
        Self::Submissions,
        Self::Blocks,
        Self::Transactions,
        Self::Votes,
        Self::Signing,
        Self::Machines,
        Self::Execution,
        Self::Receipts,
        Self::Journal,
        Self::Documents,
        Self::Reports,
        Self::Load,
        Self::Other,
    ];

    /// As metrics are named.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Sockets => "sockets",
            Self::Submissions => "submissions",
            Self::Blocks => "blocks",
            Self::Transactions => "transactions",
            Self::Votes => "votes",
            Self::Signing => "signing",
            Self::Machines => "machines",
            Self::Execution => "execution",
            Self::Receipts => "receipts",
            Self::Journal => "journal",
            Self::Documents => "documents",
            Self::Reports => "reports",
            Self::Load => "load",
            Self::Other => "other",
        }
    }

    fn of(chore: Chore) -> Self {
        match chore {
            Chore::Submissions => Self::Submissions,
            Chore::Blocks => Self::Blocks,
            Chore::Transactions => Self::Transactions,
            Chore::Votes => Self::Votes,
            Chore::Receipts => Self::Receipts,
            Chore::Signing => Self::Signing,
            Chore::Documents => Self::Documents,
        }
    }
}

/// Processor time of one thread, nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    name: String,
    user: u64,
    system: u64,
}

/// The threads of this process that have not ended, but for the one that it began with. To a hundredth of a second.
pub fn threads() -> Vec<Thread> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let first = std::process::id().to_string();
    let others = tasks.flatten().filter(|task| task.file_name().to_str() != Some(&first));
    others.filter_map(|task| thread(&task.path())).collect()
}

fn thread(task: &Path) -> Option<Thread> {
    parse(&std::fs::read_to_string(task.join("stat")).ok()?)
}

/// `proc_pid_stat(5)`: the name, in parentheses, may hold spaces and parentheses. After it, state is field 3, user and
/// system time are 14 and 15, in hundredths of a second.
fn parse(stat: &str) -> Option<Thread> {
    const TICK_NS: u64 = 10_000_000;
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let mut ticks = after.split_whitespace().skip(11).map(|ticks| ticks.parse::<u64>().ok());
    let mut next = || Some(ticks.next()?? * TICK_NS);
    Some(Thread { name: name.to_owned(), user: next()?, system: next()? })
}

/// Processor time of this process, nanoseconds.
pub fn process_ns() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return 0 };
    (usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds()).try_into().unwrap_or(0)
}

/// Divides what a process has used among stages.
pub fn divide(process_ns: u64, threads: &[Thread], chores: &Chores) -> Spent {
    let mut spent = [0; STAGES];
    let mut add = |stage: Stage, ns: u64| spent[stage as usize] += ns;
    let mut named = 0;
    for Thread { name, user, system } in threads {
        let stage = match name.as_str() {
            "network" => {
                add(Stage::Sockets, *system);
                add(Stage::Quic, *user);
                named += user + system;
                continue;
            }
            "machines" => Stage::Machines,
            "execution" => Stage::Execution,
            "journal" => Stage::Journal,
            "vault" => Stage::Documents,
            "reports" => Stage::Reports,
            "load" => Stage::Load,
            name if name.starts_with("worker-") => Stage::Machines,
            // The readers of replicas' reports; the system cuts names.
            name if name.starts_with("replica-") => Stage::Reports,
            _ => continue,
        };
        add(stage, user + system);
        named += user + system;
    }
    // Chores are done by machines and workers.
    for (chore, ns) in Chore::ALL.into_iter().zip(chores) {
        add(Stage::of(chore), *ns);
    }
    let own = &mut spent[Stage::Machines as usize];
    *own = own.saturating_sub(chores.iter().sum());
    spent[Stage::Other as usize] = process_ns.saturating_sub(named);
    spent
}

/// What was spent between two accounts, or by two processes one after the other.
pub fn combine(a: &Spent, b: &Spent, with: impl Fn(u64, u64) -> u64) -> Spent {
    std::array::from_fn(|stage| with(a[stage], b[stage]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_read_whatever_its_name() {
        let stat = "77 (a (odd) name) S 1 77 77 0 -1 4194304 116 0 0 0 25 7 0 0 20 0 1 0 336591";
        let expected = Thread { name: "a (odd) name".into(), user: 250_000_000, system: 70_000_000 };
        assert_eq!(parse(stat), Some(expected));
        assert_eq!(parse("77 (cut off) S 1"), None);
    }

    #[test]
    fn all_of_a_process_is_divided() {
        let thread = |name: &str, user, system| Thread { name: name.into(), user, system };
        let threads = [
            thread("network", 30, 12),
            thread("machines", 100, 1),
            thread("worker-0", 50, 0),
            thread("replica-3-repor", 5, 5),
            thread("tokio", 9, 9),
        ];
        let mut chores = [0; Chore::ALL.len()];
        chores[Chore::Blocks as usize] = 60;
        chores[Chore::Signing as usize] = 20;
        let spent = divide(300, &threads, &chores);
        let of = |stage: Stage| spent[stage as usize];
        assert_eq!([of(Stage::Quic), of(Stage::Sockets), of(Stage::Machines)], [30, 12, 71]);
        assert_eq!([of(Stage::Blocks), of(Stage::Signing), of(Stage::Reports)], [60, 20, 10]);
        assert_eq!(of(Stage::Other), 97);
        assert_eq!(spent.iter().sum::<u64>(), 300);
        for (place, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, place);
        }
    }
}
