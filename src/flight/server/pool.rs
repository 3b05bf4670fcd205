//! Threads that generate, apart from those that answer.

use super::crowd::Crowd;
use prometheus_client::metrics::gauge::Gauge;
use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// How long a thread has nothing to do before it gives memory back.
const IDLE: Duration = Duration::from_millis(50);

/// How long until it does so again: what it made is freed by whoever was the last to hold it, at any time.
const IDLE_AGAIN: Duration = Duration::from_secs(10);

/// A fixed number of threads that take jobs in the order they come.
///
/// Shared fairly: a stream has only a few jobs waiting at a time, so those of others come between them. A job whose
/// result nobody waits for any more is not begun.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    queue: Arc<Open>,
    /// Jobs that no thread has taken yet.
    waiting: Gauge,
    crowd: Arc<Crowd>,
}

/// A queue whose threads end when this is dropped and what waits is done.
#[derive(Debug)]
struct Open(Arc<Queue>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.state().is_closed = true;
        self.0.has_some.notify_all();
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    has_some: Condvar,
    give_back: OnceLock<fn()>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) {
        self.state().jobs.push_back(job);
        self.has_some.notify_one();
    }

    /// Does jobs until the queue is closed and none is left.
    fn work(&self) {
        while let Some(job) = self.take() {
            job();
        }
    }

    fn take(&self) -> Option<Job> {
        let has_none = |state: &mut State| state.jobs.is_empty() && !state.is_closed;
        let mut patience = IDLE;
        loop {
            let waited = self.has_some.wait_timeout_while(self.state(), patience, has_none);
            let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if !timeout.timed_out() {
                return state.jobs.pop_front();
            }
            drop(state);
            if let Some(give_back) = self.give_back.get() {
                give_back();
            }
            patience = IDLE_AGAIN;
        }
    }
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
    /// A pool of so many threads, for streams that are no `crowd`. `waiting` counts its queue.
    pub fn new(threads: usize, crowd: Crowd, waiting: Gauge) -> Self {
        let queue = Arc::<Queue>::default();
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.work());
        }
        Self { queue: Arc::new(Open(queue)), waiting, crowd: Arc::new(crowd) }
    }

    /// Whom the streams that it is for belong to.
    pub fn crowd(&self) -> &Arc<Crowd> {
        &self.crowd
    }

    /// Sets what each thread calls when it has had nothing to do for a while. Only the first call counts.
    pub fn set_give_back(&self, give_back: fn()) {
        let _ = self.queue.0.give_back.set(give_back);
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
            let _ = result.send(caught(work));
        });
        self.queue.0.push(job);
        // A job that is never done would be one of a pool without threads: they outlive its clones, and panics.
        async { receiver.await.unwrap_or_else(|_| Err(Panicked("no thread took the job".into()))) }
    }
}

/// What `work` gives, or that it panicked.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    // What the work touched is dropped with it, so a panic leaves nothing half-changed to see.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Panicked::with(&*panic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn results_come_back_and_panics_end_only_their_own_job() {
        let pool = Pool::new(1, Crowd::new(1), Gauge::default());
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
        let pool = Pool::new(1, Crowd::new(1), waiting.clone());
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

    #[tokio::test]
    async fn threads_that_have_nothing_to_do_give_back() {
        static BY: Mutex<Vec<thread::ThreadId>> = Mutex::new(Vec::new());
        let pool = Pool::new(2, Crowd::new(1), Gauge::default());
        pool.set_give_back(|| BY.lock().unwrap().push(thread::current().id()));
        let thread = pool.run(|| thread::current().id()).await.unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            let by = BY.lock().unwrap().clone();
            if by.contains(&thread) && by.iter().any(|&id| id != thread) {
                break;
            }
            assert!(std::time::Instant::now() < end, "{by:?}");
            thread::yield_now();
        }
        assert_eq!(pool.run(|| 7).await, Ok(7), "they go on");
    }

    #[tokio::test]
    async fn threads_end_with_the_pool_when_what_waits_is_done() {
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let pool = Pool::new(3, Crowd::new(1), Gauge::default());
        let queue = Arc::downgrade(&pool.queue.0);
        let results: Vec<_> = (0..10)
            .map(|number| {
                let gate = Arc::clone(&gate);
                pool.run(move || gate.lock().unwrap().recv().map(|()| number))
            })
            .collect();
        drop(pool);
        for _ in 0..10 {
            release.send(()).unwrap();
        }
        for (number, result) in results.into_iter().enumerate() {
            assert_eq!(result.await.unwrap(), Ok(number));
        }
        // Each thread holds the queue until it ends.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while queue.strong_count() > 0 {
            assert!(std::time::Instant::now() < end, "threads of a pool that is gone");
            thread::yield_now();
        }
    }
}
