//! Runs jobs on worker threads and yields their results in order.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread::{Scope, ScopedJoinHandle};
use std::{fs, iter, thread};

/// The number of results that can wait for an earlier one, in addition to one for each thread. An encoded row group has
/// about 4 MB.
const RESULTS_AHEAD: usize = 2;

/// Runs `work` for each job on `threads` threads, and calls `take` with the results in the order of the jobs.
///
/// At most `threads + 2` jobs are running or waiting for `take`. This limits memory.
///
/// # Errors
/// Returns the first error of `work` or `take`. No job starts after it. Returns [`Error::Internal`] if `work` panics, and
/// [`Error::Io`] if the system refuses a thread.
pub fn run_in_order<J: Copy + Sync, T: Send>(
    jobs: &[J],
    threads: usize,
    work: impl Fn(J) -> Result<T> + Sync,
    mut take: impl FnMut(J, T) -> Result<()>,
) -> Result<()> {
    let threads = threads.clamp(1, jobs.len().max(1));
    let next = AtomicUsize::new(0);
    let (permit, permits) = mpsc::channel();
    let permits = Mutex::new(permits);
    let (result, results) = mpsc::channel();
    for () in iter::repeat_n((), threads + RESULTS_AHEAD) {
        // This can't fail, because the receiver exists.
        let _ = permit.send(());
    }
    thread::scope(|scope| {
        // An early return with `?` drops both, so workers get no more permits and can't send results. They then end.
        let (permit, results) = (permit, results);
        for _ in 0..threads {
            let (next, permits, work, result) = (&next, &permits, &work, result.clone());
            spawn(scope, move || {
                loop {
                    // A worker takes the permit before the job, so the job that `take` waits for always has a permit.
                    let permitted = permits.lock().is_ok_and(|permits| permits.recv().is_ok());
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&job) = jobs.get(index).filter(|_| permitted) else { return };
                    let value = catch_unwind(AssertUnwindSafe(|| work(job)))
                        .unwrap_or_else(|_| Err(Error::Internal("a worker thread panicked".into())));
                    if result.send((index, value)).is_err() {
                        return;
                    }
                }
            })?;
        }
        drop(result);
        let mut waiting = BTreeMap::new();
        for (wanted, &job) in jobs.iter().enumerate() {
            let value = loop {
                if let Some(value) = waiting.remove(&wanted) {
                    break value;
                }
                let (index, value) =
                    results.recv().map_err(|_| Error::Internal("a worker thread ended without a result".into()))?;
                waiting.insert(index, value?);
            };
            take(job, value)?;
            // This fails only when all workers have ended.
            let _ = permit.send(());
        }
        Ok(())
    })
}

/// Starts `work` on a thread of `scope`.
///
/// # Errors
/// Returns [`Error::Io`] if the system refuses the thread. [`Scope::spawn`] panics then.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    thread::Builder::new().spawn_scoped(scope, work).map_err(Error::no_thread)
}

/// Checks that the system allows `count` more threads, for crates that panic if it refuses one.
///
/// # Errors
/// Returns [`Error::Io`] if the system refuses a thread.
pub fn check_threads(count: usize) -> Result<()> {
    // Linux counts a thread until it has left this folder, which is a moment after its end.
    let running = || fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let before = running();
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let _closed = gate.lock();
        (0..count).try_for_each(|_| spawn(scope, || drop(gate.lock())).map(drop))
    })?;
    (0..10_000).take_while(|_| running() > before).for_each(|_| thread::yield_now());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_workers_do_not_run_far_ahead() {
        let jobs: Vec<usize> = (0..200).collect();
        for threads in [1, 2, 7, 300] {
            let taken = AtomicUsize::new(0);
            let furthest = AtomicUsize::new(0);
            let mut order = Vec::new();
            let work = |job: usize| {
                furthest.fetch_max(job.saturating_sub(taken.load(Ordering::SeqCst)), Ordering::SeqCst);
                Ok(job * 2)
            };
            run_in_order(&jobs, threads, work, |job, value| {
                assert_eq!(value, job * 2);
                order.push(job);
                taken.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
            .unwrap();
            assert_eq!(order, jobs);
            assert!(furthest.into_inner() <= threads + RESULTS_AHEAD, "with {threads} threads");
        }
    }

    #[test]
    fn a_panic_is_an_error_and_does_not_block() {
        let jobs: Vec<usize> = (0..100).collect();
        let work = |job: usize| if job == 3 { panic!("on purpose") } else { Ok(()) };
        assert!(matches!(run_in_order(&jobs, 4, work, |_, ()| Ok(())), Err(Error::Internal(_))));
    }

    #[test]
    fn the_first_error_stops_the_workers() {
        let jobs: Vec<usize> = (0..1_000).collect();
        let begun = AtomicUsize::new(0);
        let work = |job: usize| {
            begun.fetch_add(1, Ordering::SeqCst);
            if job == 10 { Err(Error::Interrupted) } else { Ok(()) }
        };
        assert!(run_in_order(&jobs, 4, work, |_, ()| Ok(())).is_err());
        assert!(begun.into_inner() < 40);
        assert!(
            run_in_order(&jobs, 4, |_| Ok(()), |job, ()| if job == 5 { Err(Error::Interrupted) } else { Ok(()) })
                .is_err()
        );
        assert!(run_in_order(&[] as &[usize], 4, |_| Ok(()), |_, ()| Ok(())).is_ok());
    }
}
