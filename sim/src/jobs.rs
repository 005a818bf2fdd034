//! The same work on several threads.

/// Runs `worker` on so many threads, at least one, and adds up what each yields. Workers share out the work between
/// themselves; what `add` makes must not depend on the order in which they end.
///
/// # Panics
/// As a worker does.
pub(crate) fn on_threads<Y: Send>(jobs: usize, worker: impl Fn() -> Y + Sync, mut add: impl FnMut(Y)) {
    std::thread::scope(|threads| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| threads.spawn(&worker)).collect();
        for worker in workers {
            match worker.join() {
                Ok(part) => add(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
}
