//! One stream of batches, which can stall, break or be damaged.

use super::connections::Connection;
use super::failure::Failure;
use crate::batches::{catch_decoder_panic, has_same_columns};
use crate::error::Error;
use crate::scan::BatchMark;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::Ticket;
use arrow_flight::decode::{DecodedFlightData, DecodedPayload, FlightDataDecoder};
use arrow_flight::error::FlightError;
use futures::{StreamExt, TryStreamExt};
use prost::Message as _;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

/// A batch and its mark.
pub(super) struct MarkedBatch {
    pub batch: RecordBatch,
    /// `None` if a relay between client and server removed the mark.
    pub mark: Option<BatchMark>,
}

/// A stream of batches from one server.
#[derive(Debug)]
pub(super) struct BatchStream {
    /// The connection that carries the stream.
    pub connection: Connection,
    /// The first customer that no batch of this stream has covered.
    pub next_id: u64,
    decoder: FlightDataDecoder,
}

impl BatchStream {
    /// Asks for the rows of `ticket`, which start at the customer `first_id`.
    ///
    /// # Errors
    /// Returns the failure and the connection if the server does not start a stream.
    pub async fn open(
        mut connection: Connection,
        ticket: Ticket,
        first_id: u64,
        stall_timeout: Duration,
    ) -> Result<Self, (Connection, Failure)> {
        match timeout(stall_timeout, connection.do_get(ticket)).await {
            Ok(Ok(answer)) => {
                let decoder = FlightDataDecoder::new(answer.into_inner().map_err(FlightError::from));
                Ok(Self { connection, next_id: first_id, decoder })
            }
            Ok(Err(status)) => {
                let failure = connection.failure(&status);
                Err((connection, failure))
            }
            Err(_) => {
                let failure = stalled(&connection, stall_timeout);
                Err((connection, failure))
            }
        }
    }

    /// Returns the next batch, or `None` at the end of the stream.
    ///
    /// # Errors
    /// Returns a failure if the stream breaks, if no message comes within `stall_timeout`, or if the schema of the
    /// stream is not `schema`.
    pub async fn next(&mut self, schema: &SchemaRef, stall_timeout: Duration) -> Result<Option<MarkedBatch>, Failure> {
        loop {
            let message = timeout(stall_timeout, next_message(&mut self.decoder)).await;
            let message = message.map_err(|_| stalled(&self.connection, stall_timeout))?;
            let message = message.transpose().map_err(|error| self.connection.stream_failure(&error))?;
            // This also covers the end of the stream: a stream without rows has a schema, too.
            if !self.decoder.schema().is_some_and(|sent| has_same_columns(sent, schema)) {
                let server = self.connection.location();
                let message = format!("{server} sent rows of another schema than it announced");
                return Err(Failure::Broken(Error::Remote(message)));
            }
            let Some(message) = message else { return Ok(None) };
            if let DecodedPayload::RecordBatch(batch) = message.payload {
                let mark = BatchMark::decode(message.inner.app_metadata).ok();
                return Ok(Some(MarkedBatch { batch, mark: mark.filter(|mark| mark.next_id > 0) }));
            }
        }
    }
}

/// Returns the next message. The decoder must not be used again after a damaged message.
async fn next_message(decoder: &mut FlightDataDecoder) -> Option<Result<DecodedFlightData, FlightError>> {
    let damaged = || Err(FlightError::DecodeError("a message is damaged".into()));
    poll_fn(|cx| catch_decoder_panic(|| decoder.poll_next_unpin(cx)).unwrap_or_else(|| Poll::Ready(Some(damaged()))))
        .await
}

fn stalled(connection: &Connection, stall_timeout: Duration) -> Failure {
    let server = connection.location();
    Failure::Broken(Error::Remote(format!("{server} sent nothing for {} s", stall_timeout.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batches::Batches;
    use crate::models::{DataSet, Model, saas_v1};
    use crate::scan::Scan;
    use arrow_flight::FlightData;
    use arrow_flight::encode::FlightDataEncoderBuilder;
    use futures::stream;

    async fn decode(messages: Vec<FlightData>) -> Result<usize, FlightError> {
        let mut decoder = FlightDataDecoder::new(stream::iter(messages.into_iter().map(Ok)));
        let mut messages = 0;
        while let Some(message) = next_message(&mut decoder).await {
            message?;
            messages += 1;
        }
        Ok(messages)
    }

    /// arrow's decoder does not check the buffer offsets of a header, and panics if they are wrong.
    #[tokio::test]
    async fn a_damaged_header_is_an_error() {
        let data_set = DataSet::new(Model::saas_v1().unwrap(), 42, 10).unwrap();
        let batches = Batches::new(Scan::whole(&data_set, saas_v1::CUSTOMERS));
        let rows: Vec<_> = batches.iter().map(|batch| Ok(batch.unwrap())).collect();
        let encoder = FlightDataEncoderBuilder::new().with_schema(batches.schema()).build(stream::iter(rows));
        let messages: Vec<FlightData> = encoder.try_collect().await.unwrap();
        assert_eq!(decode(messages.clone()).await.unwrap(), 2);
        let mut panics = 0;
        for byte in 0..messages[1].data_header.len() {
            let mut damaged = messages.clone();
            let mut header = damaged[1].data_header.to_vec();
            header[byte] ^= 0x40;
            damaged[1].data_header = header.into();
            let error = decode(damaged).await.err();
            panics += usize::from(error.is_some_and(|error| error.to_string().contains("a message is damaged")));
        }
        assert!(panics > 0, "the decoder checks headers now: remove `catch_decoder_panic`");
    }
}
