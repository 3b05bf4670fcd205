//! What the threads that send give back to the system when there is nothing to send.

use super::Activity;
use std::convert::Infallible;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long nothing is generated before memory is given back.
const IDLE: Duration = Duration::from_millis(500);

/// How long a thread stays for the others to come. A busy one comes within a block.
const MEETING: Duration = Duration::from_millis(10);

/// Whenever streams came or went and nothing has been generated for a while, calls `give_back` on each of the `threads`
/// of the runtime that this runs in: what a thread made and others freed, an allocator keeps for that thread.
pub(super) async fn give_back_at_rest(activity: &Activity, threads: usize, give_back: fn()) -> Infallible {
    let mut streams = activity.open_streams();
    loop {
        // Fails only where the activity is gone, which is borrowed here.
        let _ = streams.changed().await;
        let mut made = None;
        while made != Some(activity.blocks()) {
            made = Some(activity.blocks());
            tokio::time::sleep(IDLE).await;
        }
        on_each(threads, give_back);
    }
}

/// Has each of the runtime's `threads` do `work` soon. A runtime doesn't say which thread runs a task, so whoever has
/// come to one stays there until there are as many, for a moment at most.
fn on_each(threads: usize, work: fn()) {
    let meeting = Arc::new((Mutex::new(0), Condvar::new()));
    for _ in 0..threads {
        let meeting = Arc::clone(&meeting);
        tokio::spawn(async move {
            work();
            let (come, one_more) = &*meeting;
            let mut come = come.lock().unwrap_or_else(PoisonError::into_inner);
            *come += 1;
            one_more.notify_all();
            drop(one_more.wait_timeout_while(come, MEETING, |come| *come < threads));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread::{self, ThreadId};

    static BY: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn each_thread_gives_back_once_nothing_is_generated() {
        let activity = Arc::<Activity>::default();
        let watched = Arc::clone(&activity);
        let rest = tokio::spawn(async move {
            give_back_at_rest(&watched, 4, || BY.lock().unwrap().push(thread::current().id())).await
        });
        tokio::time::sleep(2 * IDLE).await;
        assert!(BY.lock().unwrap().is_empty(), "nothing came or went");
        activity.open_streams.send_modify(|open| *open += 1);
        let end = std::time::Instant::now() + Duration::from_secs(30);
        // A thread that another test's work keeps is late for one meeting, and in time for another.
        while BY.lock().unwrap().iter().collect::<HashSet<_>>().len() < 4 {
            assert!(std::time::Instant::now() < end, "{:?}", BY.lock().unwrap());
            tokio::time::sleep(IDLE).await;
            activity.open_streams.send_modify(|open| *open += 1);
        }
        rest.abort();
    }
}
