//! The memory budget for blocks. When it is short, the server sends blocks in parts. The rows and their order stay the
//! same, and the stream can be resumed.

use crate::fixture::{Fixture, assert_same_rows, open_unread_stream, soon};
use crate::program::{Serve, contents, succeed_in};
use crate::support::{data_set, scan};
use saasgen::flight::server::{Activity, Limits, Server};
use saasgen::models::{DataSet, saas_v1};
use saasgen::scan::Scan;
use tempfile::tempdir;

/// The default limits, with a budget of `blocks` blocks.
fn limits_with(blocks: u64) -> Limits {
    Limits { blocks, ..Limits::default() }
}

/// Reads the metric of the blocks that the server holds.
fn blocks_held(activity: &Activity) -> f64 {
    let metrics = activity.to_open_metrics().unwrap();
    let held = metrics.lines().find_map(|line| line.strip_prefix("saasgen_blocks_held "));
    held.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_budget_the_smallest_batches_have_the_same_rows_and_resume_at_any_mark() {
    let data_set = data_set(42, 5_000);
    let mut server = Fixture::with_limits(data_set.clone(), limits_with(0)).await;
    for text in ["customers", "usage_daily", "usage_truth?columns=date", "billing?compression=lz4", "support"] {
        let (_, read) = server.read(text).await;
        let marks: Vec<u64> = read.iter().map(|(_, mark)| *mark).collect();
        assert!(marks.is_sorted_by(|one, next| one < next) && marks.last() == Some(&5_001), "{text}: {marks:?}");
        // A block of `customers` is larger than the table. The smallest part of one, a sixteenth, is not.
        let part = scan(&data_set, text).cuts().take(1).unwrap().ids.end - 1;
        assert!(marks.iter().all(|mark| (mark - 1) % part == 0 || *mark == 5_001), "{text}: {marks:?}");
        assert!(marks.len() as u64 == 5_000u64.div_ceil(part) && marks.len() > 2, "{text}: {marks:?}");
        for index in [0, marks.len() / 2, marks.len() - 2] {
            let separator = if text.contains('?') { '&' } else { '?' };
            let (_, rest) = server.read(format!("{text}{separator}first_id={}", marks[index])).await;
            assert!(rest == read[index + 1..], "{text} from {}", marks[index]);
        }
        assert_same_rows(scan(&data_set, text), read, text);
    }
    soon(server.activity.open_streams().wait_for(|&open| open == 0)).await.unwrap();
    assert!(blocks_held(&server.activity) == 0.0, "all memory is returned");
    server.stop().await;
}

/// Starts a server with a budget of `blocks`, and opens `streams` unread streams that use more than half of it.
async fn with_unread_streams(data_set: DataSet, blocks: u64, streams: usize) -> (Fixture, Vec<impl Sized>) {
    let server = Server::bind("127.0.0.1:0", data_set).await.unwrap().with_limits(limits_with(blocks));
    let uri = format!("http://{}", server.local_addr().unwrap());
    let server = Fixture::of(server).await;
    let mut unread = Vec::new();
    for _ in 0..streams {
        unread.push(open_unread_stream(&uri).await);
    }
    soon(async {
        while blocks_held(&server.activity) <= blocks as f64 / 2.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    (server, unread)
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_many_unread_streams_a_reader_gets_the_same_rows_in_smaller_batches() {
    let data_set = data_set(42, 20_000);
    let (mut server, unread) = with_unread_streams(data_set.clone(), 4, 40).await;
    let (_, read) = server.read("usage_daily").await;
    let held = blocks_held(&server.activity);
    assert!(held <= 4.0 + 41.0 / 16.0, "{held} blocks are held");
    assert!(read.len() > 20, "{} batches: the blocks are not in parts", read.len());
    assert!(read.windows(2).all(|pair| pair[0].1 < pair[1].1));
    assert_same_rows(Scan::whole(&data_set, saas_v1::USAGE_DAILY), read, "usage_daily");

    drop(unread);
    soon(server.activity.open_streams().wait_for(|&open| open == 0)).await.unwrap();
    let marks: Vec<u64> = server.read("usage_daily").await.1.into_iter().map(|(_, mark)| mark).collect();
    let blocks: Vec<u64> = Scan::whole(&data_set, saas_v1::USAGE_DAILY).blocks().map(|ids| ids.end).collect();
    assert_eq!(marks, blocks, "with enough memory, blocks are whole");
    assert!(blocks_held(&server.activity) == 0.0, "the memory of unread streams is returned");
    server.stop().await;
}

#[test]
fn pull_writes_the_same_files_from_a_server_with_little_memory() {
    let folder = tempdir().unwrap();
    let customers = ["--customers", "40000"];
    succeed_in(folder.path(), &[&["generate", "--quiet", "--out", "expected"], &customers[..]].concat());
    let expected = contents(&folder.path().join("expected"));
    for blocks in ["0", "1", "2"] {
        let server = Serve::start(&[&customers[..], &["--max-blocks", blocks]].concat());
        let pull = ["pull", "--server", &server.uri, "--quiet", "--out", blocks, "--threads", "4"];
        succeed_in(folder.path(), &pull);
        assert!(contents(&folder.path().join(blocks)) == expected, "--max-blocks {blocks}: other bytes");
    }
}
