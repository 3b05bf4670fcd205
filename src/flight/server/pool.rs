//! The threads that generate, apart from those that answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads that take jobs in the order they come.
///
/// Shared fairly: a stream has only a few jobs waiting at a time, so those of others come between them. A job whose
/// result nobody waits for any more is not begun.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    jobs: mpsc::Sender<Job>,
}

impl Pool {
    /// A pool of so many threads, which end when the last clone of it is dropped.
    pub fn new(threads: usize) -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                // The lock is let go before the job runs.
                while let Ok(Ok(job)) = queue.lock().map(|queue| queue.recv()) {
                    job();
                }
            });
        }
        Self { jobs }
    }

    /// Queues `work`. The receiver fails where `work` panicked; dropping it takes the job back unless it runs already.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
        let (result, receiver) = oneshot::channel();
        let job = Box::new(move || {
            if result.is_closed() {
                return;
            }
            // What the work touched is dropped with it, so a panic leaves nothing half-changed to see.
            if let Ok(value) = catch_unwind(AssertUnwindSafe(work)) {
                let _ = result.send(value);
            }
        });
        // Fails only where every thread has died, which a job can't bring about; the receiver then fails too.
        let _ = self.jobs.send(job);
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn results_come_back_and_panics_end_only_their_own_job() {
        let pool = Pool::new(1);
        assert_eq!(pool.run(|| 7).await, Ok(7));
        assert!(pool.run(|| -> i32 { panic!("on purpose") }).await.is_err());
        assert_eq!(pool.run(|| 8).await, Ok(8));
    }

    #[tokio::test]
    async fn a_job_that_nobody_waits_for_is_not_begun() {
        let pool = Pool::new(1);
        let (release, gate) = mpsc::channel::<()>();
        let blocker = pool.run(move || gate.recv());
        let (began, begun) = mpsc::channel();
        drop(pool.run(move || began.send(())));
        release.send(()).unwrap();
        blocker.await.unwrap().unwrap();
        pool.run(|| ()).await.unwrap();
        assert!(begun.try_recv().is_err());
    }
}
