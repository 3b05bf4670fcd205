//! What the threads that send give back to the system when there is nothing to send.

use super::Activity;
use std::convert::Infallible;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

/// How long until memory is given back again: whoever holds a message's last bytes frees it at any time.
const AGAIN: Duration = Duration::from_secs(10);

/// How long at least from one time to the next.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a thread stays for the others to come. A busy one comes within a block.
const MEETING: Duration = Duration::from_millis(10);

/// Whenever a stream has ended, and now and then, calls `give_back` on each thread of the runtime that this runs in: what
/// a thread made and others freed, an allocator keeps for that thread. Where one of many streams is left, others generate.
pub(super) async fn give_back_at_rest(activity: &Activity, give_back: fn()) -> Infallible {
    let threads = Handle::current().metrics().num_workers();
    let mut streams = activity.open_streams();
    let mut open = *streams.borrow_and_update();
    loop {
        let is_late = timeout(AGAIN, streams.changed()).await.is_err();
        let before = std::mem::replace(&mut open, *streams.borrow_and_update());
        if is_late || open < before {
            on_each(threads, give_back);
            sleep(PAUSE).await;
        }
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
    async fn each_thread_gives_back_once_a_stream_has_ended() {
        let activity = Arc::<Activity>::default();
        let watched = Arc::clone(&activity);
        activity.open_streams.send_modify(|open| *open += 2);
        let rest = tokio::spawn(async move {
            give_back_at_rest(&watched, || BY.lock().unwrap().push(thread::current().id())).await
        });
        let end = std::time::Instant::now() + Duration::from_secs(30);
        // A thread that another test's work keeps is late for one meeting, and in time for another.
        while BY.lock().unwrap().iter().collect::<HashSet<_>>().len() < 4 {
            assert!(std::time::Instant::now() < end, "{:?}", BY.lock().unwrap());
            activity.open_streams.send_modify(|open| *open += 1);
            sleep(PAUSE / 10).await;
            activity.open_streams.send_modify(|open| *open -= 1);
            sleep(PAUSE / 10).await;
        }
        rest.abort();
    }
}
