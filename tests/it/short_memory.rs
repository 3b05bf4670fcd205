//! A server whose memory for blocks is short sends them in parts: the same rows, in the same order, resumable.

use crate::fixture::{Fixture, soon, stalled};
use crate::program::{Serve, contents, succeed_in};
use crate::support::{concat, data_set, rows, scan};
use arrow::array::RecordBatch;
use saasgen::batches::Batches;
use saasgen::flight::server::{Activity, Limits, Server};
use saasgen::scan::Scan;
use saasgen::tables::{DataSet, Table};
use tempfile::tempdir;

/// Memory for so many blocks.
fn of_blocks(blocks: u64) -> Limits {
    Limits { blocks, ..Limits::default() }
}

fn assert_rows(of_scan: Scan, batches: Vec<RecordBatch>, what: &str) {
    let read = concat(&Batches::new(of_scan.clone()), batches);
    assert!(read == rows(of_scan), "{what}: other rows");
}

fn blocks_held(activity: &Activity) -> f64 {
    let metrics = activity.to_open_metrics().unwrap();
    let held = metrics.lines().find_map(|line| line.strip_prefix("saasgen_blocks_held "));
    held.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn least_batches_are_the_same_rows_and_resume_at_any_mark() {
    let data_set = data_set(42, 5_000);
    let mut server = Fixture::with_limits(data_set.clone(), of_blocks(0)).await;
    for text in ["customers", "usage_daily", "usage_truth?columns=date", "billing?compression=lz4", "support"] {
        let (_, read) = server.read(text).await;
        let marks: Vec<u64> = read.iter().map(|(_, mark)| *mark).collect();
        assert!(marks.is_sorted_by(|one, next| one < next) && marks.last() == Some(&5_001), "{text}: {marks:?}");
        // The blocks of `customers` are larger than the table, but not its sixteenths.
        let part = scan(&data_set, text).cuts().take(1).unwrap().ids.end - 1;
        assert!(marks.iter().all(|mark| (mark - 1) % part == 0 || *mark == 5_001), "{text}: {marks:?}");
        assert!(marks.len() as u64 == 5_000u64.div_ceil(part) && marks.len() > 2, "{text}: {marks:?}");
        for index in [0, marks.len() / 2, marks.len() - 2] {
            let joint = if text.contains('?') { '&' } else { '?' };
            let (_, rest) = server.read(format!("{text}{joint}first_id={}", marks[index])).await;
            assert!(rest == read[index + 1..], "{text} from {}", marks[index]);
        }
        assert_rows(scan(&data_set, text), read.into_iter().map(|(batch, _)| batch).collect(), text);
    }
    soon(server.activity.open_streams().wait_for(|&open| open == 0)).await.unwrap();
    assert!(blocks_held(&server.activity) == 0.0, "all is given back");
    server.stop().await;
}

/// A server with as much unread as its memory takes, and more.
async fn crowded(data_set: DataSet, blocks: u64, streams: usize) -> (Fixture, Vec<impl Sized>) {
    let server = Server::bind("127.0.0.1:0", data_set).await.unwrap().with_limits(of_blocks(blocks));
    let uri = format!("http://{}", server.local_addr().unwrap());
    let server = Fixture::of(server).await;
    let mut unread = Vec::new();
    for _ in 0..streams {
        unread.push(stalled(&uri).await);
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
async fn among_readers_that_stall_one_reads_what_an_idle_server_sends() {
    let data_set = data_set(42, 20_000);
    let (mut server, unread) = crowded(data_set.clone(), 4, 40).await;
    let (_, read) = server.read("usage_daily").await;
    let held = blocks_held(&server.activity);
    assert!(held <= 4.0 + 41.0 / 16.0, "{held} blocks are held");
    assert!(read.len() > 20, "{} batches: none was cut", read.len());
    assert!(read.windows(2).all(|pair| pair[0].1 < pair[1].1));
    assert_rows(Scan::whole(&data_set, Table::UsageDaily), read.into_iter().map(|(batch, _)| batch).collect(), "crowd");

    drop(unread);
    soon(server.activity.open_streams().wait_for(|&open| open == 0)).await.unwrap();
    let marks: Vec<u64> = server.read("usage_daily").await.1.into_iter().map(|(_, mark)| mark).collect();
    let blocks: Vec<u64> = Scan::whole(&data_set, Table::UsageDaily).blocks().map(|ids| ids.end).collect();
    assert_eq!(marks, blocks, "once there is room, blocks are whole");
    assert!(blocks_held(&server.activity) == 0.0, "what was left unread is given back");
    server.stop().await;
}

#[test]
fn files_pulled_from_it_are_those_of_generate() {
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
