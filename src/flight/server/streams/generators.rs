//! Threads that generate, apart from the threads of the runtime, which send.

use crate::error::{Error, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use prometheus_client::metrics::gauge::Gauge;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A thread without a job for this long returns memory to the system.
const IDLE: Duration = Duration::from_millis(50);

/// An idle thread returns memory again after this time: others free what it made at any time.
const IDLE_AGAIN: Duration = Duration::from_secs(10);

/// A fixed number of threads that run jobs in the order in which they come.
///
/// A stream has only a few jobs in the queue, so the jobs of many streams alternate. A job whose result is no longer
/// wanted is skipped.
#[derive(Debug, Clone)]
pub(super) struct Generators {
    jobs: Sender<Job>,
    queue_depth: Gauge,
}

/// The message of a panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::flight::server) struct Panicked(pub String);

impl Panicked {
    /// Reads the message from the value of a caught panic.
    pub fn with(value: &(dyn Any + Send)) -> Self {
        let text = value.downcast_ref::<&str>().map(ToString::to_string);
        Self(text.or_else(|| value.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into()))
    }
}

/// The number of threads to generate with: sending leaves about three of five cores free.
pub(super) fn default_threads() -> usize {
    threads_for(thread::available_parallelism().map_or(1, usize::from))
}

fn threads_for(cores: usize) -> usize {
    (cores - (cores * 2 / 5).max(1)).max(1)
}

impl Generators {
    /// Starts `threads` threads. Each calls `on_idle` when it has had no job for a while. `queue_depth` counts the jobs
    /// that no thread has taken. The threads end once every clone of the returned value is dropped and the queue is empty.
    ///
    /// # Errors
    /// [`Error::Io`] if the system gives no thread.
    pub fn start(threads: usize, queue_depth: Gauge, on_idle: impl Fn() + Clone + Send + 'static) -> Result<Self> {
        let (jobs, queue) = unbounded();
        for _ in 0..threads {
            let (queue, on_idle) = (queue.clone(), on_idle.clone());
            let thread = thread::Builder::new().name("generate".into());
            thread.spawn(move || run_jobs(&queue, on_idle)).map_err(Error::no_thread)?;
        }
        Ok(Self { jobs, queue_depth })
    }

    /// Queues `work`, and returns a future of its result. Dropping the future cancels the work unless it has begun.
    pub fn run<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + use<T, W> {
        let (result, receiver) = oneshot::channel();
        let queue_depth = self.queue_depth.clone();
        queue_depth.inc();
        let job: Job = Box::new(move || {
            queue_depth.dec();
            if !result.is_closed() {
                // A panic leaves nothing half-changed to see: all that the work touches is dropped with it.
                let done = catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Panicked::with(&*panic));
                let _ = result.send(done);
            }
        });
        // Threads outlive every sender, and panics, so the job is always taken.
        let _ = self.jobs.send(job);
        async { receiver.await.unwrap_or_else(|_| Err(Panicked("no thread took the job".into()))) }
    }
}

fn run_jobs(queue: &Receiver<Job>, on_idle: impl Fn()) {
    let mut patience = IDLE;
    loop {
        match queue.recv_timeout(patience) {
            Ok(job) => {
                job();
                patience = IDLE;
            }
            Err(RecvTimeoutError::Timeout) => {
                on_idle();
                patience = IDLE_AGAIN;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::Instant;

    fn generators(threads: usize) -> Generators {
        Generators::start(threads, Gauge::default(), || ()).unwrap()
    }

    #[test]
    fn most_cores_generate_and_at_least_one() {
        assert_eq!([1, 2, 4, 16].map(threads_for), [1, 1, 3, 10]);
    }

    #[tokio::test]
    async fn a_panic_ends_only_its_own_job() {
        let generators = generators(1);
        assert_eq!(generators.run(|| 7).await, Ok(7));
        let panicked = |words: &str| Err(Panicked(words.into()));
        assert_eq!(generators.run(|| -> i32 { panic!("on purpose") }).await, panicked("on purpose"));
        assert_eq!(generators.run(|| -> i32 { panic!("block {}", 7) }).await, panicked("block 7"));
        assert_eq!(generators.run(|| -> i32 { std::panic::panic_any(7) }).await, panicked("no message"));
        assert_eq!(generators.run(|| 8).await, Ok(8));
    }

    #[tokio::test]
    async fn a_job_whose_result_is_not_wanted_is_skipped() {
        let queue_depth = Gauge::default();
        let generators = Generators::start(1, queue_depth.clone(), || ()).unwrap();
        let (release, gate) = mpsc::channel::<()>();
        let (taken, is_taken) = mpsc::channel();
        let blocker = generators.run(move || taken.send(()).map(|()| gate.recv()));
        let (began, begun) = mpsc::channel();
        drop(generators.run(move || began.send(())));
        is_taken.recv().unwrap();
        assert_eq!(queue_depth.get(), 1);
        release.send(()).unwrap();
        blocker.await.unwrap().unwrap().unwrap();
        generators.run(|| ()).await.unwrap();
        assert_eq!(queue_depth.get(), 0);
        assert!(begun.try_recv().is_err());
    }

    #[tokio::test]
    async fn every_idle_thread_says_so_and_goes_on() {
        let idle = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&idle);
        let on_idle = move || note.lock().unwrap().push(thread::current().id());
        let generators = Generators::start(2, Gauge::default(), on_idle).unwrap();
        let thread = generators.run(|| thread::current().id()).await.unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let idle = idle.lock().unwrap().clone();
            if idle.contains(&thread) && idle.iter().any(|&id| id != thread) {
                break;
            }
            assert!(Instant::now() < end, "{idle:?}");
            thread::yield_now();
        }
        assert_eq!(generators.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn threads_end_once_the_queue_is_closed_and_empty() {
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let generators = Generators::start(3, Gauge::default(), move || drop(Arc::clone(&held))).unwrap();
        let results: Vec<_> = (0..10)
            .map(|number| {
                let gate = Arc::clone(&gate);
                generators.run(move || gate.lock().unwrap().recv().map(|()| number))
            })
            .collect();
        drop(generators);
        for _ in 0..10 {
            release.send(()).unwrap();
        }
        for (number, result) in results.into_iter().enumerate() {
            assert_eq!(result.await.unwrap(), Ok(number));
        }
        // Each thread holds its `on_idle` until it ends.
        let end = Instant::now() + Duration::from_secs(30);
        while Arc::strong_count(&alive) > 1 {
            assert!(Instant::now() < end, "threads of generators that are gone");
            thread::yield_now();
        }
    }
}
