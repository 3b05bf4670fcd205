//! The threads that generate, apart from those that answer.

use prometheus_client::metrics::gauge::Gauge;
use std::any::Any;
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
    /// Jobs that no thread has taken yet.
    waiting: Gauge,
}

/// A job's work panicked, with these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Panicked(pub String);

impl Panicked {
    /// By the value that the panic was raised with.
    pub fn with(value: &(dyn Any + Send)) -> Self {
        let text = value.downcast_ref::<&str>().map(ToString::to_string);
        Self(text.or_else(|| value.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".into()))
    }
}

impl Pool {
    /// A pool of so many threads, which end when the last clone of it is dropped. `waiting` counts its queue.
    pub fn new(threads: usize, waiting: Gauge) -> Self {
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
        Self { jobs, waiting }
    }

    /// Queues `work`, and returns what waits for it; dropping that takes the job back unless it runs already.
    pub fn run<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T, Panicked>> + use<T, W> {
        let (result, receiver) = oneshot::channel();
        let waiting = self.waiting.clone();
        waiting.inc();
        let job = Box::new(move || {
            waiting.dec();
            if result.is_closed() {
                return;
            }
            // What the work touched is dropped with it, so a panic leaves nothing half-changed to see.
            let value = catch_unwind(AssertUnwindSafe(work));
            let _ = result.send(value.map_err(|panic| Panicked::with(&*panic)));
        });
        // Fails only where every thread has died, which a job can't bring about; the receiver then fails too.
        let _ = self.jobs.send(job);
        async { receiver.await.unwrap_or_else(|_| Err(Panicked("no thread took the job".into()))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn results_come_back_and_panics_end_only_their_own_job() {
        let pool = Pool::new(1, Gauge::default());
        assert_eq!(pool.run(|| 7).await, Ok(7));
        let panicked = |words: &str| Err(Panicked(words.into()));
        assert_eq!(pool.run(|| -> i32 { panic!("on purpose") }).await, panicked("on purpose"));
        assert_eq!(pool.run(|| -> i32 { panic!("block {}", 7) }).await, panicked("block 7"));
        assert_eq!(pool.run(|| -> i32 { std::panic::panic_any(7) }).await, panicked("without words"));
        assert_eq!(pool.run(|| 8).await, Ok(8));
    }

    #[tokio::test]
    async fn a_job_that_nobody_waits_for_is_not_begun() {
        let waiting = Gauge::default();
        let pool = Pool::new(1, waiting.clone());
        let (release, gate) = mpsc::channel::<()>();
        let (taken, is_taken) = mpsc::channel();
        let blocker = pool.run(move || taken.send(()).map(|()| gate.recv()));
        let (began, begun) = mpsc::channel();
        drop(pool.run(move || began.send(())));
        is_taken.recv().unwrap();
        assert_eq!(waiting.get(), 1);
        release.send(()).unwrap();
        blocker.await.unwrap().unwrap().unwrap();
        pool.run(|| ()).await.unwrap();
        assert_eq!(waiting.get(), 0);
        assert!(begun.try_recv().is_err());
    }
}
