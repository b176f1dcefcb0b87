//! Results of servers that are not ours: here one that arrow-rs makes of its own Flight SQL service.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use arrow::{
    array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringViewArray, TimestampNanosecondArray},
    datatypes::Int16Type,
};
use arrow_flight::{
    FlightDescriptor, FlightEndpoint, FlightInfo, Ticket,
    encode::{DictionaryHandling, FlightDataEncoderBuilder},
    error::FlightError,
    flight_service_server::{FlightService, FlightServiceServer},
    sql::{Any, CommandStatementQuery, ProstMessageExt, SqlInfo, TicketStatementQuery, server::FlightSqlService},
};
use downbeat_flight::{Credentials, Error, Patience, Query, QueryClient, proto};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use prost::Message;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, transport::Server};

use super::*;

/// One result, in two parts.
#[derive(Clone)]
struct Sql {
    batches: Arc<Vec<RecordBatch>>,
    /// How many of the next readings hang for ever.
    hanging: Arc<AtomicU64>,
}

type Results = Pin<Box<dyn Stream<Item = Result<arrow_flight::FlightData, Status>> + Send>>;

impl Sql {
    /// Batches one after the other, each with its schema in front.
    fn part(&self, indexes: &[u8]) -> Response<Results> {
        let batches: Vec<RecordBatch> = indexes.iter().map(|&index| self.batches[usize::from(index)].clone()).collect();
        let data = stream::iter(batches)
            .flat_map(|batch| {
                FlightDataEncoderBuilder::new()
                    .with_schema(batch.schema())
                    .with_dictionary_handling(DictionaryHandling::Resend)
                    .build(stream::iter([Ok(batch)]))
            })
            .map_err(|error: FlightError| Status::internal(error.to_string()));
        Response::new(Box::pin(data))
    }
}

#[tonic::async_trait]
impl FlightSqlService for Sql {
    type FlightService = Self;

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        if query.query != "SELECT * FROM t" {
            return Err(Status::invalid_argument(format!("no table in '{}'", query.query)));
        }
        let info = FlightInfo::new().try_with_schema(&self.batches[0].schema()).unwrap();
        let parts = 0..self.batches.len() as u8;
        let info = parts.fold(info.with_descriptor(request.into_inner()), |info, part| {
            info.with_endpoint(FlightEndpoint::new().with_ticket(Ticket::new(ticket(vec![part]))))
        });
        Ok(Response::new(info))
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        _request: Request<Ticket>,
    ) -> Result<Response<<Self as FlightService>::DoGetStream>, Status> {
        let hang = self.hanging.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        if hang.is_ok() {
            std::future::pending::<()>().await;
        }
        Ok(self.part(&ticket.statement_handle))
    }

    async fn do_get_fallback(
        &self,
        _request: Request<Ticket>,
        message: Any,
    ) -> Result<Response<<Self as FlightService>::DoGetStream>, Status> {
        Err(Status::invalid_argument(message.type_url))
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}

/// The ticket of some batches.
fn ticket(indexes: Vec<u8>) -> Vec<u8> {
    TicketStatementQuery { statement_handle: indexes.into() }.as_any().encode_to_vec()
}

/// Such a server; it goes with the runtime.
fn served(batches: Vec<RecordBatch>) -> (tokio::runtime::Runtime, Sql, SocketAddr, oneshot::Sender<()>) {
    let sql = Sql { batches: Arc::new(batches), hanging: Arc::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let service = FlightServiceServer::new(sql.clone());
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let incoming = stream::unfold(listener, |listener| async {
            let accepted = listener.accept().await.map(|(socket, _)| socket);
            Some((accepted, listener))
        });
        let stopped = async {
            let _ = stopped.await;
        };
        Server::builder().add_service(service).serve_with_incoming_shutdown(incoming, stopped).await.unwrap();
    });
    (runtime, sql, address, stop)
}

fn batches() -> Vec<RecordBatch> {
    let batch = |numbers: Vec<Option<i64>>, words: Vec<Option<&str>>| {
        let tags: DictionaryArray<Int16Type> = words.iter().copied().collect();
        let times = TimestampNanosecondArray::from(numbers.clone()).with_timezone("Europe/Warsaw");
        RecordBatch::try_from_iter_with_nullable([
            ("n", Arc::new(Int64Array::from(numbers)) as ArrayRef, true),
            ("word", Arc::new(StringViewArray::from(words)), true),
            ("tag", Arc::new(tags), true),
            ("time", Arc::new(times), true),
        ])
        .unwrap()
    };
    vec![
        batch(vec![Some(1), None], vec![Some("short"), Some("longer than twelve bytes")]),
        batch(vec![Some(3)], vec![None]),
    ]
}

fn client(address: SocketAddr, patience: Patience) -> QueryClient {
    QueryClient::new(&format!("grpc://{address}"), Credentials::default(), patience).unwrap()
}

fn statement(text: &str) -> Query {
    Query::Sql(text.into())
}

#[test]
fn a_statement_is_read_part_by_part() {
    let (_runtime, sql, address, _stop) = served(batches());
    let client = client(address, Patience::default());
    let query = statement("SELECT * FROM t");
    // It has no GetSchema, so the schema is that of its FlightInfo.
    assert_eq!(client.schema(&query).unwrap(), sql.batches[0].schema());
    let endpoints = client.endpoints(&query).unwrap();
    assert_eq!(endpoints.len(), 2);
    for (endpoint, batch) in endpoints.into_iter().zip(sql.batches.iter()) {
        let mut reader = client.read(endpoint).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), (0, batch.clone()));
        assert!(reader.next().unwrap().is_none());
        assert!(reader.next().unwrap().is_none());
    }
}

#[test]
fn what_the_server_refuses_is_told_in_its_words() {
    let (_runtime, _sql, address, _stop) = served(batches());
    let client = client(address, Patience::default());
    assert_eq!(
        client.endpoints(&statement("SELECT 1")).unwrap_err(),
        Error::InvalidArgument("no table in 'SELECT 1'".into())
    );
    assert!(matches!(
        client.schema(&Query::Path(vec!["a".into()])),
        Err(Error::Unimplemented(_) | Error::Internal(_) | Error::InvalidArgument(_))
    ));
}

#[test]
fn a_server_that_says_nothing_is_asked_again_and_given_up() {
    let (_runtime, sql, address, _stop) = served(batches());
    let patience = Patience { timeout: Duration::from_millis(100), retries: 1, pause: Duration::from_millis(1) };
    let client = client(address, patience);
    let endpoint = client.endpoints(&statement("SELECT * FROM t")).unwrap().remove(0);
    sql.hanging.store(1, Ordering::Release);
    assert!(client.read(endpoint.clone()).unwrap().next().unwrap().is_some());
    sql.hanging.store(2, Ordering::Release);
    let error = client.read(endpoint).unwrap().next().unwrap_err();
    assert_eq!(error, Error::Unavailable(format!("grpc://{address} gave no answer within 100ms")));
}

#[test]
fn a_schema_said_twice_may_not_differ() {
    let other = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    let (_runtime, sql, address, _stop) = served([batches(), vec![other]].concat());
    let client = client(address, Patience::default());
    let part = |indexes| proto::Endpoint { ticket: ticket(indexes), locations: Vec::new() };
    let mut same = client.read(part(vec![0, 1])).unwrap();
    assert_eq!(same.next().unwrap().unwrap(), (0, sql.batches[0].clone()));
    assert_eq!(same.next().unwrap().unwrap(), (2, sql.batches[1].clone()));
    assert!(same.next().unwrap().is_none());
    let mut changed = client.read(part(vec![0, 2])).unwrap();
    assert_eq!(changed.next().unwrap().unwrap().0, 0);
    let error = changed.next().unwrap_err();
    assert!(matches!(&error, Error::DataLoss(text) if text.contains("changed the schema")), "{error}");
}
