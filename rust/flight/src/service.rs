//! The Flight service: each method turns a request into questions to the log, and refuses what the log has not.

use std::sync::Arc;

use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest,
    HandshakeResponse, PollInfo, PutResult, Result as ActionResult, SchemaAsIpc, SchemaResult, Ticket,
    flight_service_server::FlightService,
};
use downbeat_model::shown;
use futures::{Stream, StreamExt, stream, stream::BoxStream};
use prost::Message;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    Error, Log, LogStream, OFFSETS_ACTION, Result, WORLD_ACTION,
    http::Watched,
    produce::{Reply, blocking, produce},
    proto,
    request::{check_world, columns_of, log_failed, partitions_of, range_of, range_of_ticket, slice_of, stream_of},
};

/// A [`Log`] as a Flight service.
#[derive(Debug)]
pub(crate) struct Service {
    watched: Watched,
    replicas: Arc<[String]>,
    reads: Arc<Semaphore>,
    max_reads: usize,
    max_message_bytes: usize,
}

impl Service {
    /// `replicas` is where clients reach this server and its like.
    pub(crate) fn new(watched: Watched, replicas: Vec<String>, max_reads: usize, max_message_bytes: usize) -> Self {
        let reads = Arc::new(Semaphore::new(max_reads));
        Self { watched, replicas: replicas.into(), reads, max_reads, max_message_bytes }
    }

    /// Rows of a ticket's range: what DoGet answers.
    pub(crate) async fn get(&self, ticket: Ticket) -> Result<impl Stream<Item = Reply> + Send + use<>, Status> {
        let permit = Arc::clone(&self.reads).try_acquire_owned().map_err(|_| {
            self.watched.metrics.refused();
            Error::ResourceExhausted(format!(
                "{} reads are under way here, which is the limit; try again later or at another replica, or serve with \
                 a higher --max-reads",
                self.max_reads
            ))
        })?;
        let slice = self.ask(move |log| slice_of(log, &range_of_ticket(&ticket.ticket)?)).await?.into_inner();
        tracing::debug!(?slice, "reading");
        let open = self.watched.metrics.open(&slice.stream, slice.partition, permit);
        Ok(produce(&self.watched, slice, open, self.max_message_bytes))
    }

    /// Asks the log on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Log) -> Result<T> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let log = Arc::clone(&self.watched.log);
        Ok(Response::new(blocking(move || question(log.as_ref())).await?))
    }
}

/// What a descriptor stands for: one endpoint a partition, each with a ticket that needs nothing else.
fn flight_info(log: &dyn Log, descriptor: FlightDescriptor, replicas: &[String]) -> Result<FlightInfo> {
    let range = range_of(&descriptor)?;
    let stream = stream_of(log, &range.stream)?;
    let (_, schema) = columns_of(stream, &range.columns)?;
    let mut rows = Some(0);
    let mut endpoints = Vec::new();
    for partition in partitions_of(stream, range.partition)? {
        let slice = slice_of(log, &proto::ReadRange { partition: Some(partition), ..range.clone() })?;
        rows = rows.zip(slice.until).and_then(|(rows, until): (u64, u64)| rows.checked_add(until - slice.from));
        let ticket = proto::Ticket {
            range: Some(proto::ReadRange {
                partition: Some(partition),
                from: Some(slice.from),
                until: slice.until,
                world: log.world().to_owned(),
                ..range.clone()
            }),
        };
        let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(ticket.encode_to_vec()));
        endpoints.push(replicas.iter().fold(endpoint, FlightEndpoint::with_location));
    }
    let info = FlightInfo::new()
        .try_with_schema(&schema)
        .map_err(|cause| Error::Internal(format!("cannot encode the schema of '{}': {cause}", stream.name)))?;
    // Below zero is Flight's word for unknown.
    let rows = rows.and_then(|rows| i64::try_from(rows).ok()).unwrap_or(-1);
    Ok(info.with_descriptor(descriptor).with_endpoints(endpoints).with_total_records(rows).with_total_bytes(-1))
}

fn schema_result(log: &dyn Log, descriptor: &FlightDescriptor) -> Result<SchemaResult> {
    let range = range_of(descriptor)?;
    check_world(log, &range.world)?;
    let (_, schema) = columns_of(stream_of(log, &range.stream)?, &range.columns)?;
    SchemaAsIpc::new(&schema, &IpcWriteOptions::default())
        .try_into()
        .map_err(|cause| Error::Internal(format!("cannot encode the schema of '{}': {cause}", range.stream)))
}

fn offsets(log: &dyn Log, body: &[u8]) -> Result<proto::OffsetsReply> {
    let request = proto::OffsetsRequest::decode(body).map_err(|cause| {
        Error::InvalidArgument(format!("the body is not a downbeat.flight.v1.OffsetsRequest: {cause}"))
    })?;
    check_world(log, &request.world)?;
    let stream = stream_of(log, &request.stream)?;
    if (request.at_us.is_some() || !request.rows.is_empty()) && !stream.is_log {
        return Err(Error::InvalidArgument(format!(
            "'{}' is a table without times of arrival; ask for its offsets without at_us and rows",
            stream.name
        )));
    }
    let partitions = (0..stream.partitions)
        .map(|partition| partition_offsets(log, stream, partition, &request))
        .collect::<Result<_>>()?;
    Ok(proto::OffsetsReply { world: log.world().to_owned(), partitions })
}

fn partition_offsets(
    log: &dyn Log,
    stream: &LogStream,
    partition: u32,
    request: &proto::OffsetsRequest,
) -> Result<proto::PartitionOffsets> {
    let failed = |cause| log_failed(&stream.name, partition, &cause);
    let held = log.held(&stream.name, partition).map_err(failed)?;
    let arrived_us = |row: u64| match stream.is_log && (held.earliest..held.latest).contains(&row) {
        true => log.arrived_at(&stream.name, partition, row).map(Some).map_err(failed),
        false => Ok(None),
    };
    let latest_arrived_us = held.latest.checked_sub(1).map_or(Ok(None), arrived_us)?;
    // A time after the last row is no row's, and not looked for: nobody knows how far ahead it is.
    let at = match request.at_us {
        Some(at_us) if latest_arrived_us >= Some(at_us) => {
            Some(log.offset_at(&stream.name, partition, at_us).map_err(failed)?.max(held.earliest))
        }
        _ => None,
    };
    let row_arrived_us = request.rows.get(&partition).map_or(Ok(None), |&row| arrived_us(row))?;
    Ok(proto::PartitionOffsets {
        partition,
        earliest: held.earliest,
        latest: held.latest,
        at,
        latest_arrived_us,
        row_arrived_us,
        ended: held.ended,
    })
}

fn world(log: &dyn Log) -> proto::WorldReply {
    let streams = log.streams().iter().map(|stream| proto::StreamInfo {
        name: stream.name.clone(),
        partitions: stream.partitions,
        log: stream.is_log,
    });
    proto::WorldReply {
        world: log.world().to_owned(),
        config_json: log.config_json().to_owned(),
        streams: streams.collect(),
        now_us: log.now_us(),
    }
}

fn action_types() -> [ActionType; 2] {
    let action = |name: &str, description: &str| ActionType { r#type: name.into(), description: description.into() };
    [
        action(
            OFFSETS_ACTION,
            "First and last rows held of each partition, and the first row at a time. OffsetsRequest -> OffsetsReply",
        ),
        action(WORLD_ACTION, "The world's fingerprint, configuration, streams and time. Empty -> WorldReply"),
    ]
}

fn read_only(method: &str) -> Status {
    Error::Unimplemented(format!("{method}: this server only gives rows out; use GetFlightInfo and DoGet")).into()
}

#[tonic::async_trait]
impl FlightService for Service {
    type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;
    type DoGetStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoPutStream = BoxStream<'static, Result<PutResult, Status>>;
    type DoExchangeStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoActionStream = BoxStream<'static, Result<ActionResult, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        if !request.get_ref().expression.is_empty() {
            return Err(
                Error::InvalidArgument("criteria are not supported; list without, and choose by path".into()).into()
            );
        }
        let replicas = Arc::clone(&self.replicas);
        self.ask(move |log| {
            let infos: Vec<_> = log
                .streams()
                .iter()
                .map(|stream| flight_info(log, FlightDescriptor::new_path(vec![stream.name.clone()]), &replicas))
                .collect::<Result<_>>()?;
            Ok(stream::iter(infos).map(Ok).boxed())
        })
        .await
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let replicas = Arc::clone(&self.replicas);
        self.ask(move |log| flight_info(log, request.into_inner(), &replicas)).await
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        self.ask(move |log| schema_result(log, request.get_ref())).await
    }

    async fn do_get(&self, _: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        Err(Status::internal("DoGet is answered before it comes here"))
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        self.ask(move |log| {
            let Action { r#type, body } = request.get_ref();
            let reply = match r#type.as_str() {
                OFFSETS_ACTION => offsets(log, body)?.encode_to_vec(),
                WORLD_ACTION => world(log).encode_to_vec(),
                other => {
                    let known = format!("{OFFSETS_ACTION}, {WORLD_ACTION}");
                    let asked = shown(other);
                    return Err(Error::Unimplemented(format!("no action is called '{asked}'; known: {known}")));
                }
            };
            Ok(stream::iter([Ok(ActionResult::new(reply))]).boxed())
        })
        .await
    }

    async fn list_actions(&self, _: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        Ok(Response::new(stream::iter(action_types()).map(Ok).boxed()))
    }

    async fn handshake(
        &self,
        _: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        Err(Error::Unimplemented(
            "Handshake: this server wants no user and password; show a bearer token with each call".into(),
        )
        .into())
    }

    async fn poll_flight_info(&self, _: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        Err(read_only("PollFlightInfo"))
    }

    async fn do_put(&self, _: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        Err(read_only("DoPut"))
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(read_only("DoExchange"))
    }
}
