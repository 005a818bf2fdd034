//! Network namespaces: every replica behind a link of its own, with partitions as routes that lead nowhere, and where the
//! kernel has netem, with the topology's delays and loss.
//!
//! ```text
//!  replica-0 ns          testbed's ns
//!  eth0 10.B.0.1 ──veth── bridge 10.B.1.1, 10.B.1.2, … (the gateways' addresses, one for each region and home replica)
//!  replica-1 ns            │
//!  eth0 10.B.0.2 ──veth────┘
//! ```
//!
//! What leaves a replica is delayed by its region's delay to the receiver's; what leaves the gateways for a replica is
//! delayed at the bridge's end of the replica's link. Gateways reach each other over the testbed's own loopback, without
//! delay, and no partition separates them: addresses of one namespace need no route to each other, so that each group would
//! have to have its sockets opened in a namespace of its own. The simulator does separate them.
//!
//! Everything is removed when this is dropped. It needs root, `ip`, and for delays `tc` and a kernel with netem.

use crate::plan::{DelayPlan, Plan};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

/// Most replicas, and most pairs of region and home replica: hosts of the last byte of an address.
const HOSTS_MAX: usize = 250;
/// Packets that wait in a link's queue.
const QUEUE_PACKETS: u32 = 100_000;

/// Why there are no namespaces.
#[derive(Debug, thiserror::Error)]
pub enum NetemError {
    /// A tool said no.
    #[error("`{command}` failed: {message}")]
    Command {
        /// What was run.
        command: String,
        /// What it said.
        message: String,
    },
    /// The plan is too large.
    #[error("{0} addresses where {HOSTS_MAX} are possible: fewer replicas or regions, or no `--netem`")]
    TooMany(usize),
}

/// The network of a run.
pub(super) struct Netem {
    /// Names it apart from others on this machine.
    tag: String,
    /// Second byte of all addresses.
    block: u8,
    replicas: usize,
    /// Address (last byte) of the gateways of a region with a home replica.
    gateways: BTreeMap<(usize, usize), usize>,
}

impl Netem {
    /// Whether this process may make namespaces, and with `delays` shape what goes between them; else why not.
    ///
    /// # Errors
    /// What the tools say.
    pub fn permitted(delays: bool) -> Result<(), NetemError> {
        let name = format!("am{}p", std::process::id());
        ip(&format!("netns add {name}"))?;
        let link = ip(&format!("-n {name} link add am-probe type veth peer name am-other"));
        let shaped = link.and_then(|()| match delays {
            // As it will be shaped: the kernel may have netem and not what sorts packets by their path.
            true => {
                let delay = DelayPlan::Uniform { min_ns: 1_000_000, max_ns: 1_000_000 };
                let commands = shaping("am-probe", &[("dst 10.0.0.1".to_owned(), delay)], 0);
                batch_in("ip", &format!("netns exec {name} tc -batch -"), &commands, true)
            }
            false => Ok(()),
        });
        ip(&format!("netns del {name}"))?;
        shaped
    }

    /// Builds it.
    ///
    /// # Errors
    /// What the tools say; then nothing is left of it.
    pub fn build(plan: &Plan, delays: bool) -> Result<Self, NetemError> {
        let replicas = plan.replicas.len();
        let mut pairs: Vec<(usize, usize)> =
            plan.population.institutions.iter().map(|one| (one.region, one.replica)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let gateways: BTreeMap<_, _> = pairs.into_iter().zip(1..).collect();
        let most = replicas.max(gateways.len());
        if most > HOSTS_MAX {
            return Err(NetemError::TooMany(most));
        }
        let id = std::process::id();
        let netem =
            Self { tag: format!("am{}", id % 1_000_000), block: (id % 200) as u8 + 50, replicas, gateways };
        netem.links()?;
        if delays {
            netem.shape(plan)?;
        }
        Ok(netem)
    }

    /// A replica's namespace.
    pub fn namespace(&self, replica: usize) -> String {
        format!("{}r{replica}", self.tag)
    }

    /// Address of a replica.
    pub fn replica(&self, replica: usize) -> String {
        format!("10.{}.0.{}", self.block, replica + 1)
    }

    /// Address of gateways of a region with a home replica; the plan's first gateways' for a pair that it does not have.
    pub fn gateway(&self, region: usize, home: usize) -> String {
        let host = self.gateways.get(&(region, home)).copied().unwrap_or(1);
        format!("10.{}.1.{host}", self.block)
    }

    /// Address of the testbed where it is no institution.
    pub fn testbed(&self) -> String {
        format!("10.{}.1.254", self.block)
    }

    /// Separates groups of replicas, and each gateway from those in other groups than its home. Without groups, all
    /// reach each other.
    ///
    /// # Errors
    /// What the tools say.
    pub fn separate(&self, groups: Option<&[u32]>) -> Result<(), NetemError> {
        for replica in 0..self.replicas {
            let apart = |other: usize| groups.is_some_and(|groups| groups[other] != groups[replica]);
            let others = (0..self.replicas).filter(|other| *other != replica);
            let mut addresses: Vec<(String, bool)> =
                others.map(|other| (self.replica(other), apart(other))).collect();
            addresses.extend(
                self.gateways.keys().map(|(region, home)| (self.gateway(*region, *home), apart(*home))),
            );
            let (mut joined, mut cut) = (String::new(), String::new());
            for (address, apart) in addresses {
                let _ = match apart {
                    true => writeln!(cut, "route replace blackhole {address}/32"),
                    false => writeln!(joined, "route del blackhole {address}/32"),
                };
            }
            // Removing a route that is not there fails, and is fine.
            let command = format!("-n {} -force -batch -", self.namespace(replica));
            batch_in("ip", &command, &joined, false)?;
            batch_in("ip", &command, &cut, true)?;
        }
        Ok(())
    }

    fn bridge(&self) -> String {
        format!("{}br", self.tag)
    }

    fn links(&self) -> Result<(), NetemError> {
        let bridge = self.bridge();
        ip(&format!("link add {bridge} type bridge"))?;
        for host in self.gateways.values().copied().chain([254]) {
            ip(&format!("addr add 10.{}.1.{host}/16 dev {bridge}", self.block))?;
        }
        ip(&format!("link set {bridge} up"))?;
        for replica in 0..self.replicas {
            let (namespace, outside) = (self.namespace(replica), format!("{}v{replica}", self.tag));
            ip(&format!("netns add {namespace}"))?;
            ip(&format!("link add {outside} type veth peer name eth0 netns {namespace}"))?;
            ip(&format!("link set {outside} master {bridge} up"))?;
            ip(&format!("-n {namespace} link set lo up"))?;
            ip(&format!("-n {namespace} link set eth0 up"))?;
            ip(&format!("-n {namespace} addr add {}/16 dev eth0", self.replica(replica)))?;
        }
        Ok(())
    }

    /// Gives every path its delay and loss.
    fn shape(&self, plan: &Plan) -> Result<(), NetemError> {
        for replica in 0..self.replicas {
            let (namespace, outside) = (self.namespace(replica), format!("{}v{replica}", self.tag));
            let region = plan.replicas[replica].region;
            let delay = |from: usize, to: usize| plan.network.delays[from][to];
            let mut paths: Vec<(String, DelayPlan)> = (0..self.replicas)
                .filter(|other| *other != replica)
                .map(|other| {
                    (format!("dst {}", self.replica(other)), delay(region, plan.replicas[other].region))
                })
                .collect();
            paths.extend(
                self.gateways
                    .keys()
                    .map(|(of, home)| (format!("dst {}", self.gateway(*of, *home)), delay(region, *of))),
            );
            let inside = shaping("eth0", &paths, plan.network.loss_ppb);
            batch_in("ip", &format!("netns exec {namespace} tc -batch -"), &inside, true)?;
            let towards: Vec<(String, DelayPlan)> = self
                .gateways
                .keys()
                .map(|(of, home)| (format!("src {}", self.gateway(*of, *home)), delay(*of, region)))
                .collect();
            batch_in("tc", "-batch -", &shaping(&outside, &towards, plan.network.loss_ppb), true)?;
        }
        Ok(())
    }
}

impl Drop for Netem {
    fn drop(&mut self) {
        // What is not there need not be removed; a link goes with its namespace.
        for replica in 0..self.replicas {
            let _ = ip(&format!("netns del {}", self.namespace(replica)));
        }
        let _ = ip(&format!("link del {}", self.bridge()));
    }
}

/// Commands of `tc`: a class without a limit for each path, and its delay and loss below it.
fn shaping(device: &str, paths: &[(String, DelayPlan)], loss_ppb: u64) -> String {
    let mut batch = format!("qdisc add dev {device} root handle 1: htb default 1\n");
    let _ = writeln!(batch, "class add dev {device} parent 1: classid 1:1 htb rate 100gbit quantum 60000");
    for (index, (selector, delay)) in paths.iter().enumerate() {
        let class = format!("{:x}", index + 2);
        let _ = writeln!(
            batch,
            "class add dev {device} parent 1: classid 1:{class} htb rate 100gbit quantum 60000"
        );
        let loss = match loss_ppb {
            0 => String::new(),
            ppb => format!(" loss {}.{:07}%", ppb / 10_000_000, ppb % 10_000_000),
        };
        let _ = writeln!(
            batch,
            "qdisc add dev {device} parent 1:{class} handle {:x}: netem limit {QUEUE_PACKETS} {}{loss}",
            index + 0x100,
            netem_delay(*delay)
        );
        let _ = writeln!(
            batch,
            "filter add dev {device} parent 1: protocol ip prio 1 u32 match ip {selector}/32 flowid 1:{class}"
        );
    }
    batch
}

/// The delay as netem has it: a mean and a deviation to both sides. Of an exponential jitter it has the mean.
fn netem_delay(delay: DelayPlan) -> String {
    let (middle, spread) = match delay {
        DelayPlan::Exponential { min_ns, jitter_mean_ns } => (min_ns + jitter_mean_ns, jitter_mean_ns),
        DelayPlan::Uniform { min_ns, max_ns } => (min_ns.midpoint(max_ns), (max_ns - min_ns) / 2),
    };
    format!("delay {}us {}us", middle / 1_000, spread / 1_000)
}

fn ip(arguments: &str) -> Result<(), NetemError> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &str) -> Result<(), NetemError> {
    batch_in(program, arguments, "", true)
}

/// Runs a command with `input`; `strict`: it must succeed.
fn batch_in(program: &str, arguments: &str, input: &str, strict: bool) -> Result<(), NetemError> {
    let failed = |message: String| NetemError::Command { command: format!("{program} {arguments}"), message };
    let mut child = Command::new(program)
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that reads nothing has said why on its standard error.
        let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() || !strict {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(failed(if message.is_empty() { output.status.to_string() } else { message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_given_as_their_mean_and_spread() {
        let uniform = DelayPlan::Uniform { min_ns: 50_000_000, max_ns: 100_000_000 };
        assert_eq!(netem_delay(uniform), "delay 75000us 25000us");
        let exponential = DelayPlan::Exponential { min_ns: 500_000, jitter_mean_ns: 100_000 };
        assert_eq!(netem_delay(exponential), "delay 600us 100us");
        let text = shaping("eth0", &[("dst 10.9.0.2".to_owned(), uniform)], 100_000);
        assert!(text.contains("loss 0.0100000%"), "{text}");
        assert!(text.contains("match ip dst 10.9.0.2/32 flowid 1:2"), "{text}");
    }
}
