mod disk;

use super::*;
use bytes::Bytes;
use disk::{Disk, Op, State};

const OPTIONS: JournalOptions = JournalOptions { identity: [7; 32], salt: [9; 16], segment_bytes_max: 400 };

fn block(number: u64, length: usize) -> JournalEntry {
    JournalEntry::Block(Bytes::from(vec![number as u8 + 1; length]))
}

fn snapshot(number: u64) -> JournalEntry {
    JournalEntry::Snapshot(Bytes::from(vec![number as u8 + 1; 33]))
}

/// A journal and all that was ever appended to it.
struct Story {
    disk: Disk,
    journal: Journal<Disk>,
    /// From position 0.
    appended: Vec<JournalEntry>,
    /// No entry before it is needed.
    truncated: u64,
}

impl Story {
    fn begin(disk: &Disk) -> Self {
        let (journal, recovered) = Journal::open(disk.clone(), OPTIONS).unwrap();
        assert_eq!(recovered, Recovered { first: JournalPosition(0), entries: vec![], torn: None });
        Self { disk: disk.clone(), journal, appended: vec![], truncated: 0 }
    }

    fn append(&mut self, entry: JournalEntry) {
        self.appended.push(entry.clone());
        assert_eq!(self.journal.append(entry).0, self.appended.len() as u64);
    }

    fn flush(&mut self) {
        let durable = self.journal.flush().unwrap();
        assert_eq!(durable.0, self.appended.len() as u64);
        self.disk.acknowledge(durable.0);
    }

    fn batch(&mut self, lengths: &[usize]) {
        for length in lengths {
            self.append(block(self.appended.len() as u64, *length));
        }
        self.flush();
    }

    fn truncate(&mut self, before: u64) {
        self.truncated = before;
        self.journal.truncate(JournalPosition(before)).unwrap();
    }
}

/// What was found is what was appended, without a gap, and contains everything acknowledged and not truncated.
fn check(recovered: &Recovered, appended: &[JournalEntry], acknowledged: u64, truncated: u64) {
    let first = recovered.first.0;
    let end = first + recovered.entries.len() as u64;
    assert!(first <= truncated, "begins at {first}, truncated before {truncated}");
    assert!(end >= acknowledged, "ends at {end}, acknowledged {acknowledged}");
    assert_eq!(recovered.entries, appended[first as usize..end as usize]);
}

/// Crashes after every operation, in every way; opens; every few times lives on and crashes in every way again.
fn check_every_crash(log: &[Op], appended: &[JournalEntry], truncated: u64) -> usize {
    let mut state = State::default();
    let mut opened = 0;
    for (number, op) in log.iter().enumerate() {
        state.apply(op);
        for crashed in state.crashes() {
            opened += 1;
            let acknowledged = crashed.acknowledged;
            let disk = Disk::of(crashed);
            let (mut journal, recovered) = Journal::open(disk.clone(), OPTIONS)
                .unwrap_or_else(|error| panic!("after operation {number} ({op:?}): {error}"));
            check(&recovered, appended, acknowledged, truncated);
            if opened % 101 == 0 {
                let mut now = appended[..recovered.first.0 as usize].to_vec();
                now.extend(recovered.entries);
                disk.acknowledge(journal.durable().0);
                for number in 100..102 {
                    now.push(block(number, 11));
                    journal.append(block(number, 11));
                    disk.acknowledge(journal.flush().unwrap().0);
                }
                let mut again = disk.before();
                for op in disk.log() {
                    again.apply(&op);
                    for twice in again.crashes().into_iter().step_by(7) {
                        let acknowledged = twice.acknowledged;
                        let (_, recovered) = Journal::open(Disk::of(twice), OPTIONS).unwrap();
                        let end = recovered.first.0 + recovered.entries.len() as u64;
                        assert!(end >= acknowledged);
                        assert_eq!(recovered.entries, now[recovered.first.0 as usize..end as usize]);
                    }
                }
            }
        }
    }
    opened
}

#[test]
fn every_crash_recovers_what_was_acknowledged() {
    let disk = Disk::default();
    let mut story = Story::begin(&disk);
    story.batch(&[5]);
    story.batch(&[8, 0, 13]);
    story.batch(&[40, 1]);
    story.append(block(6, 30));
    story.journal.write();
    story.append(block(7, 30));
    story.journal.write();
    story.batch(&[]);
    story.append(block(8, 9));
    story.journal.write();
    story.append(snapshot(9));
    story.append(block(10, 21));
    story.flush();
    story.truncate(9);
    story.batch(&[3]);
    assert!(disk.state().files().len() <= 2, "whole segments are deleted");
    let opened = check_every_crash(&disk.log(), &story.appended, 9);
    assert!(opened > 2_000, "only {opened} states");
}

#[test]
fn a_full_disk_loses_nothing_and_is_left_behind() {
    for room in 0..230 {
        for write_max in [7, 1_000_000] {
            let disk = Disk::default();
            let mut story = Story::begin(&disk);
            story.batch(&[5]);
            disk.set_room(Some(room));
            disk.set_write_max(write_max);
            let before = story.appended.len();
            for length in [30, 0, 9] {
                story.append(block(story.appended.len() as u64, length));
                if length == 0 {
                    story.journal.write();
                }
            }
            if let Err(error) = story.journal.flush() {
                assert!(matches!(error, JournalError::OutOfSpace { .. }), "{error}");
                assert_eq!(story.journal.durable().0, before as u64);
                let files = disk.state().files();
                let cut = Journal::open(Disk::of(disk.state()), OPTIONS).unwrap().1;
                assert_eq!(cut.torn, None, "the half-written record is cut: {files:?}");
                assert!(story.journal.flush().is_err(), "there is still no room");
                story.append(block(9, 3));
            }
            disk.set_room(None);
            story.flush();
            story.batch(&[1, 2]);
            let (_, recovered) = Journal::open(Disk::of(disk.state()), OPTIONS).unwrap();
            check(&recovered, &story.appended, story.appended.len() as u64, 0);
        }
    }
}

#[test]
fn every_crash_around_a_full_disk_recovers() {
    let disk = Disk::default();
    let mut story = Story::begin(&disk);
    story.batch(&[5]);
    disk.set_room(Some(100));
    story.append(block(1, 30));
    story.append(block(2, 30));
    assert!(story.journal.flush().is_err());
    assert!(story.journal.flush().is_err());
    disk.set_room(None);
    story.flush();
    story.batch(&[4]);
    check_every_crash(&disk.log(), &story.appended, 0);
}

/// The kernel forgets what it could not write: only writing it again makes it durable.
#[test]
fn a_failed_sync_is_never_believed() {
    let disk = Disk::default();
    let mut story = Story::begin(&disk);
    story.batch(&[5]);
    disk.fail_syncs(1);
    story.batch(&[6, 7]);
    story.batch(&[8]);
    check_every_crash(&disk.log(), &story.appended, 0);

    disk.fail_syncs(2);
    story.append(block(4, 9));
    let error = story.journal.flush().unwrap_err();
    assert!(matches!(error, JournalError::Storage { action: "sync", .. }), "{error}");
    disk.fail_names(1);
    let error = story.journal.flush().unwrap_err();
    assert!(matches!(error, JournalError::Storage { .. }), "{error}");
    check_every_crash(&disk.log(), &story.appended, 0);
}

/// A process that died without syncing left its writes in the kernel's memory: the next one must not take them for durable.
#[test]
fn what_a_restarted_process_hands_out_survives_a_power_failure() {
    let disk = Disk::default();
    let mut story = Story::begin(&disk);
    story.batch(&[5]);
    story.batch(&[6]);
    story.append(block(2, 9));
    disk.fail_syncs(2);
    assert!(story.journal.flush().is_err());
    let log = disk.log();
    for killed in 0..=log.len() {
        let mut state = State::default();
        log[..killed].iter().for_each(|op| state.apply(op));
        let running = Disk::of(state.clone());
        let (_, recovered) = Journal::open(running.clone(), OPTIONS).unwrap();
        check(&recovered, &story.appended, state.acknowledged, 0);
        let end = recovered.entries.len() as u64;
        running.acknowledge(end);
        let mut state = running.before();
        for op in running.log() {
            state.apply(&op);
            for crashed in state.crashes() {
                let acknowledged = crashed.acknowledged;
                let (_, recovered) = Journal::open(Disk::of(crashed), OPTIONS).unwrap();
                check(&recovered, &story.appended, acknowledged, 0);
            }
        }
    }
}

/// After a clean end every flipped bit is refused; after a power failure, every one before the last write.
#[test]
fn no_flipped_bit_is_accepted() {
    for clean in [true, false] {
        let disk = Disk::default();
        let mut story = Story::begin(&disk);
        story.batch(&[5]);
        story.batch(&[8, 0, 13]);
        story.batch(&[60, 70]);
        story.batch(&[3]);
        let witnessed = if clean { story.appended.len() } else { story.appended.len() - 1 };
        if clean {
            story.journal.close().unwrap();
        }
        let (mut refused, mut cut) = (0, 0);
        for (name, content) in disk.state().files() {
            for bit in 0..content.len() * 8 {
                let mut state = disk.state();
                state.edit(&name, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
                match Journal::open(Disk::of(state), OPTIONS) {
                    Ok((_, recovered)) => {
                        let end = recovered.entries.len();
                        assert!(end >= witnessed, "bit {bit} of {name}: only {end} entries left");
                        assert_eq!(recovered.entries, story.appended[..end], "bit {bit} of {name}");
                        cut += 1;
                    }
                    Err(JournalError::Corrupt { path, offset, .. }) => {
                        assert!(path.ends_with(&name), "{path:?} for {name}");
                        assert!(offset as usize <= bit / 8, "damage at {} found at {offset}", bit / 8);
                        refused += 1;
                    }
                    Err(error) => panic!("bit {bit} of {name}: {error}"),
                }
            }
        }
        assert!(refused > 3_000, "{refused} refused, {cut} cut");
    }
}

#[test]
fn a_missing_segment_is_refused_by_name() {
    let disk = Disk::default();
    let mut story = Story::begin(&disk);
    for _ in 0..12 {
        story.batch(&[100]);
    }
    let files = disk.state().files();
    assert!(files.len() >= 4);
    let mut disk = Disk::of(disk.state());
    disk.remove(&files[1].0).unwrap();
    let error = Journal::open(disk, OPTIONS).err().unwrap();
    assert!(matches!(error, JournalError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains(&format!("{} is damaged at byte {}", files[0].0, files[0].1.len())));
    assert!(error.to_string().contains("Restore"), "{error}");
}

#[test]
fn another_replicas_journal_is_refused() {
    let disk = Disk::default();
    Story::begin(&disk).batch(&[5]);
    let other = JournalOptions { identity: [8; 32], ..OPTIONS };
    assert!(matches!(Journal::open(disk, other), Err(JournalError::Foreign { .. })));
}

/// A payload that looks like a record of the same segment is no witness: its key is not known outside.
#[test]
fn an_entry_cannot_pass_for_records() {
    let disk = Disk::default();
    let mut story = Story::begin(&disk);
    story.batch(&[5]);
    let (_, segment) = disk.state().files().remove(0);
    let unsalted = SegmentHeader::new(&JournalOptions { salt: [0; 16], ..OPTIONS }, JournalPosition(0), 1);
    let mut forged = Records::default();
    forged.begin();
    forged.add_seal(&unsalted, JournalPosition(99));
    let mut payload = forged_bytes(&forged);
    payload.extend_from_slice(&segment[record::SEGMENT_HEADER_BYTES..]);
    story.append(JournalEntry::Block(payload.into()));
    story.flush();
    let (name, content) = disk.state().files().remove(0);
    let mut state = disk.state();
    state.edit(&name, |bytes| bytes.truncate(content.len() - 40));
    let (_, recovered) = Journal::open(Disk::of(state), OPTIONS).unwrap();
    assert_eq!(recovered.entries, story.appended[..1]);
    assert!(recovered.torn.is_some());
}

fn forged_bytes(records: &Records) -> Vec<u8> {
    let disk = Disk::default();
    let mut file = disk.clone().create("forged").unwrap();
    records.write(&mut file, &[]).unwrap();
    disk.state().files().remove(0).1
}

#[test]
fn a_directory_of_the_host_serves_one_process() {
    let path = std::env::temp_dir().join(format!("amanah-journal-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let (mut journal, _) = Journal::open(Directory::open(&path).unwrap(), OPTIONS).unwrap();
    let error = Directory::open(&path).unwrap_err();
    assert!(matches!(&error, JournalError::Locked { path } if path.ends_with("lock")), "{error}");
    for number in 0..20 {
        journal.append(block(number, 50));
        journal.flush().unwrap();
    }
    journal.append(snapshot(20));
    journal.flush().unwrap();
    journal.truncate(JournalPosition(20)).unwrap();
    journal.close().unwrap();
    let (journal, recovered) = Journal::open(Directory::open(&path).unwrap(), OPTIONS).unwrap();
    assert_eq!(recovered.first, JournalPosition(20));
    assert_eq!(recovered.entries, [snapshot(20)]);
    drop(journal);
    std::fs::remove_dir_all(&path).unwrap();
}

/// What a file held before it was written over is neither an entry nor damage, wherever the process is killed.
#[test]
fn retired_segments_are_written_over() {
    let path = std::env::temp_dir().join(format!("amanah-journal-over-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let mut first = 0;
    let mut expected = Vec::new();
    let (mut journal, _) = Journal::open(Directory::open(&path).unwrap(), OPTIONS).unwrap();
    for number in 0..200 {
        let entry = block(number, 20 + number as usize * 37 % 3_000);
        expected.push(entry.clone());
        journal.append(entry);
        journal.flush().unwrap();
        if number % 20 == 19 {
            let before = number - 10;
            journal.truncate(JournalPosition(before)).unwrap();
        }
        if number % 7 == 0 {
            // Killed: no witness is left of the last flush.
            drop(journal);
            let (opened, recovered) = Journal::open(Directory::open(&path).unwrap(), OPTIONS).unwrap();
            first = recovered.first.0;
            assert_eq!(recovered.entries, expected[first as usize..], "killed after {number}");
            journal = opened;
        }
    }
    assert!(first > 100, "segments were retired: {first}");
    journal.close().unwrap();
    let (journal, recovered) = Journal::open(Directory::open(&path).unwrap(), OPTIONS).unwrap();
    assert_eq!(recovered.entries, expected[recovered.first.0 as usize..]);
    assert_eq!(recovered.torn, None, "nothing is left behind the seal");
    drop(journal);
    std::fs::remove_dir_all(&path).unwrap();
}
