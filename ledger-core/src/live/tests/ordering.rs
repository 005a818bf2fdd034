use super::*;

#[test]
fn four_replicas_commit_and_agree() {
    let consortium = Consortium::new(4);
    let mut replicas = consortium.start_all();
    for (number, replica) in (0..).zip(&replicas) {
        replica.submit(number * 1_000..number * 1_000 + 1_000);
    }
    let mut last = 0;
    for replica in &replicas {
        let replies = replica.replies(1_000);
        assert!(all_ordered(&replies));
        last = replies.iter().map(commit_of).max().unwrap().max(last);
    }
    replicas.iter_mut().for_each(|replica| replica.until(|report| report.index >= last));
    assert_agreement(&replicas.iter().collect::<Vec<_>>());
    for replica in replicas {
        assert!(replica.handle.failed().is_none());
        assert_eq!(replica.handle.status().unobserved, 0);
        replica.handle.shutdown().unwrap();
    }
}

#[test]
fn a_replica_goes_on_from_its_journal() {
    let consortium = Consortium::new(4);
    let mut replicas = consortium.start_all();
    replicas[0].submit(0..500);
    replicas[3].submit(500..600);
    let before = replicas[3].replies(100).iter().map(commit_of).max().unwrap();
    replicas[3].until(|report| report.index >= before);
    let stopped = replicas.pop().unwrap();
    let (kept, durable) = (stopped.commits.clone(), stopped.handle.status().durable);
    assert!(durable.0 > 0);
    stopped.handle.shutdown().unwrap();

    replicas[1].submit(1_000..2_000);
    let after = replicas[1].replies(1_000).iter().map(commit_of).max().unwrap();
    let mut again = consortium.start(3);
    again.until(|report| report.index >= after);
    again.submit(3_000..3_010);
    assert!(all_ordered(&again.replies(10)));
    let last = again.commits.keys().last().copied().unwrap();
    replicas.iter_mut().for_each(|replica| replica.until(|report| report.index >= last));
    let mut all: Vec<&Running> = replicas.iter().collect();
    all.push(&again);
    assert_agreement(&all);
    let same = |(index, digest)| again.commits.get(index).is_none_or(|other| other == digest);
    assert!(kept.iter().all(same), "what it committed before it stopped stands");
    for replica in replicas.into_iter().chain([again]) {
        replica.handle.shutdown().unwrap();
    }
}

/// Whatever was taken is answered, and what was not taken comes back to the caller.
#[test]
fn a_full_inbox_is_busy_and_loses_nothing() {
    let consortium = Consortium::new(1);
    let replica = consortium.start(0);
    let local = replica.handle.local();
    let (mut taken, mut number) = (0, 0);
    loop {
        let batch: Vec<Bytes> = (number..number + 20).map(submission).collect();
        number += 20;
        match local.submit(batch) {
            Ok(()) => taken += 20,
            Err(Busy(back)) => {
                assert_eq!(back.len(), 20);
                break;
            }
        }
    }
    let replies = replica.replies(taken);
    let answered =
        replies.iter().filter(|reply| matches!(reply, Reply::Ordered { .. } | Reply::Busy(_))).count();
    assert_eq!(answered, taken);
    replica.handle.shutdown().unwrap();
}

#[test]
fn two_processes_cannot_use_one_journal() {
    let consortium = Consortium::new(1);
    let replica = consortium.start(0);
    let error = start_replica(consortium.options(0).0).err().unwrap();
    assert!(matches!(error, LiveError::Journal(JournalError::Locked { .. })), "{error}");
    replica.handle.shutdown().unwrap();
}

fn commit_of(reply: &Reply) -> u64 {
    match reply {
        Reply::Ordered { commit, .. } => *commit,
        other => panic!("{other:?}"),
    }
}
