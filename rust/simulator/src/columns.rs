//! Rows as Arrow columns: `events` as clients wrote them, `truth` as it was. One function a column, so that what is not asked for
//! is never written.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Int32Array, Int64Array, ListArray, RecordBatch,
        TimestampMicrosecondArray,
    },
    buffer::{Buffer, OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, Field, SchemaRef},
};
use downbeat_model::{Context, EventType, Fault, LATE_AFTER_US, ReasonEnd, ReasonStart, STREAM_MS, Stream, ids};

use crate::{
    Model, Result,
    catalogue::GENRES,
    chance::Purpose,
    device::DEVICES,
    fault::{Form, UNKNOWN_TYPES, column},
    log::{Bucket, PartitionLog},
    names,
    place::COUNTRIES,
    row::{Row, Session, session_of},
    text::{self, Bits, Block, Suffix, TextColumn, Times, Validity},
};

/// Consecutive rows of a partition, which may lie in several buckets.
pub(crate) struct Rows<'a> {
    pub(crate) model: &'a Model,
    pub(crate) log: &'a PartitionLog,
    pub(crate) partition: u32,
    /// Offset of the first.
    pub(crate) first: u64,
    pub(crate) parts: &'a [(Arc<Bucket>, std::ops::Range<usize>)],
}

/// The columns of a batch.
pub(crate) fn batch(rows: &Rows<'_>, stream: Stream, schema: &SchemaRef, columns: &[usize]) -> Result<RecordBatch> {
    let write = if stream == Stream::Events { Rows::event_column } else { Rows::truth_column };
    let arrays = columns.iter().map(|&column| write(rows, column)).collect::<Result<Vec<_>>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
}

impl<'a> Rows<'a> {
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.1.len()).sum()
    }

    #[inline]
    fn for_each(&self, mut visit: impl FnMut(&'a Row, &'a Session)) {
        for (bucket, range) in self.parts {
            for row in &bucket.rows[range.clone()] {
                visit(row, &bucket.sessions[row.session as usize]);
            }
        }
    }

    /// A text column: `write` adds the text as it should be. What a faulty row has instead is written here, or by `repairable`,
    /// which says whether it did.
    fn text(
        &self,
        bytes_per_row: usize,
        column: usize,
        mut write: impl FnMut(&'a Row, &'a Session, &mut TextColumn),
        mut repairable: impl FnMut(&'a Row, &'a Session, Form, &mut TextColumn) -> bool,
    ) -> Result<ArrayRef> {
        let mut out = TextColumn::new(self.len(), bytes_per_row);
        self.for_each(|row, session| {
            if row.faults.is_empty() || !self.spoilt(column, row, session, &mut out, &mut write, &mut repairable) {
                write(row, session, &mut out);
            }
        });
        Ok(out.finish()?)
    }

    /// Writes what a faulty row has instead of a column's text; false if it has the text.
    #[cold]
    fn spoilt(
        &self,
        column: usize,
        row: &'a Row,
        session: &'a Session,
        out: &mut TextColumn,
        write: &mut impl FnMut(&'a Row, &'a Session, &mut TextColumn),
        repairable: &mut impl FnMut(&'a Row, &'a Session, Form, &mut TextColumn) -> bool,
    ) -> bool {
        let form = self.model.faults.form(row.key);
        if form.missing(row.faults, row.event_type) == Some(column) {
            out.push_option(form.nothing());
            return true;
        }
        let bad_id = form.bad_id(row.faults, row.event_type) == Some(column);
        if !bad_id && !form.is_torn(column, row.faults) {
            return repairable(row, session, form, out);
        }
        let mut whole = TextColumn::new(1, 64);
        write(row, session, &mut whole);
        match whole.last() {
            b"" => return false,
            text if bad_id => out.write(|out| form.malform(text, out)),
            text => out.write(|out| form.tear(text, out)),
        }
        true
    }

    /// A column of words of playbacks, by their number, which may be soiled.
    fn words<const N: usize, const COUNT: usize>(
        &self,
        column: usize,
        texts: [&'static str; COUNT],
        word: impl Fn(&Row) -> usize,
    ) -> Result<ArrayRef> {
        let blocks = Block::<N>::all(texts);
        self.text(
            12,
            column,
            |row, _, out| match row.is_playback() {
                true => out.push_block(&blocks[word(row)]),
                false => out.push_null(),
            },
            |row, _, form, out| {
                let dirty = form.dirty(row.faults, row.event_type) == Some(column);
                if dirty {
                    out.write(|out| form.soil(texts[word(row)], out));
                }
                dirty
            },
        )
    }

    /// Whole numbers, some of which may be absent.
    fn int64s(&self, mut value: impl FnMut(&'a Row, &'a Session) -> Option<i64>) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(self.len());
        let mut valid = Validity::new(self.len());
        self.for_each(|row, session| {
            let value = value(row, session);
            valid.push(value.is_some(), values.len());
            values.push(value.unwrap_or_default());
        });
        Ok(Arc::new(Int64Array::try_new(values.into(), valid.finish())?))
    }

    fn booleans(&self, mut value: impl FnMut(&'a Row, &'a Session) -> Option<bool>) -> Result<ArrayRef> {
        let mut values = Bits::new(self.len());
        let mut valid = Validity::new(self.len());
        let mut count = 0;
        self.for_each(|row, session| {
            let value = value(row, session);
            values.push(value == Some(true));
            valid.push(value.is_some(), count);
            count += 1;
        });
        Ok(Arc::new(BooleanArray::new(values.finish(), valid.finish())))
    }

    fn times(&self, mut time_us: impl FnMut(&Row) -> i64) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(self.len());
        self.for_each(|row, _| values.push(time_us(row)));
        Ok(Arc::new(TimestampMicrosecondArray::new(values.into(), None).with_timezone("UTC")))
    }

    fn texts(
        &self,
        bytes_per_row: usize,
        mut text: impl FnMut(&'a Row, &'a Session) -> Option<&'a str>,
    ) -> Result<ArrayRef> {
        let mut out = TextColumn::new(self.len(), bytes_per_row);
        self.for_each(|row, session| out.push_option(text(row, session)));
        Ok(out.finish()?)
    }

    /// The log's own columns, the same in both streams.
    fn address(&self, column: usize) -> Result<ArrayRef> {
        Ok(match column {
            0 => Arc::new(Int32Array::from_value(self.partition as i32, self.len())),
            1 => Arc::new(Int64Array::from_iter_values(self.first as i64..(self.first as i64 + self.len() as i64))),
            _ => self.times(|row| row.arrived_us)?,
        })
    }

    /// A column of `events`, by its position in the schema.
    fn event_column(&self, column: usize) -> Result<ArrayRef> {
        let model = self.model;
        let as_it_is = |_: &Row, _: &Session, _: Form, _: &mut TextColumn| false;
        match column {
            column::EVENT_ID => self.text(
                36,
                column,
                |row, _, out| {
                    let (high, low) = event_id(model, row.key);
                    out.push_bytes(&text::uuid(high, low), 36);
                },
                as_it_is,
            ),
            column::EVENT_TYPE => {
                let blocks = Block::<16>::all(EVENT_TYPES);
                self.text(
                    8,
                    column,
                    |row, _, out| out.push_block(&blocks[row.event_type.index()]),
                    |row, _, form, out| {
                        let unknown = row.faults.contains(Fault::UnknownType);
                        if unknown {
                            out.push(UNKNOWN_TYPES[form.choice(9, UNKNOWN_TYPES.len())]);
                        }
                        unknown
                    },
                )
            }
            column::TS => {
                let mut times = Times::new();
                self.text(
                    24,
                    column,
                    |row, _, out| out.push_bytes(times.utc(row.time_ms), 24),
                    |row, _, form, out| {
                        if row.faults.contains(Fault::TsFormat) {
                            out.write(|out| other_time(row.time_ms, form, out));
                            return true;
                        }
                        let wrong = row.faults.contains(Fault::ClockSkew);
                        if wrong {
                            let time_ms = model.faults.wrong_time(session_of(row.key), row.time_ms);
                            out.push_bytes(Times::new().utc(time_ms), 24);
                        }
                        wrong
                    },
                )
            }
            column::USER_ID => self.text(19, column, |_, session, out| out.push_block(&session.user_text), as_it_is),
            column::SESSION_ID => {
                self.text(16, column, |_, session, out| out.push_bytes(&text::hex(session.session_id), 16), as_it_is)
            }
            column::TRACK_URI => self.text(
                26,
                column,
                |row, _, out| match row.has_track() {
                    true => out.push_bytes(&text::uri(TRACK_PREFIX, model.catalogue.track_id(row.track)), 26),
                    false => out.push_null(),
                },
                as_it_is,
            ),
            column::PLAYLIST_URI => self.text(
                2,
                column,
                |row, session, out| match row.has_playlist() {
                    true => out.push_bytes(&text::uri(PLAYLIST_PREFIX, playlist_id(model, session)), 29),
                    false => out.push_null(),
                },
                as_it_is,
            ),
            column::PLAYLIST_NAME => {
                let mut name = Vec::new();
                self.text(
                    1,
                    column,
                    |row, session, out| self.playlist_name(row, session, out),
                    |row, session, form, out| {
                        let dirty = form.dirty(row.faults, row.event_type) == Some(column);
                        if dirty {
                            name.clear();
                            names::playlist(&mut model.seed.stream(Purpose::PlaylistName, session.playlist), &mut name);
                            out.write(|out| form.soil(&String::from_utf8_lossy(&name), out));
                        }
                        dirty
                    },
                )
            }
            column::CONTEXT => self.words::<32, _>(column, CONTEXTS, |row| row.context.index()),
            column::MS_PLAYED => self.int64s(|row, _| {
                if !row.faults.is_empty() {
                    let form = model.faults.form(row.key);
                    if row.faults.contains(Fault::BadDuration) {
                        return Some(form.bad_duration(row.ms_played));
                    }
                    if form.missing(row.faults, row.event_type) == Some(column) {
                        return None;
                    }
                }
                row.is_playback().then_some(i64::from(row.ms_played))
            }),
            column::REASON_START => self.words::<16, _>(column, REASON_STARTS, |row| row.reason_start.index()),
            column::REASON_END => self.words::<16, _>(column, REASON_ENDS, |row| row.reason_end.index()),
            15 => self.booleans(|row, _| row.is_playback().then_some(row.shuffle)),
            16 => self.booleans(|row, _| Some(row.offline)),
            17 => self.booleans(|_, session| Some(session.incognito)),
            18 => self.booleans(|_, session| Some(session.premium)),
            column::PLATFORM => self.text(
                32,
                column,
                |_, session, out| out.push_block(&session.device_name),
                |row, session, form, out| {
                    let alias = row.faults.contains(Fault::PlatformAlias);
                    if alias {
                        other_platform(session, form, out);
                    }
                    alias
                },
            ),
            column::APP_VERSION => self.text(
                11,
                column,
                |_, session, out| out.push_block(&session.app_version),
                |row, session, form, out| {
                    let dirty = form.dirty(row.faults, row.event_type) == Some(column);
                    if dirty {
                        out.write(|out| form.soil(&String::from_utf8_lossy(session.app_version.text()), out));
                    }
                    dirty
                },
            ),
            column::CONN_COUNTRY => {
                let blocks = Block::<2>::all(COUNTRIES.each_ref().map(|country| country.code));
                self.text(
                    2,
                    column,
                    |_, session, out| out.push_block(&blocks[usize::from(session.country)]),
                    |row, session, form, out| {
                        let alias = row.faults.contains(Fault::CountryAlias);
                        if alias {
                            other_country(session, form, out);
                        }
                        alias
                    },
                )
            }
            _ => self.address(column),
        }
    }

    fn playlist_name(&self, row: &Row, session: &Session, out: &mut TextColumn) {
        match row.event_type {
            EventType::PlaylistCreate => out.write(|out| {
                names::playlist(&mut self.model.seed.stream(Purpose::PlaylistName, session.playlist), out);
            }),
            _ => out.push_null(),
        }
    }

    /// A column of `truth`, by its position in the schema.
    fn truth_column(&self, column: usize) -> Result<ArrayRef> {
        let (model, catalogue) = (self.model, &self.model.catalogue);
        let track = |row: &Row| row.has_track().then_some(row.track);
        // What the catalogue has of it.
        let known = |row: &Row| track(row).filter(|&track| catalogue.has(track));
        match column {
            3 => {
                let mut values = Vec::with_capacity(self.len() * 16);
                self.for_each(|row, _| {
                    let (high, low) = event_id(model, row.key);
                    values.extend_from_slice(&high.to_be_bytes());
                    values.extend_from_slice(&low.to_be_bytes());
                });
                let offsets = OffsetBuffer::from_repeated_length(16, self.len());
                Ok(Arc::new(BinaryArray::try_new(offsets, Buffer::from_vec(values), None)?))
            }
            4 => self.texts(8, |row, _| Some(row.event_type.text())),
            5 => self.times(|row| row.time_ms * 1000),
            6 => self.int64s(|_, session| Some(session.user_id as i64)),
            7 => self.int64s(|_, session| Some(session.session_id as i64)),
            8 => self.int64s(|row, _| track(row).map(|track| catalogue.track_id(track) as i64)),
            9 => self.int64s(|row, _| known(row).map(|track| catalogue.artist_id(catalogue.artist_of(track)) as i64)),
            10 => self.texts(8, |row, _| {
                known(row).map(|track| GENRES[usize::from(catalogue.genre_of(catalogue.artist_of(track)))].0)
            }),
            11 => self.int64s(|row, _| known(row).map(|track| catalogue.length_ms(track))),
            12 => self.int64s(|row, session| row.has_playlist().then(|| playlist_id(model, session) as i64)),
            13 => {
                let mut out = TextColumn::new(self.len(), 1);
                self.for_each(|row, session| self.playlist_name(row, session, &mut out));
                Ok(out.finish()?)
            }
            14 => self.texts(12, |row, _| row.is_playback().then(|| row.context.text())),
            15 => self.int64s(|row, _| row.is_playback().then_some(i64::from(row.ms_played))),
            16 => self.booleans(|row, _| row.is_playback().then_some(i64::from(row.ms_played) >= STREAM_MS)),
            17 => self.texts(8, |row, _| row.is_playback().then(|| row.reason_start.text())),
            18 => self.texts(8, |row, _| row.is_playback().then(|| row.reason_end.text())),
            19 => self.booleans(|row, _| row.is_playback().then_some(row.shuffle)),
            20 => self.booleans(|row, _| Some(row.offline)),
            21 => self.booleans(|_, session| Some(session.incognito)),
            22 => self.booleans(|_, session| Some(session.premium)),
            23 => self.texts(8, |_, session| Some(DEVICES[usize::from(session.device)].platform.text())),
            24 => {
                let mut out = TextColumn::new(self.len(), 11);
                self.for_each(|_, session| out.push_block(&session.app_version));
                Ok(out.finish()?)
            }
            25 => self.texts(2, |_, session| Some(COUNTRIES[usize::from(session.country)].code)),
            26 => {
                let mut days = Vec::with_capacity(self.len());
                self.for_each(|row, _| days.push(row.time_ms.div_euclid(86_400_000) as i32));
                Ok(Arc::new(Date32Array::new(days.into(), None)))
            }
            27 => self.faults(),
            28 => self.int64s(|row, _| row.copy.then(|| self.log.original(row) as i64)),
            29 => self.booleans(|_, session| Some(session.bot)),
            _ => self.address(column),
        }
    }

    /// The names of what is wrong with each row, in the order the model declares them.
    fn faults(&self) -> Result<ArrayRef> {
        let mut names = TextColumn::new(self.len() / 16, 10);
        let mut ends = Vec::with_capacity(self.len() + 1);
        let mut count = 0;
        ends.push(count);
        self.for_each(|row, _| {
            let late = row.arrived_us - row.time_ms * 1000 > LATE_AFTER_US;
            if late || row.copy || !row.faults.is_empty() {
                for &fault in Fault::ALL {
                    let has = match fault {
                        Fault::Late => late,
                        Fault::Duplicate => row.copy,
                        _ => row.faults.contains(fault),
                    };
                    if has {
                        names.push(fault.text());
                        count += 1;
                    }
                }
            }
            ends.push(count);
        });
        let item = Arc::new(Field::new("item", DataType::Utf8, false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        Ok(Arc::new(ListArray::try_new(item, offsets, names.finish()?, None)?))
    }
}

/// The texts of a set of words, by their number.
macro_rules! texts {
    ($words:ident) => {{
        let mut texts = [""; $words::ALL.len()];
        let mut n = 0;
        while n < texts.len() {
            texts[n] = $words::ALL[n].text();
            n += 1;
        }
        texts
    }};
}

const EVENT_TYPES: [&str; EventType::ALL.len()] = texts!(EventType);
const CONTEXTS: [&str; Context::ALL.len()] = texts!(Context);
const REASON_STARTS: [&str; ReasonStart::ALL.len()] = texts!(ReasonStart);
const REASON_ENDS: [&str; ReasonEnd::ALL.len()] = texts!(ReasonEnd);

/// What URIs begin with, as bytes. The model's words are 15 and 18 bytes long, or this does not compile.
pub(crate) const TRACK_PREFIX: &[u8; 15] = ids::TRACK_PREFIX.as_bytes().first_chunk().expect("15 bytes");
const PLAYLIST_PREFIX: &[u8; 18] = ids::PLAYLIST_PREFIX.as_bytes().first_chunk().expect("18 bytes");

/// The id of an event: a version 4 UUID.
#[inline]
fn event_id(model: &Model, key: u64) -> (u64, u64) {
    let high = model.seed.draw(Purpose::EventIdHigh, key) & !0xf000 | 0x4000;
    let low = model.seed.draw(Purpose::EventIdLow, key) & !(3 << 62) | 2 << 62;
    (high, low)
}

fn playlist_id(model: &Model, session: &Session) -> u64 {
    model.seed.id(Purpose::PlaylistId, session.playlist)
}

/// A time in a notation that is not the canonical one; all keep milliseconds.
fn other_time(time_ms: i64, form: Form, out: &mut Vec<u8>) {
    const OFFSETS_MIN: [i32; 8] = [60, 120, 330, 540, -180, -300, -480, 0];
    match form.choice(10, 5) {
        0 => text::decimal(time_ms as u64, out),
        1 => {
            text::decimal((time_ms / 1000) as u64, out);
            let ms = (time_ms % 1000) as u16;
            out.push(b'.');
            out.extend([ms / 100, ms / 10 % 10, ms % 10].map(|digit| b'0' + digit as u8));
        }
        2 => text::decimal(time_ms as u64 * 1000, out),
        3 => {
            let minutes = OFFSETS_MIN[form.choice(11, OFFSETS_MIN.len())];
            text::iso_time(time_ms, b'T', Suffix::Minutes(minutes), out);
        }
        _ => text::iso_time(time_ms, b' ', Suffix::Nothing, out),
    }
}

fn other_country(session: &Session, form: Form, out: &mut TextColumn) {
    let country = &COUNTRIES[usize::from(session.country)];
    out.write(|out| match form.choice(12, 6) {
        0 => out.extend(country.code.bytes().map(|byte| byte.to_ascii_lowercase())),
        1 => {
            out.push(b' ');
            out.extend_from_slice(country.code.as_bytes());
        }
        2 => out.extend_from_slice(country.alpha3.as_bytes()),
        3 => out.extend(country.alpha3.bytes().map(|byte| byte.to_ascii_lowercase())),
        4 if country.code == "GB" => out.extend_from_slice(b"uk"),
        4 => out.extend(country.name.bytes().map(|byte| byte.to_ascii_lowercase())),
        _ => out.extend_from_slice(country.name.as_bytes()),
    });
}

fn other_platform(session: &Session, form: Form, out: &mut TextColumn) {
    let device = &DEVICES[usize::from(session.device)];
    let name = session.device_name.text();
    out.write(|out| match form.choice(13, 5) {
        0 => out.extend(name.iter().map(u8::to_ascii_uppercase)),
        1 => {
            out.extend_from_slice(name);
            out.push(b' ');
        }
        _ => out.extend_from_slice(device.aliases[form.choice(14, device.aliases.len())].as_bytes()),
    });
}
