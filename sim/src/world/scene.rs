//! A simulated world at an instant: every host with its machine, its queues, its cores and its disk.

use super::World;
use super::node::Machine;
use crate::host::disk::DiskCounters;
use ledger_core::gateway::GatewayView;
use ledger_core::replica::ReplicaView;
use ledger_core::seam::Peer;
use ledger_core::time::{Duration, Timestamp};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// When.
    pub at: Timestamp,
    /// Whether the run went on after it.
    pub stopped: bool,
    /// Replicas, then gateways.
    pub hosts: Vec<HostView>,
    /// Rows of `plan.faults` in force.
    pub faults: Vec<usize>,
}

/// A host.
#[derive(Clone, Debug)]
pub struct HostView {
    /// Who it is.
    pub peer: Peer,
    /// What runs on it.
    pub machine: MachineView,
    /// Pauses in force.
    pub paused: u32,
    /// How often it was started again.
    pub incarnation: u32,
    /// Inputs that wait for the machine, and the most that ever did.
    pub inbox: (usize, usize),
    /// Messages that wait for the machine's core.
    pub outbox: usize,
    /// Until when the machine's core is busy.
    pub busy_until: Timestamp,
    /// When its timer is due.
    pub timer_at: Option<Timestamp>,
    /// What the machine's core has done so far.
    pub machine_busy: Duration,
    /// What the other cores have accepted so far: work, jobs, longest wait.
    pub cores: (Duration, u64, Duration),
    /// The disk.
    pub disk: DiskView,
}

/// A disk.
#[derive(Clone, Copy, Debug)]
pub struct DiskView {
    /// Number of the first entry held, of the first that is not durable, and of the next one.
    pub entries: (u64, u64, u64),
    /// When the device has written what it was given.
    pub written_at: Timestamp,
    /// Totals.
    pub counters: DiskCounters,
}

/// What runs on a host.
#[derive(Clone, Debug)]
pub enum MachineView {
    /// Nothing: it is down.
    Down,
    /// A correct replica.
    Replica(Box<ReplicaView>),
    /// A Byzantine replica, as the correct machine inside it stands.
    Byzantine(Box<ReplicaView>),
    /// A gateway, hostile or not.
    Gateway(Box<GatewayView>),
}

impl World {
    pub(super) fn scene(&mut self, stopped: bool) -> Scene {
        let mut hosts = Vec::new();
        for node in &mut self.nodes {
            let disk = DiskView {
                entries: (node.disk.first(), node.disk.durable(), node.disk.end()),
                written_at: node.disk.written_at(),
                counters: node.disk.counters(),
            };
            let machine = match &mut node.machine {
                None => MachineView::Down,
                Some(Machine::Replica(replica)) => MachineView::Replica(Box::new(replica.view())),
                Some(Machine::Byzantine(byzantine)) => MachineView::Byzantine(Box::new(byzantine.view())),
                Some(Machine::Gateway(gateway)) => MachineView::Gateway(Box::new(gateway.view())),
                Some(Machine::HostileGateway(hostile)) => {
                    MachineView::Gateway(Box::new(hostile.inner_mut().view()))
                }
            };
            let (inbox, timer_at) = node.waiting();
            hosts.push(HostView {
                peer: node.peer,
                machine,
                paused: node.paused,
                incarnation: node.incarnation,
                inbox: (inbox, node.inbox_max),
                outbox: node.outbox.len(),
                busy_until: node.busy_until,
                timer_at,
                machine_busy: node.machine_busy,
                cores: (node.cpu.busy(), node.cpu.jobs(), node.cpu.wait_max()),
                disk,
            });
        }
        Scene { at: self.now, stopped, hosts, faults: self.recorder.faults_in_force() }
    }
}
