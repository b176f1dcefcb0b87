//! The streams of a world and their Arrow schemas: names, types and nullability are a contract with every reader.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::{UnknownWord, words::words};

words!(
    /// What can be read from a world.
    Stream, "stream", {
        /// Raw events as clients sent them: unbounded, partitioned.
        Events = "events",
        /// Row for row beside `events`: what really happened, and what is wrong with the raw row.
        Truth = "truth",
        /// The catalogue: bounded, one partition.
        Tracks = "tracks",
        /// The artists of the catalogue: bounded, one partition.
        Artists = "artists",
        /// The listeners: bounded, one partition.
        Listeners = "listeners",
    }
);

impl Stream {
    /// Whether the stream is an endless log with offsets in order of arrival (`events`, `truth`) or a bounded dimension.
    pub const fn is_log(self) -> bool {
        matches!(self, Self::Events | Self::Truth)
    }

    /// The stream's columns.
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<[SchemaRef; 5]> = LazyLock::new(|| {
            [events(), truth(), tracks(), artists(), listeners()].map(|fields| Arc::new(Schema::new(fields)))
        });
        Arc::clone(&SCHEMAS[self.index()])
    }
}

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

fn utf8(name: &str) -> Field {
    field(name, DataType::Utf8)
}

/// Microseconds, in UTC: what Spark's `TIMESTAMP` holds.
fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The log's own columns, the same in `events` and `truth`.
fn address() -> Vec<Field> {
    vec![
        required("partition", DataType::Int32),
        required("offset", DataType::Int64),
        required("arrived_at", timestamp()),
    ]
}

fn events() -> Vec<Field> {
    let mut fields = address();
    fields.extend([
        utf8("event_id"),
        utf8("event_type"),
        utf8("ts"),
        utf8("user_id"),
        utf8("session_id"),
        utf8("track_uri"),
        utf8("playlist_uri"),
        utf8("playlist_name"),
        utf8("context"),
        field("ms_played", DataType::Int64),
        utf8("reason_start"),
        utf8("reason_end"),
        field("shuffle", DataType::Boolean),
        field("offline", DataType::Boolean),
        field("incognito_mode", DataType::Boolean),
        field("premium", DataType::Boolean),
        utf8("platform"),
        utf8("app_version"),
        utf8("conn_country"),
    ]);
    fields
}

/// Every column of the clean `events` table but `repairs`, as it really was, then the labels.
fn truth() -> Vec<Field> {
    let mut fields = address();
    fields.extend([
        required("event_id", DataType::Binary),
        required("event_type", DataType::Utf8),
        required("event_time", timestamp()),
        required("user_id", DataType::Int64),
        required("session_id", DataType::Int64),
        field("track_id", DataType::Int64),
        field("artist_id", DataType::Int64),
        utf8("genre"),
        field("track_duration_ms", DataType::Int64),
        field("playlist_id", DataType::Int64),
        utf8("playlist_name"),
        utf8("context"),
        field("ms_played", DataType::Int64),
        field("is_stream", DataType::Boolean),
        utf8("reason_start"),
        utf8("reason_end"),
        field("shuffle", DataType::Boolean),
        field("offline", DataType::Boolean),
        field("incognito_mode", DataType::Boolean),
        field("premium", DataType::Boolean),
        required("platform", DataType::Utf8),
        utf8("app_version"),
        required("country", DataType::Utf8),
        required("event_date", DataType::Date32),
        required("faults", DataType::List(Arc::new(required("item", DataType::Utf8)))),
        field("duplicate_of", DataType::Int64),
        required("is_bot", DataType::Boolean),
    ]);
    fields
}

fn tracks() -> Vec<Field> {
    vec![
        required("track_id", DataType::Int64),
        required("track_uri", DataType::Utf8),
        required("track_name", DataType::Utf8),
        required("artist_id", DataType::Int64),
        required("genre", DataType::Utf8),
        required("duration_ms", DataType::Int64),
        required("release_date", DataType::Date32),
    ]
}

fn artists() -> Vec<Field> {
    vec![
        required("artist_id", DataType::Int64),
        required("artist_name", DataType::Utf8),
        required("genre", DataType::Utf8),
        required("country", DataType::Utf8),
    ]
}

fn listeners() -> Vec<Field> {
    vec![
        required("user_id", DataType::Int64),
        required("country", DataType::Utf8),
        required("time_zone", DataType::Utf8),
        required("birth_year", DataType::Int32),
        required("signup_date", DataType::Date32),
        required("premium", DataType::Boolean),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_stands_row_for_row_beside_events() {
        for name in ["partition", "offset", "arrived_at"] {
            let events = Stream::Events.schema();
            let truth = Stream::Truth.schema();
            assert_eq!(events.field_with_name(name).unwrap(), truth.field_with_name(name).unwrap());
        }
    }

    #[test]
    fn a_stream_is_found_by_its_name() {
        assert_eq!("events".parse(), Ok(Stream::Events));
        assert!("event".parse::<Stream>().is_err());
    }
}
