//! Work on threads whose results are taken in order.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::{iter, thread};

/// Results that wait for one before them: some 4 MB each where they are encoded row groups.
const RESULTS_AHEAD: usize = 2;

/// Runs `work` on each job, on so many threads, and hands the results to `take` in the order of the jobs.
///
/// Workers run at most two jobs more than there are threads ahead of what was taken, which bounds the results that
/// wait.
///
/// # Errors
/// The first that `work` or `take` gave, in the order of the jobs, after which nothing more is started;
/// [`Error::Internal`] where `work` panicked.
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
        // Can't fail: the receiving end is alive.
        let _ = permit.send(());
    }
    thread::scope(|scope| {
        for _ in 0..threads {
            let (next, permits, work, result) = (&next, &permits, &work, result.clone());
            scope.spawn(move || {
                loop {
                    // The permit comes first, so the job that is waited for always has one.
                    let permitted = permits.lock().is_ok_and(|permits| permits.recv().is_ok());
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&job) = jobs.get(index).filter(|_| permitted) else { return };
                    let value = catch_unwind(AssertUnwindSafe(|| work(job)))
                        .unwrap_or_else(|_| Err(Error::Internal("a worker failed".into())));
                    if result.send((index, value)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(result);
        // Both are dropped on the way out, also by `?`: workers then find no permit and nobody to send to.
        let (permit, results) = (permit, results);
        let mut waiting = BTreeMap::new();
        for (wanted, &job) in jobs.iter().enumerate() {
            let value = loop {
                if let Some(value) = waiting.remove(&wanted) {
                    break value;
                }
                let (index, value) =
                    results.recv().map_err(|_| Error::Internal("a worker ended without its result".into()))?;
                waiting.insert(index, value?);
            };
            take(job, value)?;
            // Fails only when all workers are done.
            let _ = permit.send(());
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_taken_in_order_and_not_far_ahead() {
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
    fn a_panic_is_an_error_and_no_deadlock() {
        let jobs: Vec<usize> = (0..100).collect();
        let work = |job: usize| if job == 3 { panic!("on purpose") } else { Ok(()) };
        assert!(matches!(run_in_order(&jobs, 4, work, |_, ()| Ok(())), Err(Error::Internal(_))));
    }

    #[test]
    fn the_first_error_ends_the_work() {
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
