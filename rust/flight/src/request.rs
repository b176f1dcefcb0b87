//! From what a client wrote to what a log can answer: names looked up, defaults filled in, nonsense refused.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::{FlightDescriptor, flight_descriptor::DescriptorType};
use downbeat_model::{nearest, shown};
use prost::Message;

use crate::{Error, Held, Log, LogError, LogStream, Result, proto};

/// One partition's share of a request: what a ticket comes down to.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub(crate) stream: String,
    pub(crate) partition: u32,
    pub(crate) from: u64,
    /// Absent only when following without an end.
    pub(crate) until: Option<u64>,
    pub(crate) columns: Vec<usize>,
    pub(crate) schema: SchemaRef,
}

/// Reads a descriptor: a path `[stream]` or `[stream, partition]`, or an encoded `ReadRange` as command.
pub(crate) fn range_of(descriptor: &FlightDescriptor) -> Result<proto::ReadRange> {
    match DescriptorType::try_from(descriptor.r#type) {
        Ok(DescriptorType::Cmd) => proto::ReadRange::decode(descriptor.cmd.as_ref()).map_err(|cause| {
            Error::InvalidArgument(format!("the command is not a downbeat.flight.v1.ReadRange: {cause}"))
        }),
        Ok(DescriptorType::Path) => match descriptor.path.as_slice() {
            [stream] => Ok(proto::ReadRange { stream: stream.clone(), ..Default::default() }),
            [stream, partition] => {
                let partition = partition.parse().map_err(|_| {
                    Error::InvalidArgument(format!(
                        "'{}' is not a partition; a path is [stream] or [stream, partition], e.g. [\"events\", \"3\"]",
                        shown(partition)
                    ))
                })?;
                Ok(proto::ReadRange { stream: stream.clone(), partition: Some(partition), ..Default::default() })
            }
            path => Err(Error::InvalidArgument(format!(
                "a path of {} parts; it is [stream] or [stream, partition], e.g. [\"events\", \"3\"]",
                path.len()
            ))),
        },
        _ => Err(Error::InvalidArgument("the descriptor has neither a path nor a command".into())),
    }
}

/// Reads a ticket.
pub(crate) fn range_of_ticket(ticket: &[u8]) -> Result<proto::ReadRange> {
    const ADVICE: &str = "take tickets from GetFlightInfo, or encode a downbeat.flight.v1.Ticket";
    let ticket = proto::Ticket::decode(ticket)
        .map_err(|cause| Error::InvalidArgument(format!("malformed ticket ({cause}); {ADVICE}")))?;
    ticket.range.ok_or_else(|| Error::InvalidArgument(format!("malformed ticket (no range); {ADVICE}")))
}

/// Refuses a request made for another world than the log's. An empty name is any world.
pub(crate) fn check_world(log: &dyn Log, wanted: &str) -> Result<()> {
    if wanted.is_empty() || wanted == log.world() {
        return Ok(());
    }
    Err(Error::FailedPrecondition(format!(
        "the request is for world {wanted}, this server has world {}; start the server with the seed and configuration \
         of {wanted}, or begin anew with a fresh checkpoint and lake",
        log.world(),
        wanted = shown(wanted)
    )))
}

/// Finds a stream by its name.
pub(crate) fn stream_of<'a>(log: &'a dyn Log, name: &str) -> Result<&'a LogStream> {
    let streams = log.streams();
    streams.iter().find(|stream| stream.name == name).ok_or_else(|| {
        let known: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
        Error::InvalidArgument(unknown("stream", name, "", &known))
    })
}

/// The positions of the columns asked for, and the schema they make; none asked for means all.
pub(crate) fn columns_of(stream: &LogStream, names: &[String]) -> Result<(Vec<usize>, SchemaRef)> {
    if names.is_empty() {
        return Ok(((0..stream.schema.fields().len()).collect(), Arc::clone(&stream.schema)));
    }
    let columns: Vec<usize> = names
        .iter()
        .map(|name| {
            stream.schema.index_of(name).map_err(|_| {
                let known: Vec<&str> = stream.schema.fields().iter().map(|field| field.name().as_str()).collect();
                Error::InvalidArgument(unknown("column", name, &format!(" in stream '{}'", stream.name), &known))
            })
        })
        .collect::<Result<_>>()?;
    if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        return Err(Error::InvalidArgument(format!("column '{}' is asked for twice; name each column once", twice.1)));
    }
    let schema: Schema = stream
        .schema
        .project(&columns)
        .map_err(|cause| Error::Internal(format!("columns {names:?} of '{}' do not project: {cause}", stream.name)))?;
    Ok((columns, Arc::new(schema)))
}

/// The partitions a request covers.
pub(crate) fn partitions_of(stream: &LogStream, partition: Option<u32>) -> Result<std::ops::Range<u32>> {
    match partition {
        None => Ok(0..stream.partitions),
        Some(one) if one < stream.partitions => Ok(one..one + 1),
        Some(one) => Err(Error::NotFound(format!(
            "stream '{}' has no partition {one}; its partitions are 0 to {}",
            stream.name,
            stream.partitions - 1
        ))),
    }
}

/// Turns a range with a partition into rows that can be read. Asks the log, so it may block.
pub(crate) fn slice_of(log: &dyn Log, range: &proto::ReadRange) -> Result<Slice> {
    check_world(log, &range.world)?;
    let stream = stream_of(log, &range.stream)?;
    let (columns, schema) = columns_of(stream, &range.columns)?;
    let partition = range.partition.ok_or_else(|| {
        Error::InvalidArgument(format!("a ticket for '{}' names no partition; a DoGet reads one", stream.name))
    })?;
    partitions_of(stream, Some(partition))?;
    let held = log.held(&stream.name, partition).map_err(|cause| log_failed(&stream.name, partition, &cause))?;
    let from = range.from.unwrap_or(held.earliest);
    let until = until_of(&stream.name, partition, from, range, held)?;
    Ok(Slice { stream: stream.name.clone(), partition, from, until, columns, schema })
}

/// Where a range ends, once it is known to lie within what is held.
fn until_of(stream: &str, partition: u32, from: u64, range: &proto::ReadRange, held: Held) -> Result<Option<u64>> {
    if let Some(until) = range.until.filter(|&until| until < from) {
        return Err(Error::InvalidArgument(format!(
            "rows {from}..{until} of {stream}/{partition}: until lies before from; swap them"
        )));
    }
    if from < held.earliest {
        return Err(expired(stream, partition, from, held.earliest));
    }
    match range.until {
        Some(until) if until > held.latest && until > from && (held.ended || !range.follow) => {
            Err(beyond(stream, partition, from, until, held))
        }
        Some(until) => Ok(Some(until)),
        None if range.follow => Ok(None),
        // Beyond the latest row there is nothing yet: an empty answer, not an error, so a reader may poll.
        None => Ok(Some(held.latest.max(from))),
    }
}

/// Rows that a reader still wanted are held no more.
pub(crate) fn expired(stream: &str, partition: u32, from: u64, earliest: u64) -> Error {
    Error::OutOfRange(format!(
        "row {from} of {stream}/{partition} is held no more, the oldest is {earliest}; start at {earliest} or later"
    ))
}

/// Rows that do not exist, yet or ever.
pub(crate) fn beyond(stream: &str, partition: u32, from: u64, until: u64, held: Held) -> Error {
    let advice = match held.ended {
        true => "and no more will come; ask for rows up to there",
        false => "now; ask the action offsets for the latest, or follow",
    };
    Error::OutOfRange(format!(
        "rows {from}..{until} of {stream}/{partition} asked, rows end at {} {advice}",
        held.latest
    ))
}

/// The log itself failed.
pub(crate) fn log_failed(stream: &str, partition: u32, cause: &LogError) -> Error {
    Error::Internal(format!("cannot read {stream}/{partition}: {cause}"))
}

/// Says that a name is unknown, which one was probably meant, and which there are.
fn unknown(kind: &str, name: &str, place: &str, known: &[&str]) -> String {
    let guess = match nearest(name, known.iter().copied()) {
        Some(word) => format!("; did you mean '{word}'?"),
        None => ";".to_owned(),
    };
    format!("no {kind} is called '{}'{place}{guess} known: {}", shown(name), known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let known = ["events", "truth"];
        assert_eq!(
            unknown("stream", "event", "", &known),
            "no stream is called 'event'; did you mean 'events'? known: events, truth"
        );
        assert_eq!(unknown("stream", "zzzzzzzzz", "", &known), "no stream is called 'zzzzzzzzz'; known: events, truth");
    }

    #[test]
    fn a_path_names_a_stream_and_maybe_a_partition() {
        let of = |path: &[&str]| range_of(&FlightDescriptor::new_path(path.iter().map(ToString::to_string).collect()));
        assert_eq!(of(&["events"]).unwrap().partition, None);
        assert_eq!(of(&["events", "3"]).unwrap().partition, Some(3));
        for bad in [&["events", "-1"][..], &["events", "x"], &[], &["a", "1", "2"]] {
            assert!(matches!(of(bad), Err(Error::InvalidArgument(_))), "{bad:?}");
        }
    }
}
