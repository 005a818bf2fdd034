//! Stateless work away from the machines, by a verifier that remembers what it found valid.

use super::machines::Answer;
use crate::committee::Committee;
use crate::crypto::{BatchVerifier, SignatureCheck, SignatureVerifier};
use crate::live::cpu::Chore;
use crate::live::status::Shared;
use crate::seam::{Input, JobId};
use crate::work::Work;
use crossbeam_channel::{Receiver, Sender};
use dashmap::DashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;

/// Valid signatures remembered in one generation; two are kept. A transaction's signature is checked when it is submitted
/// and again in its block, within seconds: at 20,000 a second this is 6 seconds or more.
const REMEMBERED_MAX: usize = 128 * 1024;

/// A job.
pub(in crate::live) struct Task {
    pub machine: u32,
    pub job: JobId,
    pub work: Work,
}

/// Does work, on threads of its own or on the caller's.
pub(in crate::live) struct Workers {
    hands: Hands,
    tasks: Option<Sender<Task>>,
}

impl Workers {
    /// With no threads, the caller works: where cores are few, that saves switching between threads.
    pub fn start(
        threads: usize,
        committee: &Arc<Committee>,
        answers: &Sender<Answer>,
        shared: &Arc<Shared>,
    ) -> io::Result<(Self, Vec<JoinHandle<()>>)> {
        let memory = Arc::new(Memory::default());
        let (sender, receiver) = crossbeam_channel::unbounded();
        let handles = (0..threads)
            .map(|number| {
                let hands =
                    Hands { committee: committee.clone(), memory: memory.clone(), shared: shared.clone() };
                let (receiver, answers) = (receiver.clone(), answers.clone());
                super::spawn(&format!("worker-{number}"), shared, move || work(&hands, &receiver, &answers))
            })
            .collect::<io::Result<_>>()?;
        let tasks = (threads > 0).then_some(sender);
        let hands = Hands { committee: committee.clone(), memory, shared: shared.clone() };
        Ok((Self { hands, tasks }, handles))
    }

    /// Takes a job, or answers it at once.
    pub fn submit(&self, task: Task) -> Option<(u32, Input)> {
        match &self.tasks {
            // Workers live as long as the machines.
            Some(tasks) => tasks.send(task).err().map(|error| self.hands.run(&error.0)),
            None => Some(self.hands.run(&task)),
        }
    }
}

/// What doing work takes.
struct Hands {
    committee: Arc<Committee>,
    memory: Arc<Memory>,
    shared: Arc<Shared>,
}

impl Hands {
    fn run(&self, task: &Task) -> (u32, Input) {
        let run = || task.work.run(&self.committee, &mut Remembering(&self.memory));
        let finding = self.shared.meter.measure(Chore::of(&task.work), run);
        (task.machine, Input::Verified(task.job, finding))
    }
}

fn work(hands: &Hands, tasks: &Receiver<Task>, answers: &Sender<Answer>) {
    for task in tasks {
        let (machine, input) = hands.run(&task);
        if answers.send(Answer::Input(machine, input)).is_err() {
            return;
        }
    }
}

/// Signatures found valid lately, by hash of key, message and signature. What is invalid is not remembered: whoever
/// sends much of it would push out the rest.
#[derive(Default)]
struct Memory {
    generations: RwLock<Generations>,
    young: AtomicUsize,
}

#[derive(Default)]
struct Generations {
    young: DashMap<[u8; 16], ()>,
    old: DashMap<[u8; 16], ()>,
}

impl Memory {
    fn knows(&self, key: &[u8; 16]) -> bool {
        let generations = self.generations.read().expect("nothing panics while it holds this");
        generations.young.contains_key(key) || generations.old.contains_key(key)
    }

    fn learn(&self, keys: impl Iterator<Item = [u8; 16]>) {
        {
            let generations = self.generations.read().expect("nothing panics while it holds this");
            let mut added = 0;
            for key in keys {
                added += usize::from(generations.young.insert(key, ()).is_none());
            }
            if self.young.fetch_add(added, Ordering::Relaxed) + added < REMEMBERED_MAX {
                return;
            }
        }
        let mut generations = self.generations.write().expect("nothing panics while it holds this");
        if self.young.swap(0, Ordering::Relaxed) >= REMEMBERED_MAX {
            generations.old = std::mem::take(&mut generations.young);
        }
    }
}

/// Checks what is not remembered.
struct Remembering<'a>(&'a Memory);

impl SignatureVerifier for Remembering<'_> {
    fn verify(&mut self, checks: &[SignatureCheck]) -> Vec<bool> {
        let keys: Vec<[u8; 16]> = checks.iter().map(key_of).collect();
        let mut verdicts: Vec<bool> = keys.iter().map(|key| self.0.knows(key)).collect();
        let unknown: Vec<usize> = (0..checks.len()).filter(|index| !verdicts[*index]).collect();
        if unknown.len() == checks.len() {
            verdicts = BatchVerifier.verify(checks);
        } else if !unknown.is_empty() {
            let fresh: Vec<SignatureCheck> = unknown.iter().map(|index| checks[*index].clone()).collect();
            for (index, verdict) in unknown.iter().zip(BatchVerifier.verify(&fresh)) {
                verdicts[*index] = verdict;
            }
        }
        self.0.learn(unknown.iter().filter(|index| verdicts[**index]).map(|index| keys[*index]));
        verdicts
    }
}

fn key_of(check: &SignatureCheck) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&check.key.0).update(&check.signature.0).update(&check.message);
    hasher.finalize().as_bytes()[..16].try_into().expect("a hash has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;

    #[test]
    fn remembering_changes_no_verdict_and_is_bounded() {
        let memory = Memory::default();
        let key = SecretKey::from_seed([1; 32]);
        let check = |number: u8, good: bool| SignatureCheck {
            key: key.public(),
            message: vec![number],
            signature: key.sign_bytes(&[if good { number } else { number + 1 }]),
        };
        let checks: Vec<_> = (0..20).map(|number| check(number, number % 3 != 0)).collect();
        let expected: Vec<bool> = (0..20).map(|number| number % 3 != 0).collect();
        for _ in 0..3 {
            assert_eq!(Remembering(&memory).verify(&checks), expected);
            assert_eq!(Remembering(&memory).verify(&checks[3..8]), expected[3..8]);
        }
        assert!(memory.knows(&key_of(&checks[1])) && !memory.knows(&key_of(&checks[0])));
        for number in 0..3 * REMEMBERED_MAX as u64 {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&number.to_le_bytes());
            memory.learn(std::iter::once(key));
        }
        let generations = memory.generations.read().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * REMEMBERED_MAX);
    }
}
