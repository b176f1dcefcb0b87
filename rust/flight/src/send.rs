//! DoGet on the wire: gRPC messages that are made of the columns' own bytes, which nobody copies on their way to the socket.
//!
//! tonic writes each message into one buffer, and the encoder before it does the same: of a batch of 2 MB that is a third of the
//! work of serving it. So this one method is answered beside it: tonic decodes the request, and the answer's frames are made here.

use std::{
    convert::Infallible,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use arrow::{
    array::RecordBatch,
    buffer::Buffer,
    datatypes::Schema,
    ipc::writer::{IpcWriteOptions, StreamEncoder},
};
use arrow_flight::{FlightData, SchemaAsIpc, Ticket, flight_service_server::FlightServiceServer};
use axum::http::{self, HeaderMap, HeaderValue, header::CONTENT_TYPE};
use bytes::Bytes;
use futures::{Stream, StreamExt, future, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};
use tonic::{
    Code, Status, Streaming,
    body::Body,
    codec::{DecodeBuf, Decoder},
    codegen::{BoxFuture, Service as TowerService},
    server::NamedService,
};

use crate::{Error, Result, produce::Reply, server::REQUEST_BYTES, service::Service};

pub(crate) const DO_GET: &str = "/arrow.flight.protocol.FlightService/DoGet";

/// The content type of what gRPC says.
pub(crate) const GRPC: &str = "application/grpc";

/// Bytes before a gRPC message: whether it is compressed, and its length.
pub(crate) const GRPC_PREFIX: usize = 5;

/// The numbers of `FlightData`'s fields in Flight.proto.
pub(crate) const HEADER: u32 = 2;
pub(crate) const METADATA: u32 = 3;
pub(crate) const BODY: u32 = 1000;

/// Bytes before an IPC message's metadata: a mark, and its length.
const IPC_PREFIX: usize = 8;

/// What is smaller is copied to stand beside its neighbours, for a frame of its own would cost more.
const SMALL: usize = 4 * 1024;

/// One `FlightData` as it goes over the wire, in pieces.
#[derive(Debug)]
pub(crate) struct Message {
    pieces: Vec<Bytes>,
    /// Bytes of metadata and columns.
    pub(crate) bytes: usize,
}

impl Message {
    /// The schema that comes before the rows.
    pub(crate) fn of_schema(schema: &Schema) -> Result<Self> {
        let data: FlightData = SchemaAsIpc::new(schema, &IpcWriteOptions::default()).into();
        Self::new(&data.data_header, &[], Vec::new())
    }

    fn new(header: &[u8], app_metadata: &[u8], body: Vec<Buffer>) -> Result<Self> {
        let body_bytes = body.iter().map(Buffer::len).sum();
        let mut head = vec![0; GRPC_PREFIX];
        for (field, value) in [(HEADER, header), (METADATA, app_metadata)] {
            begin(field, value.len(), &mut head);
            head.extend_from_slice(value);
        }
        begin(BODY, body_bytes, &mut head);
        let length = u32::try_from(head.len() - GRPC_PREFIX + body_bytes)
            .map_err(|_| Error::Internal(format!("a message of {body_bytes} bytes is more than gRPC can carry")))?;
        head[1..GRPC_PREFIX].copy_from_slice(&length.to_be_bytes());
        let mut pieces = Vec::with_capacity(body.len() + 1);
        for part in body {
            if part.len() < SMALL {
                head.extend_from_slice(&part);
            } else {
                pieces.extend([Bytes::from(mem::take(&mut head)), Bytes::from_owner(part)]);
            }
        }
        pieces.push(head.into());
        pieces.retain(|piece| !piece.is_empty());
        Ok(Self { pieces, bytes: header.len() + body_bytes })
    }
}

/// Writes what comes before a field's bytes.
fn begin(field: u32, length: usize, out: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

/// Turns batches of one schema into messages.
pub(crate) struct BatchEncoder {
    encoder: StreamEncoder,
    /// The first batch has the schema before it.
    begun: bool,
}

impl BatchEncoder {
    pub(crate) fn new(schema: &Schema) -> Result<Self> {
        Ok(Self { encoder: StreamEncoder::try_new(schema).map_err(|cause| unwritable(&cause))?, begun: false })
    }

    /// A batch, with what is said of it.
    pub(crate) fn encode(&mut self, batch: &RecordBatch, app_metadata: &[u8]) -> Result<Message> {
        let mut parts = self.encoder.encode(batch).map_err(|cause| unwritable(&cause))?.into_iter();
        if !mem::replace(&mut self.begun, true) {
            metadata(&mut parts)?;
        }
        Message::new(&metadata(&mut parts)?, app_metadata, parts.collect())
    }
}

fn unwritable(cause: &dyn std::fmt::Display) -> Error {
    Error::Internal(format!("cannot encode a batch: {cause}"))
}

/// The metadata of the IPC message that begins here; its body is left.
fn metadata(parts: &mut impl Iterator<Item = Buffer>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut wanted = IPC_PREFIX;
    while bytes.len() < wanted {
        let part = parts.next().ok_or_else(|| unwritable(&"its metadata ends too soon"))?;
        bytes.extend_from_slice(&part);
        if let (IPC_PREFIX, Some(length)) = (wanted, bytes.get(4..IPC_PREFIX)) {
            wanted += u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        }
    }
    if bytes.len() != wanted {
        return Err(unwritable(&"its metadata has no end of its own"));
    }
    Ok(bytes.split_off(IPC_PREFIX))
}

/// The Flight service, with DoGet answered here.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    service: Arc<Service>,
    others: FlightServiceServer<Service>,
}

impl Flight {
    pub(crate) fn new(service: Service) -> Self {
        let service = Arc::new(service);
        let others = FlightServiceServer::from_arc(Arc::clone(&service)).max_decoding_message_size(REQUEST_BYTES);
        Self { service, others }
    }
}

impl NamedService for Flight {
    const NAME: &'static str = FlightServiceServer::<Service>::NAME;
}

impl TowerService<http::Request<Body>> for Flight {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != DO_GET {
            return self.others.call(request);
        }
        let service = Arc::clone(&self.service);
        Box::pin(async move { Ok(get(&service, request).await.unwrap_or_else(Status::into_http)) })
    }
}

async fn get(service: &Service, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
    let mut tickets = Streaming::new_request(Tickets, request.into_body(), None, Some(REQUEST_BYTES));
    let ticket = tickets.message().await?.ok_or_else(|| Status::internal("the request has no ticket"))?;
    let mut response = http::Response::new(Body::new(StreamBody::new(frames(service.get(ticket).await?))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    Ok(response)
}

/// Decodes the one message of a request.
struct Tickets;

impl Decoder for Tickets {
    type Item = Ticket;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Ticket>, Status> {
        Ticket::decode(buffer).map(Some).map_err(|cause| Status::internal(cause.to_string()))
    }
}

/// The frames of an answer: all messages, then how it ended.
fn frames(messages: impl Stream<Item = Reply> + Send) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
    let end = stream::once(future::ready(Err(Status::new(Code::Ok, ""))));
    let until_ended = messages.chain(end).scan(false, |ended, reply| {
        let over = mem::replace(ended, reply.is_err());
        future::ready((!over).then_some(reply))
    });
    until_ended.flat_map(|reply| {
        let frames: Vec<_> = match reply {
            Ok(message) => message.pieces.into_iter().map(Frame::data).collect(),
            Err(status) => {
                let mut trailers = HeaderMap::new();
                // What is said is escaped before, so that any text can be a header.
                let _ = status.add_header(&mut trailers);
                vec![Frame::trailers(trailers)]
            }
        };
        stream::iter(frames.into_iter().map(Ok))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use arrow::array::{Int64Array, StringArray};

    use super::*;

    fn batch(rows: i64) -> RecordBatch {
        let text = StringArray::from_iter((0..rows).map(|row| (row % 3 > 0).then(|| "x".repeat(row as usize % 50))));
        let number = Int64Array::from_iter_values(0..rows);
        let columns = [("text", Arc::new(text) as _, true), ("number", Arc::new(number) as _, false)];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    /// What a client makes of the pieces.
    pub(crate) fn decoded(message: &Message) -> FlightData {
        let bytes = message.pieces.concat();
        let (prefix, data) = bytes.split_at(GRPC_PREFIX);
        assert_eq!(prefix, [&[0][..], &(data.len() as u32).to_be_bytes()].concat());
        FlightData::decode(data).unwrap()
    }

    #[test]
    fn a_message_is_what_arrow_and_prost_make_of_a_batch() {
        let schema = batch(0).schema();
        let mut encoder = BatchEncoder::new(&schema).unwrap();
        for rows in [0, 1, 7, 10_000] {
            let batch = batch(rows);
            for batch in [batch.clone(), batch.slice(batch.num_rows() / 3, batch.num_rows() / 2)] {
                let message = encoder.encode(&batch, b"said of it").unwrap();
                let data = decoded(&message);
                assert_eq!(data.app_metadata.as_ref(), b"said of it");
                assert_eq!(message.bytes, data.data_header.len() + data.data_body.len());
                let read =
                    arrow_flight::utils::flight_data_to_arrow_batch(&data, Arc::clone(&schema), &Default::default());
                assert_eq!(read.unwrap(), batch);
            }
        }
    }

    #[test]
    fn large_columns_are_not_copied() {
        let batch = batch(10_000);
        let message = BatchEncoder::new(&batch.schema()).unwrap().encode(&batch, &[]).unwrap();
        let values = batch["number"].to_data().buffers()[0].as_ptr();
        assert!(message.pieces.iter().any(|piece| piece.as_ptr() == values));
    }

    #[tokio::test]
    async fn an_answer_ends_once_with_what_went_wrong() {
        let failed =
            stream::iter([Message::of_schema(&batch(0).schema()).map_err(Into::into), Err(Status::aborted("x"))]);
        let frames: Vec<_> = frames(failed).map(|frame| frame.unwrap()).collect().await;
        let trailers: Vec<_> = frames.iter().filter_map(|frame| frame.trailers_ref()).collect();
        assert_eq!(trailers.len(), 1);
        assert_eq!(trailers[0]["grpc-status"], (Code::Aborted as i32).to_string());
    }
}
