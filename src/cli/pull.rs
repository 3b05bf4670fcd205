//! `saasgen pull`.

use super::credentials::CredentialArgs;
use super::files::FileArgs;
use super::stop::Stop;
use crate::error::{Error, Result};
use crate::flight::client::{Client, Description, FlightSource, RetryPolicy};
use crate::model::day_of;
use crate::parquet_files::ScanRange;
use crate::scan::{Part, ScanRequest};
use crate::tables::{Identity, Table, WindowDates};
use clap::Args;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Pull tables from a server and write the same Parquet files as `generate`
///
/// A row group is an endpoint of the server's; so many are read at a time as there are threads, each over a connection
/// of its own, to the replicas that the server names. What breaks is resumed after the last batch, and the files are the
/// same. If nobody answers any more, nothing is written, and what was there stays.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen pull
  saasgen pull --server grpc://localhost:8815 --tables customers,billing --out some
  saasgen pull --tables usage_daily --from 2024-01-01 --to 2024-01-31 --out january
  saasgen pull --tables customers --customers 1000000000 --last-id 1000 --out first
  saasgen pull --customers 1000000000 --part 3 --parts 50000 --out billion
  saasgen pull --retries 100 --stall-timeout 20 --out patient")]
pub(super) struct Pull {
    /// The server
    #[arg(long, value_name = "URI", default_value = "grpc://localhost:8815")]
    server: String,

    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    scan: ScanArgs,

    #[command(flatten)]
    credentials: CredentialArgs,

    #[command(flatten)]
    faults: FaultArgs,
}

/// What to do about faults.
#[derive(Debug, Args)]
#[command(next_help_heading = "When a server fails")]
struct FaultArgs {
    /// How often in a row, without a batch in between, to wait and try again; waits grow from 0.1 s to 10 s, and 8 of
    /// them give a server some 17 s to come back
    #[arg(long, value_name = "N", default_value_t = RetryPolicy::DEFAULT_RETRIES as u64,
          value_parser = clap::value_parser!(u64).range(0..=1000))]
    retries: u64,

    /// Seconds without a batch after which a server is taken for gone; a batch has up to 2 MiB
    #[arg(long, value_name = "SECONDS", default_value_t = RetryPolicy::DEFAULT_STALL_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    stall_timeout: u64,
}

impl FaultArgs {
    fn policy(&self) -> RetryPolicy {
        RetryPolicy { retries: self.retries as usize, stall_timeout: Duration::from_secs(self.stall_timeout) }
    }
}

/// The keys of a scan.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which rows (the server's own where left out)")]
struct ScanArgs {
    /// Customers of the data set
    #[arg(long, value_name = "N")]
    customers: Option<u64>,

    /// Seed of the data set
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// First customer wanted [default: 1]
    #[arg(long, value_name = "ID")]
    first_id: Option<u64>,

    /// Last customer wanted [default: all]
    #[arg(long, value_name = "ID")]
    last_id: Option<u64>,

    /// First date wanted, by the tables' date column [default: the window's first]
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<String>,

    /// Last date wanted [default: the window's last]
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<String>,

    /// Columns wanted, in the order wanted; every table must have them [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    columns: Vec<String>,

    /// Encoding of text columns: utf8 or dictionary [default: utf8]
    #[arg(long, value_name = "ENCODING")]
    strings: Option<String>,

    /// Compression of record batches on the wire (the scan key `compression`): none, lz4 or zstd [default: none]
    #[arg(long, value_name = "CODEC")]
    ipc_compression: Option<String>,

    /// Endpoints, so row groups, of each table [default: by size, about 1M rows each]
    #[arg(long, value_name = "N")]
    partitions: Option<u64>,
}

impl ScanArgs {
    /// The customers of `part` among those asked for; `None` where what is asked for can't be had, which the server
    /// then refuses.
    fn ids(&self, identity: &Identity, part: Part) -> Option<Range<u64>> {
        let (first, last) = (self.first_id.unwrap_or(1), self.last_id.unwrap_or(identity.customers));
        let end = last.checked_add(1).filter(|_| last <= identity.customers)?;
        (1..=end).contains(&first).then(|| part.of(first..end))
    }

    /// The request for `table` of just the data set `identity`, or for the customers in `ids` of it. A server that has
    /// become another's between two calls, or a balancer's next one, refuses or answers the same.
    fn request(&self, table: Table, identity: &Identity, ids: Option<&Range<u64>>) -> ScanRequest {
        let ids = ids.filter(|_| table.has_customers());
        ScanRequest {
            table: table.name().to_string(),
            fingerprint: identity.fingerprint.clone(),
            customers: Some(identity.customers),
            seed: Some(identity.seed),
            first_id: ids.map(|ids| ids.start).or(self.first_id),
            last_id: ids.map(|ids| ids.end - 1).or(self.last_id),
            from: self.from.clone(),
            to: self.to.clone(),
            columns: self.columns.clone(),
            strings: self.strings.clone(),
            compression: self.ipc_compression.clone(),
            partitions: self.partitions,
            airport: None,
        }
    }

    /// About how much is asked for of what the server has, for the progress bar: dates are taken as equally busy.
    fn share_of(&self, served: &Identity) -> f64 {
        let last = self.last_id.or(self.customers).unwrap_or(served.customers);
        let customers =
            last.saturating_add(1).saturating_sub(self.first_id.unwrap_or(1)) as f64 / served.customers as f64;
        let day = |text: &str| text.parse().map(day_of).unwrap_or_default();
        let days = |from: &str, to: &str| f64::from(day(to) - day(from) + 1).max(1.0);
        let WindowDates { first, last } = &served.window;
        let asked = days(self.from.as_ref().unwrap_or(first), self.to.as_ref().unwrap_or(last));
        customers * asked / days(first, last)
    }

    fn range(&self) -> ScanRange {
        ScanRange {
            first_id: self.first_id,
            last_id: self.last_id,
            from: self.from.clone(),
            to: self.to.clone(),
            columns: self.columns.clone(),
        }
    }
}

impl Pull {
    pub fn run(self) -> Result<()> {
        let start = Instant::now();
        let part = self.files.part()?;
        let tables = self.files.tables(part);
        let credentials = self.credentials.load()?;
        let stop = Stop::on_signals()?;
        let runtime = super::runtime(super::threads(None))?;
        let ask = async {
            let client = Client::connect(&self.server, credentials).await?.with_retries(self.faults.policy());
            let Description { mut identity, expected_rows } = client.describe().await?;
            let rows = tables.iter().filter_map(|table| expected_rows.get(table.name())).sum::<f64>();
            let rows = rows * self.scan.share_of(&identity) / part.map_or(1.0, |part| part.parts() as f64);
            identity.customers = self.scan.customers.unwrap_or(identity.customers);
            identity.seed = self.scan.seed.unwrap_or(identity.seed);
            let ids = part.and_then(|part| self.scan.ids(&identity, part));
            let mut sources = Vec::with_capacity(tables.len());
            for &table in &tables {
                let table = client.table(&self.scan.request(table, &identity, ids.as_ref())).await?;
                sources.push(FlightSource::new(table, runtime.handle().clone(), stop.token()));
            }
            Ok((identity, rows, sources))
        };
        let (identity, rows, sources) = runtime.block_on(async {
            tokio::select! {
                () = stop.stopped() => Err(Error::Interrupted),
                answer = ask => answer,
            }
        })?;
        let folder = self.files.prepare(identity, self.scan.range(), part, &tables)?;
        self.files.write(folder, &sources, rows, &stop, start)
    }
}
