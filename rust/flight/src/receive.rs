//! DoGet's answers as they come off the wire: the columns of each message are gathered once, where Arrow can use them as they are.
//!
//! tonic gathers whole messages in a buffer that grows, in which columns begin anywhere, so that Arrow has to copy them once more
//! to where they are aligned. So this one method is asked beside it: tonic connects, sends the request and tells what went wrong,
//! and the answer's frames are read here.

use std::future::poll_fn;

use arrow::buffer::{Buffer, MutableBuffer};
use arrow_flight::{FlightData, Ticket};
use axum::http::{
    self, HeaderValue, Method, StatusCode, Uri, Version,
    header::{CONTENT_TYPE, TE},
};
use bytes::{Buf, Bytes};
use futures::{Stream, stream};
use http_body_util::{BodyExt, Full};
use prost::{Message as _, encoding::WireType};
use tonic::{Code, Status, body::Body, codegen::Service};

use crate::{
    replicas::Channel,
    send::{BODY, DO_GET, GRPC, GRPC_PREFIX, HEADER, METADATA},
};

/// What is smaller stays where it came, for Arrow copies little of it.
const SMALL: usize = 4 * 1024;

/// Room made at the most before a message is there: what a server says of its size need not be true.
const ROOM: usize = 64 * 1024 * 1024;

/// Asks for what a ticket stands for. `message_bytes` is the largest message taken.
pub(crate) async fn get(
    mut channel: Channel,
    ticket: &Ticket,
    message_bytes: usize,
) -> Result<impl Stream<Item = Result<FlightData, Status>> + Send + use<>, Status> {
    let mut body = vec![0; GRPC_PREFIX];
    body.extend(ticket.encode_to_vec());
    let length = (body.len() - GRPC_PREFIX) as u32;
    body[1..GRPC_PREFIX].copy_from_slice(&length.to_be_bytes());
    let mut request = http::Request::new(Body::new(Full::from(body)));
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = Uri::from_static(DO_GET);
    request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    poll_fn(|cx| channel.poll_ready(cx)).await.map_err(|cause| Status::from_error(cause.into()))?;
    let response = channel.call(request).await.map_err(|cause| Status::from_error(cause.into()))?;
    let answer = Answer::new(response.map(Body::new), message_bytes)?;
    Ok(stream::try_unfold(answer, async |mut answer| Ok(answer.message().await?.map(|message| (message, answer)))))
}

/// An answer on its way.
struct Answer {
    body: Body,
    /// What has come and is not read yet.
    chunk: Bytes,
    /// Bytes of the message that are not read yet.
    left: usize,
    /// How the answer ended, once the server has said so.
    status: Option<Status>,
    message_bytes: usize,
}

impl Answer {
    /// One that begins like this, unless it is over already.
    fn new(response: http::Response<Body>, message_bytes: usize) -> Result<Self, Status> {
        let (head, body) = response.into_parts();
        // Who has nothing to send says so at once.
        let status = Status::from_header_map(&head.headers);
        if let Some(failed) = status.as_ref().filter(|status| status.code() != Code::Ok) {
            return Err(failed.clone());
        }
        if status.is_none() && head.status != StatusCode::OK {
            // As gRPC says that the codes of what stands between are to be taken.
            let code = match head.status {
                StatusCode::UNAUTHORIZED => Code::Unauthenticated,
                StatusCode::FORBIDDEN => Code::PermissionDenied,
                StatusCode::NOT_FOUND => Code::Unimplemented,
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
                _ => Code::Unknown,
            };
            let said = format!("there was HTTP {} instead of a Flight server's answer", head.status);
            return Err(Status::new(code, said));
        }
        Ok(Self { body, chunk: Bytes::new(), left: 0, status, message_bytes })
    }

    /// The next message; `None` after the last.
    async fn message(&mut self) -> Result<Option<FlightData>, Status> {
        if !self.has_more().await? {
            return match self.status.take() {
                Some(status) if status.code() == Code::Ok => Ok(None),
                Some(status) => Err(status),
                None => Err(broken_off()),
            };
        }
        self.left = GRPC_PREFIX;
        let mut prefix = self.bytes(GRPC_PREFIX).await?;
        match prefix.get_u8() {
            0 => {}
            1 => return Err(malformed("it is compressed, which nobody asked for")),
            _ => return Err(malformed("it does not begin as one of gRPC does")),
        }
        self.left = prefix.get_u32() as usize;
        if self.left > self.message_bytes {
            let (bytes, most) = (self.left, self.message_bytes);
            return Err(Status::out_of_range(format!("a message of {bytes} bytes is more than the {most} taken")));
        }
        let mut data = FlightData::default();
        while self.left > 0 {
            let key = self.varint().await?;
            match WireType::try_from(key & 7) {
                Ok(WireType::LengthDelimited) => {
                    let length = self.varint().await?;
                    let bytes = self.bytes(usize::try_from(length).unwrap_or(usize::MAX)).await?;
                    match (key >> 3) as u32 {
                        HEADER => data.data_header = bytes,
                        METADATA => data.app_metadata = bytes,
                        BODY => data.data_body = bytes,
                        // The descriptor means nothing here, nor does what is not known yet.
                        _ => {}
                    }
                }
                Ok(WireType::Varint) => drop(self.varint().await?),
                Ok(WireType::SixtyFourBit) => drop(self.bytes(8).await?),
                Ok(WireType::ThirtyTwoBit) => drop(self.bytes(4).await?),
                _ => return Err(malformed("a field is of no known kind")),
            }
        }
        Ok(Some(data))
    }

    /// Waits until something has come; `false` if nothing more does.
    async fn has_more(&mut self) -> Result<bool, Status> {
        while self.chunk.is_empty() {
            let Some(frame) = self.body.frame().await else { return Ok(false) };
            match frame?.into_data() {
                Ok(data) => self.chunk = data,
                Err(frame) => self.status = frame.into_trailers().ok().and_then(|end| Status::from_header_map(&end)),
            }
        }
        Ok(true)
    }

    /// The next bytes of the message, at most so many, which it has: as many as have come together.
    async fn part(&mut self, most: usize) -> Result<Bytes, Status> {
        if !self.has_more().await? {
            let failed = self.status.take().filter(|status| status.code() != Code::Ok);
            return Err(failed.unwrap_or_else(broken_off));
        }
        let part = self.chunk.split_to(most.min(self.chunk.len()));
        self.left -= part.len();
        Ok(part)
    }

    /// The next bytes of the message, in one piece; aligned, if they are many.
    async fn bytes(&mut self, length: usize) -> Result<Bytes, Status> {
        if length > self.left {
            return Err(malformed("a field is longer than its message"));
        }
        if length <= SMALL && length <= self.chunk.len() {
            return match length {
                0 => Ok(Bytes::new()),
                _ => self.part(length).await,
            };
        }
        let mut gathered = MutableBuffer::with_capacity(length.min(ROOM));
        while gathered.len() < length {
            let part = self.part(length - gathered.len()).await?;
            gathered.extend_from_slice(&part);
        }
        Ok(Bytes::from_owner(Buffer::from(gathered)))
    }

    /// A number as protobuf writes it: seven bits a byte, the lowest first.
    async fn varint(&mut self) -> Result<u64, Status> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes(1).await?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(malformed("a number is too long"))
    }
}

/// A connection that ended between: nothing is lost by asking again.
fn broken_off() -> Status {
    Status::unavailable("the answer broke off")
}

fn malformed(reason: &str) -> Status {
    Status::data_loss(format!("a message cannot be read: {reason}"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use futures::executor::block_on;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use prost::encoding::encode_varint;

    use super::*;

    const MOST: usize = 100_000;

    /// A message as a server may write it.
    fn written(data: &impl prost::Message) -> Vec<u8> {
        let body = data.encode_to_vec();
        [&[0], &(body.len() as u32).to_be_bytes()[..], &body].concat()
    }

    /// What is made of bytes that come in pieces of so many, and of how the answer ends.
    fn read(bytes: &[u8], piece: usize, end: Option<Status>) -> Result<Vec<FlightData>, Status> {
        let data = bytes.chunks(piece).map(|part| Frame::data(Bytes::copy_from_slice(part)));
        let trailers = end.map(|status| {
            let mut trailers = HeaderMap::new();
            status.add_header(&mut trailers).unwrap();
            Frame::trailers(trailers)
        });
        let frames: Vec<_> = data.chain(trailers).map(Ok::<_, Status>).collect();
        let body = Body::new(StreamBody::new(stream::iter(frames)));
        let mut answer = Answer::new(http::Response::new(body), MOST)?;
        block_on(async {
            let mut messages = Vec::new();
            while let Some(message) = answer.message().await? {
                messages.push(message);
            }
            Ok(messages)
        })
    }

    fn ok() -> Option<Status> {
        Some(Status::new(Code::Ok, ""))
    }

    fn messages() -> [FlightData; 3] {
        let body: Bytes = (0..20_000u32).flat_map(u32::to_le_bytes).collect();
        [
            FlightData::new()
                .with_data_header("a schema")
                .with_descriptor(arrow_flight::FlightDescriptor::new_cmd("x")),
            FlightData::new().with_data_header("rows").with_app_metadata("said of them").with_data_body(body),
            FlightData::new(),
        ]
    }

    #[test]
    fn messages_are_read_whatever_the_pieces_they_come_in() {
        let bytes = messages().iter().map(written).collect::<Vec<_>>().concat();
        for piece in [1, 2, 3, 7, 64, 4096, 10_000, bytes.len()] {
            let read = read(&bytes, piece, ok()).unwrap();
            for (read, sent) in read.iter().zip(messages()) {
                assert_eq!(*read, FlightData { flight_descriptor: None, ..sent }, "pieces of {piece}");
            }
            assert_eq!(read.len(), 3);
            assert!((read[1].data_body.as_ptr() as usize).is_multiple_of(64), "pieces of {piece}");
        }
    }

    #[test]
    fn fields_that_are_not_known_are_passed_over() {
        let mut body = FlightData::new().with_data_header("rows").encode_to_vec();
        for (field, bytes) in
            [(20 << 3, &[0x96, 1][..]), (21 << 3 | 1, &[7; 8]), (22 << 3 | 5, &[7; 4]), (23 << 3 | 2, &[1, 7])]
        {
            encode_varint(field, &mut body);
            body.extend_from_slice(bytes);
        }
        let bytes = [&[0], &(body.len() as u32).to_be_bytes()[..], &body].concat();
        assert_eq!(read(&bytes, 5, ok()).unwrap(), [FlightData::new().with_data_header("rows")]);
    }

    #[test]
    fn an_answer_ends_as_the_server_says_and_never_without_a_word() {
        let bytes = written(&messages()[1]);
        assert_eq!(read(&bytes, 100, Some(Status::aborted("gone"))).unwrap_err().message(), "gone");
        assert_eq!(read(&bytes, 100, None).unwrap_err().message(), "the answer broke off");
        assert!(read(&[], 1, ok()).unwrap().is_empty());
        for end in 1..200 {
            assert_eq!(read(&bytes[..end], 100, ok()).unwrap_err().code(), Code::Unavailable, "{end} bytes");
            assert_eq!(read(&bytes[..end], 100, Some(Status::aborted("gone"))).unwrap_err().message(), "gone");
        }
    }

    #[test]
    fn an_answer_that_is_over_at_once_fails_as_it_says() {
        let begun = |http: u16, grpc: Option<Status>| {
            let mut response = http::Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(http).unwrap();
            grpc.into_iter().for_each(|status| status.add_header(response.headers_mut()).unwrap());
            Answer::new(response, MOST)
        };
        let code = |http, grpc| begun(http, grpc).err().unwrap().code();
        assert_eq!(code(200, Some(Status::not_found("x"))), Code::NotFound);
        let by_http = [401, 403, 404, 429, 500, 502, 503, 504].map(|http| code(http, None));
        use Code::{PermissionDenied, Unauthenticated, Unavailable, Unimplemented, Unknown};
        let (gone, odd) = (Unavailable, Unknown);
        assert_eq!(by_http, [Unauthenticated, PermissionDenied, Unimplemented, gone, odd, gone, gone, gone]);
        assert_eq!(block_on(begun(200, ok()).ok().unwrap().message()).unwrap(), None);
    }

    #[test]
    fn what_no_message_can_be_is_refused() {
        let large = written(&FlightData::new().with_data_body(vec![0; MOST]));
        assert_eq!(read(&large, 1000, ok()).unwrap_err().code(), Code::OutOfRange);
        // Compressed; a field that is longer than the message; a number that does not end; a group.
        let broken: [&[u8]; 4] = [
            &[1, 0, 0, 0, 1, 0],
            &[0, 0, 0, 0, 3, 18, 100, 0],
            &[[0, 0, 0, 0, 11].as_slice(), &[0xff; 11]].concat(),
            &[0, 0, 0, 0, 1, 11],
        ];
        for bytes in broken {
            assert_eq!(read(bytes, 3, ok()).unwrap_err().code(), Code::DataLoss, "{bytes:?}");
        }
    }

    #[test]
    fn a_server_that_lies_about_a_size_makes_no_room_for_it() {
        let mut answer = Answer {
            body: Body::empty(),
            chunk: Bytes::new(),
            left: usize::MAX,
            status: None,
            message_bytes: usize::MAX,
        };
        assert_eq!(block_on(answer.bytes(usize::MAX - 1)).unwrap_err().code(), Code::Unavailable);
    }
}
