//! Contracts written by hand: short functions for the wire's messages, and the contract of `contracts/listening.yaml` made of them.
//!
//! The benches use this file too, so that they measure what the tests test.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests and benches each use a part, and what is wrong in it must panic"
)]

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, BooleanArray, Int32Array, Int64Array, StringArray, StructArray, TimestampMicrosecondArray,
    },
    compute::cast,
    datatypes::{DataType, Field, Fields},
};
use downbeat_kernels::{
    Cleanser,
    proto::{
        Call, Check, Column, Contract, Empty, Expr, Field as InputField, Function, Literal, Normaliser, OneOf,
        Severity, Text, Timestamp, Type, UriId, check::Test, expr::Node, literal::Value, normaliser::Kind,
    },
};
use downbeat_model::{Context, EventType, ReasonEnd, ReasonStart, Stream, ids};
use prost::Message;

pub(crate) const MINUTE_US: i64 = 60_000_000;
pub(crate) const DAY_US: i64 = 1440 * MINUTE_US;

pub(crate) fn cleanser(contract: &Contract) -> Cleanser {
    Cleanser::new(&contract.encode_to_vec()).unwrap()
}

pub(crate) fn expr(of: Type, node: Node) -> Expr {
    Expr { r#type: of.into(), node: Some(node) }
}

pub(crate) fn column(of: Type, index: u32) -> Expr {
    expr(of, Node::Column(index))
}

pub(crate) fn literal(of: Type, value: Option<Value>) -> Expr {
    expr(of, Node::Literal(Literal { r#type: of.into(), value }))
}

pub(crate) fn text(value: &str) -> Expr {
    literal(Type::String, Some(Value::String(value.to_owned())))
}

pub(crate) fn integer(of: Type, value: i64) -> Expr {
    literal(of, Some(Value::Integer(value)))
}

pub(crate) fn boolean(value: Option<bool>) -> Expr {
    literal(Type::Boolean, value.map(Value::Boolean))
}

pub(crate) fn call(of: Type, function: Function, arguments: Vec<Expr>) -> Expr {
    expr(of, Node::Call(Call { function: function.into(), arguments }))
}

/// A call that gives a boolean.
pub(crate) fn condition(function: Function, arguments: Vec<Expr>) -> Expr {
    call(Type::Boolean, function, arguments)
}

pub(crate) fn check(name: &str, severity: Severity, test: Test, when: Option<Expr>) -> Check {
    Check { name: name.to_owned(), severity: severity.into(), test: Some(test), when }
}

pub(crate) fn normaliser(kind: Kind) -> Option<Normaliser> {
    Some(Normaliser { kind: Some(kind) })
}

/// `contracts/listening.yaml`, resolved by hand.
pub(crate) fn listening() -> Contract {
    let schema = Stream::Events.schema();
    let input: Vec<_> = schema.fields().iter().map(|field| input_field(field)).collect();
    let words = |values: Vec<&str>| {
        let values = values.into_iter().map(str::to_owned).collect();
        normaliser(Kind::OneOf(OneOf { values, ..OneOf::default() }))
    };
    let uri = |prefix: &str| normaliser(Kind::UriId(UriId { prefix: prefix.to_owned() }));
    let empty = Empty {};
    let specs: Vec<(&str, &str, Type, Option<Normaliser>)> = vec![
        ("partition", "partition", Type::Int, None),
        ("offset", "offset", Type::Bigint, None),
        ("arrived_at", "arrived_at", Type::Timestamp, None),
        ("event_id", "event_id", Type::Binary, normaliser(Kind::Uuid(empty))),
        ("event_type", "event_type", Type::String, words(EventType::ALL.iter().map(|word| word.text()).collect())),
        ("event_time", "ts", Type::Timestamp, normaliser(Kind::Timestamp(Timestamp::default()))),
        ("user_id", "user_id", Type::Bigint, normaliser(Kind::DecimalInteger(empty))),
        ("session_id", "session_id", Type::Bigint, normaliser(Kind::HexId(empty))),
        ("track_id", "track_uri", Type::Bigint, uri(ids::TRACK_PREFIX)),
        ("playlist_id", "playlist_uri", Type::Bigint, uri(ids::PLAYLIST_PREFIX)),
        ("playlist_name", "playlist_name", Type::String, normaliser(Kind::Text(Text { max_length: 200 }))),
        ("context", "context", Type::String, words(Context::ALL.iter().map(|word| word.text()).collect())),
        ("ms_played", "ms_played", Type::Bigint, None),
        (
            "reason_start",
            "reason_start",
            Type::String,
            words(ReasonStart::ALL.iter().map(|word| word.text()).collect()),
        ),
        ("reason_end", "reason_end", Type::String, words(ReasonEnd::ALL.iter().map(|word| word.text()).collect())),
        ("shuffle", "shuffle", Type::Boolean, None),
        ("offline", "offline", Type::Boolean, None),
        ("incognito_mode", "incognito_mode", Type::Boolean, None),
        ("premium", "premium", Type::Boolean, None),
        ("platform", "platform", Type::String, normaliser(Kind::Platform(empty))),
        ("app_version", "app_version", Type::String, normaliser(Kind::AppVersion(empty))),
        ("country", "conn_country", Type::String, normaliser(Kind::Country(empty))),
    ];
    let at = |name: &str| specs.iter().position(|spec| spec.0 == name).unwrap() as u32;
    let event_type_in = |words: &[&str]| {
        let list = std::iter::once(column(Type::String, at("event_type"))).chain(words.iter().map(|word| text(word)));
        condition(Function::In, list.collect())
    };
    let playback = event_type_in(&["play", "skip"]);
    let on_track = event_type_in(&["play", "skip", "like", "unlike", "dislike", "playlist_add", "playlist_remove"]);
    let on_playlist = event_type_in(&["playlist_create", "playlist_add", "playlist_remove"]);
    let arrival = |interval_us: i64| {
        let arguments = vec![column(Type::Timestamp, at("arrived_at")), integer(Type::Interval, interval_us)];
        call(Type::Timestamp, Function::TimestampAdd, arguments)
    };
    let mut checks = Vec::new();
    for (index, (name, _, of, normaliser)) in specs.iter().enumerate() {
        let index = index as u32;
        let required = match *name {
            "event_id" | "event_type" | "event_time" | "user_id" | "session_id" | "platform" | "country" => Some(None),
            "track_id" => Some(Some(on_track.clone())),
            "playlist_id" => Some(Some(on_playlist.clone())),
            "context" | "ms_played" | "reason_start" | "reason_end" => Some(Some(playback.clone())),
            _ => None,
        };
        if let Some(when) = required {
            checks.push(check(&format!("{name}_required"), Severity::Error, Test::Required(index), when));
        }
        match normaliser.as_ref().and_then(|normaliser| normaliser.kind.as_ref()) {
            Some(Kind::OneOf(_)) => {
                checks.push(check(&format!("{name}_known"), Severity::Error, Test::WellFormed(index), None));
            }
            Some(_) => checks.push(check(&format!("{name}_valid"), Severity::Error, Test::WellFormed(index), None)),
            None => {}
        }
        let bounds = match *name {
            "event_time" => Some((Some(arrival(-10 * DAY_US)), Some(arrival(5 * MINUTE_US)))),
            "user_id" => Some((Some(integer(Type::Bigint, 0)), None)),
            "ms_played" => Some((Some(integer(Type::Bigint, 0)), Some(integer(Type::Bigint, 86_400_000)))),
            _ => None,
        };
        if let Some((min, max)) = bounds {
            let min = min.map(|min| condition(Function::Ge, vec![column(*of, index), min]));
            let max = max.map(|max| condition(Function::Le, vec![column(*of, index), max]));
            let both: Vec<_> = min.into_iter().chain(max).collect();
            let range = if both.len() == 1 { both[0].clone() } else { condition(Function::And, both) };
            checks.push(check(&format!("{name}_range"), Severity::Error, Test::Expect(range), None));
        }
    }
    let equal = condition(Function::Eq, vec![column(Type::String, at("reason_end")), text("trackdone")]);
    let skip = condition(Function::Eq, vec![column(Type::String, at("event_type")), text("skip")]);
    let expect = Test::Expect(condition(Function::Not, vec![equal]));
    checks.push(check("skip_has_user_reason", Severity::Warn, expect, Some(skip)));
    let columns = specs
        .iter()
        .map(|(name, from, of, normaliser)| Column {
            name: (*name).to_owned(),
            input: schema.index_of(from).unwrap() as u32,
            r#type: (*of).into(),
            normaliser: normaliser.clone(),
            default: None,
        })
        .collect();
    Contract { input, columns, checks, ansi: true, time_zone: "UTC".to_owned() }
}

fn input_field(field: &Field) -> InputField {
    let of = match field.data_type() {
        DataType::Int32 => Type::Int,
        DataType::Int64 => Type::Bigint,
        DataType::Boolean => Type::Boolean,
        DataType::Timestamp(..) => Type::Timestamp,
        _ => Type::String,
    };
    InputField { name: field.name().clone(), r#type: of.into() }
}

/// Columns of raw events, to be changed before they become a batch.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) texts: Vec<(&'static str, Vec<Option<String>>)>,
    pub(crate) ms_played: Vec<Option<i64>>,
    pub(crate) arrived_at: Vec<i64>,
}

/// 2026-10-01T12:00:00Z.
pub(crate) const NOON: i64 = 1_790_856_000_000_000;

impl Raw {
    /// `rows` clean events in the mix of a real day: nearly all plays and skips, a few likes and playlist events.
    pub(crate) fn clean(rows: usize) -> Self {
        let platforms = [
            "iOS 17.5.1 (iPhone15,3)",
            "Android OS 14 API 34 (samsung, SM-S911B)",
            "Windows 11 (10.0.22631; x64)",
            "web_player windows 10;chrome 128;desktop",
            "OS X 14.5.0 [arm 2]",
            "Partner sonos Era 100;Speaker",
        ];
        let names = [
            "event_id",
            "event_type",
            "ts",
            "user_id",
            "session_id",
            "track_uri",
            "playlist_uri",
            "playlist_name",
            "context",
            "reason_start",
            "reason_end",
            "platform",
            "app_version",
            "conn_country",
        ];
        let mut texts: Vec<_> = names.into_iter().map(|name| (name, Vec::with_capacity(rows))).collect();
        let mut ms_played = Vec::new();
        let mut arrived_at = Vec::new();
        for row in 0..rows as u64 {
            let random = mixed(row);
            let event_type = match random % 100 {
                0..60 => "play",
                60..85 => "skip",
                85..92 => "like",
                92..94 => "unlike",
                94..96 => "playlist_create",
                96..99 => "playlist_add",
                _ => "playlist_remove",
            };
            let playback = matches!(event_type, "play" | "skip");
            let playlist = event_type.starts_with("playlist");
            let id = |n: u64| mixed(random ^ n) >> 1;
            let uuid = (u128::from(mixed(random ^ 8)) << 64 | u128::from(random)).to_be_bytes();
            let arrived = NOON + row as i64 * 700;
            let happened = chrono::DateTime::from_timestamp_millis((arrived - 2_000_000) / 1000).unwrap();
            let ascii = |bytes: &[u8]| Some(String::from_utf8(bytes.to_vec()).unwrap());
            let word = |word: &str, there: bool| there.then(|| word.to_owned());
            let values = [
                ascii(&ids::uuid_text(&uuid)),
                word(event_type, true),
                Some(happened.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
                Some((id(1) % 1_000_000_000).to_string()),
                ascii(&ids::session_text(id(2))),
                (event_type != "playlist_create").then(|| ids::track_uri(id(3))),
                playlist.then(|| ids::playlist_uri(id(4))),
                word("Songs for a long walk", event_type == "playlist_create"),
                word(Context::ALL[(random >> 8) as usize % 6].text(), playback),
                word(ReasonStart::ALL[(random >> 16) as usize % 9].text(), playback),
                word(if event_type == "skip" { "fwdbtn" } else { "trackdone" }, playback),
                word(platforms[(random >> 24) as usize % platforms.len()], true),
                word("8.9.42.575", true),
                word(["US", "DE", "SE", "BR", "GB"][(random >> 32) as usize % 5], true),
            ];
            for (column, value) in texts.iter_mut().zip(values) {
                column.1.push(value);
            }
            ms_played.push(playback.then_some((random >> 40) as i64 % 240_000));
            arrived_at.push(arrived);
        }
        Self { texts, ms_played, arrived_at }
    }

    pub(crate) fn set(&mut self, name: &str, row: usize, value: Option<&str>) {
        let column = self.texts.iter_mut().find(|column| column.0 == name).unwrap();
        column.1[row] = value.map(str::to_owned);
    }

    /// The batch as the source reads it.
    pub(crate) fn batch(&self) -> StructArray {
        let rows = self.arrived_at.len();
        let schema = Stream::Events.schema();
        let columns = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Int32 => Arc::new(Int32Array::from(vec![0; rows])) as ArrayRef,
            DataType::Int64 if field.name() == "offset" => Arc::new(Int64Array::from_iter_values(0..rows as i64)),
            DataType::Int64 => Arc::new(Int64Array::from(self.ms_played.clone())),
            DataType::Boolean => Arc::new(BooleanArray::from(vec![Some(true); rows])),
            DataType::Timestamp(..) => {
                Arc::new(TimestampMicrosecondArray::from(self.arrived_at.clone()).with_timezone("UTC"))
            }
            _ => {
                let texts = &self.texts.iter().find(|column| column.0 == field.name()).unwrap().1;
                Arc::new(StringArray::from(texts.clone()))
            }
        });
        let columns = columns.collect();
        StructArray::try_new_with_length(Fields::from(schema.fields().to_vec()), columns, None, rows).unwrap()
    }
}

/// A fixed scramble of 64 bits (the finaliser of `SplitMix64`): random enough for test data, the same everywhere.
pub(crate) fn mixed(n: u64) -> u64 {
    let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The same rows with the texts of some columns as words of dictionaries.
pub(crate) fn in_dictionaries(rows: &StructArray, chosen: impl Fn(&str) -> bool) -> StructArray {
    let words = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
    let columns: Vec<ArrayRef> = rows
        .columns()
        .iter()
        .zip(rows.fields())
        .map(|(column, field)| match column.data_type() {
            DataType::Utf8 if chosen(field.name()) => cast(column, &words).unwrap(),
            _ => Arc::clone(column),
        })
        .collect();
    let fields: Fields = rows
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true))
        .collect();
    StructArray::new(fields, columns, rows.nulls().cloned())
}
