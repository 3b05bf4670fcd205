//! `saasgen pull`: writes the tables of a server as Parquet files.

use super::args::{CredentialArgs, OutputArgs, RowArgs, count};
use super::runtime::{runtime, threads};
use super::stop_signal::StopSignal;
use crate::error::{Error, Result};
use crate::flight::client::{Client, Description, FlightSource, RetryPolicy};
use crate::models::{Identity, MAX_CUSTOMERS, Table, WindowDates, day_of, tables_of};
use crate::parquet_files::{Manifest, TableOutput};
use crate::scan::{Part, ScanRequest};
use clap::Args;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Write the tables of a server as the same Parquet files that `generate` writes
///
/// Reads as many endpoints at the same time as there are threads, each over a connection of its own and from all
/// replicas that the server lists. Each endpoint becomes a row group. Four threads take about 120 MiB of memory.
///
/// A stream that breaks is resumed after its last batch, and the files are still the same byte for byte. If no server
/// answers any more, the folder stays as it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen pull
  saasgen pull --server grpc://localhost:8815 --out pulled
  saasgen pull --tables billing --from 2024-01-01 --to 2024-01-31 --out january
  saasgen pull --customers 1000000000 --last-id 1000 --out first
  saasgen pull --customers 1000000000 --part 3 --parts 50000 --out billion
  saasgen pull --retries 100 --stall-timeout 20 --out patient")]
pub(super) struct Pull {
    /// Server to read: grpc://HOST:PORT, grpc+tls://HOST:PORT or grpc+unix:///PATH
    #[arg(long, value_name = "URI", default_value = "grpc://localhost:8815")]
    server: String,

    /// Compression of record batches on the network: none, lz4 or zstd [default: none]
    #[arg(long, value_name = "CODEC")]
    ipc_compression: Option<String>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    scan: ScanArgs,

    #[command(flatten)]
    credentials: CredentialArgs,

    #[command(flatten)]
    retry: RetryArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Retries")]
struct RetryArgs {
    /// Retries in a row, without a batch in between, before pull gives up, 0 to 1000 [default: 8]
    ///
    /// The waits between retries double from 0.05 s to 5 s, plus a random share of up to the same length. Eight retries
    /// give a server about 17 s to come back. If this option is given, pull also waits so long for a server that does
    /// not listen yet. Without it, pull fails at once if it can't connect at the start.
    #[arg(long, value_name = "N", value_parser = count(0..=1000))]
    retries: Option<u64>,

    /// Seconds that a server may send nothing before pull tries again, 1 to 86400
    ///
    /// A batch of up to 2 MiB must arrive within this time, so a slow link needs a higher value.
    /// `serve` has an option of the same name for the opposite case, a client that reads nothing.
    #[arg(long, value_name = "SECONDS", default_value_t = RetryPolicy::DEFAULT_STALL_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    stall_timeout: u64,
}

impl RetryArgs {
    fn policy(&self) -> RetryPolicy {
        RetryPolicy {
            retries: self.retries.map_or(RetryPolicy::DEFAULT_RETRIES, |retries| retries as usize),
            waits_for_server: self.retries.is_some(),
            stall_timeout: Duration::from_secs(self.stall_timeout),
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Data set")]
struct ScanArgs {
    /// Number of customers in the data set, 1 to 10^12 [default: the server's]
    #[arg(long, value_name = "N", value_parser = count(1..=MAX_CUSTOMERS))]
    customers: Option<u64>,

    /// Seed of the data set, 0 to 2^64-1 [default: the server's]
    #[arg(long, value_name = "S", value_parser = count(0..=u64::MAX))]
    seed: Option<u64>,

    #[command(flatten)]
    rows: RowArgs,
}

impl ScanArgs {
    /// Returns the customers of `part`, out of the range that the options name. Returns `None` if the range is invalid;
    /// the server then refuses the request.
    fn ids(&self, identity: &Identity, part: Part) -> Option<Range<u64>> {
        let (first, last) = (self.rows.first_id.unwrap_or(1), self.rows.last_id.unwrap_or(identity.customers));
        let end = last.checked_add(1).filter(|_| last <= identity.customers)?;
        (1..=end).contains(&first).then(|| part.of(first..end))
    }

    /// Returns the request for `table` of the data set `identity`, or only for the customers `ids`.
    ///
    /// The request names the data set in full. So another server, behind a balancer or after a restart, either gives
    /// the same rows or refuses the request.
    fn request(&self, table: Table, identity: &Identity, ids: Option<&Range<u64>>) -> ScanRequest {
        let ids = ids.filter(|_| table.has_customers());
        ScanRequest {
            fingerprint: identity.fingerprint.clone(),
            customers: Some(identity.customers),
            seed: Some(identity.seed),
            first_id: ids.map(|ids| ids.start).or(self.rows.first_id),
            last_id: ids.map(|ids| ids.end - 1).or(self.rows.last_id),
            strings: self.rows.strings(),
            partitions: self.rows.partitions,
            ..self.rows.range().request(table)
        }
    }

    /// Estimates which share of the served data set's rows the options select, for the progress bar. The estimate
    /// assumes the same number of rows on every date.
    fn selected_share(&self, served: &Identity) -> f64 {
        let last = self.rows.last_id.or(self.customers).unwrap_or(served.customers);
        let customers =
            last.saturating_add(1).saturating_sub(self.rows.first_id.unwrap_or(1)) as f64 / served.customers as f64;
        let day = |text: &str| text.parse().map(day_of).unwrap_or_default();
        let days = |from: &str, to: &str| f64::from(day(to) - day(from) + 1).max(1.0);
        let WindowDates { first, last } = &served.window;
        let selected = days(self.rows.from.as_ref().unwrap_or(first), self.rows.to.as_ref().unwrap_or(last));
        customers * selected / days(first, last)
    }
}

impl Pull {
    pub fn run(self) -> Result<()> {
        let start = Instant::now();
        let part = self.output.part()?;
        let credentials = self.credentials.load()?;
        let stop = StopSignal::listen()?;
        let runtime = runtime(threads(None))?;
        let ask = async {
            let client = Client::new(&self.server, credentials, self.retry.policy())?;
            let Description { mut identity, expected_rows, parameters } = client.describe().await?;
            let tables = self.output.tables(tables_of(&identity.base)?, part)?;
            let rows = tables.iter().filter_map(|table| expected_rows.get(table.name())).sum::<f64>();
            let rows = rows * self.scan.selected_share(&identity) / part.map_or(1.0, |part| part.parts() as f64);
            identity.customers = self.scan.customers.unwrap_or(identity.customers);
            identity.seed = self.scan.seed.unwrap_or(identity.seed);
            let ids = part.and_then(|part| self.scan.ids(&identity, part));
            let mut outputs = Vec::with_capacity(tables.len());
            for &table in &tables {
                let request = self.scan.request(table, &identity, ids.as_ref());
                let compression = self.ipc_compression.clone();
                let table = client.table(table, &ScanRequest { compression, ..request }).await?;
                let source = FlightSource::new(table, runtime.handle().clone(), stop.token());
                outputs.push(TableOutput { source, format: self.output.format(&self.scan.rows) });
            }
            Ok((Manifest::new(identity, parameters, self.scan.rows.range(), part), rows, outputs))
        };
        let (manifest, rows, outputs) = runtime.block_on(async {
            tokio::select! {
                () = stop.received() => Err(Error::Interrupted),
                answer = ask => answer,
            }
        })?;
        let folder = self.output.prepare(manifest, &outputs)?;
        self.output.write(folder, &outputs, rows, &stop, start)
    }
}
