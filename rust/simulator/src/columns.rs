//! Rows as Arrow columns: `events` as clients wrote them, `truth` as it was. One function a column, so that what is not asked for
//! is never written.
//!
//! A text column is written in runs of rows that are as they should be, a loop without a question; what a faulty row has instead
//! is written between them.

use std::{cell::OnceCell, sync::Arc};

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
    bucket::Bucket,
    catalogue::GENRES,
    chance::Purpose,
    device::DEVICES,
    fault::{Form, UNKNOWN_TYPES, column},
    log::PartitionLog,
    names,
    place::COUNTRIES,
    row::{Row, Session},
    text::{self, Bits, Block, Suffix, TextColumn, Times, Validity},
};

/// Consecutive rows of a partition, which may lie in several buckets.
pub(crate) struct Rows<'a> {
    pub(crate) model: &'a Model,
    pub(crate) log: &'a PartitionLog,
    pub(crate) partition: u32,
    /// Offset of the first.
    pub(crate) first: u64,
    pub(crate) parts: Vec<Part<'a>>,
}

/// Those of one bucket.
pub(crate) struct Part<'a> {
    bucket: &'a Bucket,
    rows: &'a [Row],
    /// Worked out when a column first asks.
    faulty: OnceCell<Vec<Faulty>>,
}

/// A row of a part that has faults.
struct Faulty {
    row: usize,
    /// A bit for each column of `events` that may not be as it should be.
    columns: u32,
}

impl<'a> Part<'a> {
    pub(crate) fn new(bucket: &'a Bucket, rows: std::ops::Range<usize>) -> Self {
        Self { bucket, rows: &bucket.rows[rows], faulty: OnceCell::new() }
    }

    fn faulty(&self, model: &Model) -> &[Faulty] {
        self.faulty.get_or_init(|| {
            let faulty = self.rows.iter().enumerate().filter(|(_, row)| !row.faults.is_empty());
            let form = |row: &Row| model.faults.form(self.bucket.key(row));
            let columns = |row: &Row| form(row).columns(row.faults, row.event_type);
            faulty.map(|(n, row)| Faulty { row: n, columns: columns(row) }).collect()
        })
    }
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
        self.parts.iter().map(|part| part.rows.len()).sum()
    }

    #[inline]
    fn for_each(&self, mut visit: impl FnMut(&'a Bucket, &'a Row)) {
        for part in &self.parts {
            for row in part.rows {
                visit(part.bucket, row);
            }
        }
    }

    /// Visits up to 64 rows at a time.
    #[inline]
    fn for_each_64(&self, mut visit: impl FnMut(&'a Bucket, &'a [Row])) {
        for part in &self.parts {
            part.rows.chunks(64).for_each(|rows| visit(part.bucket, rows));
        }
    }

    /// Visits runs of rows whose `column` is as it should be, and each faulty row between them, in order.
    fn runs<T>(
        &self,
        column: usize,
        out: &mut T,
        mut run: impl FnMut(&'a Bucket, &'a [Row], &mut T),
        mut faulty: impl FnMut(&'a Bucket, &'a [Row; 1], &mut T),
    ) {
        for part in &self.parts {
            let mut from = 0;
            for at in part.faulty(self.model).iter().filter(|at| at.columns >> column & 1 == 1).map(|at| at.row) {
                run(part.bucket, &part.rows[from..at], out);
                faulty(part.bucket, std::array::from_ref(&part.rows[at]), out);
                from = at + 1;
            }
            run(part.bucket, &part.rows[from..], out);
        }
    }

    /// A text column: `write` adds the texts of rows as they should be. What a faulty row has instead is written here, or by
    /// `repairable`, which says whether it did.
    fn text(
        &self,
        bytes_per_row: usize,
        column: usize,
        write: impl Fn(&Bucket, &[Row], &mut TextColumn),
        mut repairable: impl FnMut(&Bucket, &Row, Form, &mut TextColumn) -> bool,
    ) -> Result<ArrayRef> {
        let mut out = TextColumn::new(self.len(), bytes_per_row);
        self.runs(column, &mut out, &write, |bucket, row, out| {
            if !self.spoilt(column, bucket, row, out, &write, &mut repairable) {
                write(bucket, row, out);
            }
        });
        Ok(out.finish()?)
    }

    /// Writes what a faulty row has instead of a column's text; false if it has the text.
    #[cold]
    fn spoilt(
        &self,
        column: usize,
        bucket: &Bucket,
        row: &[Row; 1],
        out: &mut TextColumn,
        write: impl Fn(&Bucket, &[Row], &mut TextColumn),
        repairable: impl FnOnce(&Bucket, &Row, Form, &mut TextColumn) -> bool,
    ) -> bool {
        let [only] = row;
        let form = self.model.faults.form(bucket.key(only));
        if form.missing(only.faults, only.event_type) == Some(column) {
            out.push_option(form.nothing());
            return true;
        }
        let bad_id = form.bad_id(only.faults, only.event_type) == Some(column);
        if !bad_id && !form.is_torn(column, only.faults) {
            return repairable(bucket, only, form, out);
        }
        let mut whole = TextColumn::new(1, 64);
        write(bucket, row, &mut whole);
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
        let block = |row: &Row| if row.is_playback() { &blocks[word(row)] } else { &const { Block::EMPTY } };
        self.text(
            12,
            column,
            |_, rows, out| out.extend_options(rows, Row::is_playback, block),
            |_, row, form, out| {
                let dirty = form.dirty(row.faults, row.event_type) == Some(column);
                if dirty {
                    out.write(|out| form.soil(texts[word(row)], out));
                }
                dirty
            },
        )
    }

    /// Whole numbers, some of which may be absent.
    fn int64s(&self, mut value: impl FnMut(&'a Bucket, &'a Row) -> Option<i64>) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(self.len());
        let mut valid = Validity::new(self.len());
        self.for_each_64(|bucket, rows| {
            let (before, mut there) = (values.len(), 0);
            values.extend(rows.iter().enumerate().map(|(n, row)| {
                let value = value(bucket, row);
                there |= u64::from(value.is_some()) << n;
                value.unwrap_or_default()
            }));
            valid.append(there, rows.len(), before);
        });
        Ok(Arc::new(Int64Array::try_new(values.into(), valid.finish())?))
    }

    fn booleans(&self, mut value: impl FnMut(&'a Bucket, &'a Row) -> Option<bool>) -> Result<ArrayRef> {
        let mut values = Bits::new(self.len());
        let mut valid = Validity::new(self.len());
        let mut before = 0;
        self.for_each_64(|bucket, rows| {
            let (mut set, mut there) = (0, 0);
            for (n, row) in rows.iter().enumerate() {
                let value = value(bucket, row);
                set |= u64::from(value == Some(true)) << n;
                there |= u64::from(value.is_some()) << n;
            }
            values.append(set, rows.len());
            valid.append(there, rows.len(), before);
            before += rows.len();
        });
        Ok(Arc::new(BooleanArray::new(values.finish(), valid.finish())))
    }

    fn times(&self, time_us: impl Fn(&Bucket, &Row) -> i64) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(self.len());
        for part in &self.parts {
            values.extend(part.rows.iter().map(|row| time_us(part.bucket, row)));
        }
        Ok(Arc::new(TimestampMicrosecondArray::new(values.into(), None).with_timezone("UTC")))
    }

    fn texts(
        &self,
        bytes_per_row: usize,
        mut text: impl FnMut(&'a Bucket, &'a Row) -> Option<&'a str>,
    ) -> Result<ArrayRef> {
        let mut out = TextColumn::new(self.len(), bytes_per_row);
        self.for_each(|bucket, row| out.push_option(text(bucket, row)));
        Ok(out.finish()?)
    }

    /// The log's own columns, the same in both streams.
    fn address(&self, column: usize) -> Result<ArrayRef> {
        Ok(match column {
            0 => Arc::new(Int32Array::from_value(self.partition as i32, self.len())),
            1 => Arc::new(Int64Array::from_iter_values(self.first as i64..(self.first as i64 + self.len() as i64))),
            _ => self.times(Bucket::arrived_us)?,
        })
    }

    /// A column of `events`, by its position in the schema.
    fn event_column(&self, column: usize) -> Result<ArrayRef> {
        let model = self.model;
        let as_it_is = |_: &Bucket, _: &Row, _: Form, _: &mut TextColumn| false;
        match column {
            column::EVENT_ID => self.text(
                36,
                column,
                |bucket, rows, out| {
                    out.extend_fixed(rows, |row, text| {
                        let (high, low) = event_id(model, bucket.key(row));
                        text::uuid(high, low, text);
                    });
                },
                as_it_is,
            ),
            column::EVENT_TYPE => {
                let blocks = Block::<16>::all(EVENT_TYPES);
                self.text(
                    8,
                    column,
                    |_, rows, out| out.extend_blocks(rows, |row| &blocks[row.event_type.index()]),
                    |_, row, form, out| {
                        let unknown = row.faults.contains(Fault::UnknownType);
                        if unknown {
                            out.push(UNKNOWN_TYPES[form.choice(9, UNKNOWN_TYPES.len())]);
                        }
                        unknown
                    },
                )
            }
            column::TS => self.text(
                24,
                column,
                |bucket, rows, out| {
                    let mut times = Times::new();
                    out.extend_fixed(rows, |row, text| times.utc(bucket.time_ms(row), text));
                },
                |bucket, row, form, out| {
                    let time_ms = bucket.time_ms(row);
                    if row.faults.contains(Fault::TsFormat) {
                        out.write(|out| other_time(time_ms, form, out));
                        return true;
                    }
                    let wrong = row.faults.contains(Fault::ClockSkew);
                    if wrong {
                        let time_ms = model.faults.wrong_time(bucket.session(row).key, time_ms);
                        out.extend_fixed(&[time_ms], |&time_ms, text| Times::new().utc(time_ms, text));
                    }
                    wrong
                },
            ),
            column::USER_ID => self.text(
                19,
                column,
                |bucket, rows, out| {
                    let texts = bucket.user_ids(model);
                    out.extend_blocks(rows, |row| &texts[row.session as usize]);
                },
                as_it_is,
            ),
            column::SESSION_ID => self.text(
                16,
                column,
                |bucket, rows, out| {
                    let texts = bucket.session_ids(model);
                    out.extend_fixed(rows, |row, text| *text = texts[row.session as usize]);
                },
                as_it_is,
            ),
            column::TRACK_URI => self.text(
                26,
                column,
                |_, rows, out| {
                    // Few are without.
                    for (n, rows) in rows.split(|row| !row.has_track()).enumerate() {
                        out.extend_nulls(usize::from(n > 0));
                        out.extend_fixed(rows, |row, text| track_uri(model.catalogue.track_id(row.track), text));
                    }
                },
                as_it_is,
            ),
            column::PLAYLIST_URI => self.text(
                2,
                column,
                |bucket, rows, out| {
                    rare(rows, Row::has_playlist, out, |row, out| {
                        let id = bucket.session(row).playlist_id(model);
                        out.extend_fixed(&[id], |&id, text| playlist_uri(id, text));
                    });
                },
                as_it_is,
            ),
            column::PLAYLIST_NAME => self.text(
                1,
                column,
                |bucket, rows, out| self.playlist_names(bucket, rows, out),
                |bucket, row, form, out| {
                    let dirty = form.dirty(row.faults, row.event_type) == Some(column);
                    if dirty {
                        let mut name = Vec::new();
                        names::playlist(
                            &mut model.seed.stream(Purpose::PlaylistName, bucket.session(row).playlist),
                            &mut name,
                        );
                        out.write(|out| form.soil(&String::from_utf8_lossy(&name), out));
                    }
                    dirty
                },
            ),
            column::CONTEXT => self.words::<32, _>(column, CONTEXTS, |row| row.context.index()),
            column::MS_PLAYED => self.ms_played(),
            column::REASON_START => self.words::<16, _>(column, REASON_STARTS, |row| row.reason_start.index()),
            column::REASON_END => self.words::<16, _>(column, REASON_ENDS, |row| row.reason_end.index()),
            15 => self.booleans(|_, row| row.is_playback().then_some(row.shuffle)),
            16 => self.booleans(|_, row| Some(row.offline)),
            17 => self.booleans(|bucket, row| Some(bucket.session(row).incognito)),
            18 => self.booleans(|bucket, row| Some(bucket.session(row).premium)),
            column::PLATFORM => self.text(
                32,
                column,
                |bucket, rows, out| {
                    let texts = bucket.device_names(model);
                    out.extend_blocks(rows, |row| texts.of(row.session));
                },
                |bucket, row, form, out| {
                    let alias = row.faults.contains(Fault::PlatformAlias);
                    if alias {
                        other_platform(model, bucket.session(row), form, out);
                    }
                    alias
                },
            ),
            column::APP_VERSION => self.text(
                11,
                column,
                |bucket, rows, out| {
                    let texts = bucket.app_versions(model);
                    out.extend_blocks(rows, |row| texts.of(row.session));
                },
                |bucket, row, form, out| {
                    let dirty = form.dirty(row.faults, row.event_type) == Some(column);
                    if dirty {
                        let version = bucket.session(row).app_version(model);
                        out.write(|out| form.soil(&String::from_utf8_lossy(version.text()), out));
                    }
                    dirty
                },
            ),
            column::CONN_COUNTRY => {
                let blocks = Block::<2>::all(COUNTRIES.each_ref().map(|country| country.code));
                self.text(
                    2,
                    column,
                    |bucket, rows, out| {
                        let country = |row: &Row| usize::from(bucket.session(row).country);
                        out.extend_blocks(rows, |row| &blocks[country(row)]);
                    },
                    |bucket, row, form, out| {
                        let alias = row.faults.contains(Fault::CountryAlias);
                        if alias {
                            other_country(bucket.session(row), form, out);
                        }
                        alias
                    },
                )
            }
            _ => self.address(column),
        }
    }

    fn ms_played(&self) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(self.len());
        let mut out = (&mut values, Validity::new(self.len()));
        self.runs(
            column::MS_PLAYED,
            &mut out,
            |_, rows, (values, valid)| {
                valid.extend(rows, values.len(), Row::is_playback);
                values.extend(rows.iter().map(|row| i64::from(row.ms_played)));
            },
            |bucket, [row], (values, valid)| {
                let form = self.model.faults.form(bucket.key(row));
                let bad = row.faults.contains(Fault::BadDuration);
                valid.repeat(bad, 1, values.len());
                values.push(if bad { form.bad_duration(row.ms_played) } else { 0 });
            },
        );
        let valid = out.1.finish();
        Ok(Arc::new(Int64Array::try_new(values.into(), valid)?))
    }

    fn playlist_names(&self, bucket: &Bucket, rows: &[Row], out: &mut TextColumn) {
        let is_creation = |row: &Row| row.event_type == EventType::PlaylistCreate;
        rare(rows, is_creation, out, |row, out| {
            let playlist = bucket.session(row).playlist;
            out.write(|out| names::playlist(&mut self.model.seed.stream(Purpose::PlaylistName, playlist), out));
        });
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
                self.for_each(|bucket, row| {
                    let (high, low) = event_id(model, bucket.key(row));
                    values.extend_from_slice(&high.to_be_bytes());
                    values.extend_from_slice(&low.to_be_bytes());
                });
                let offsets = OffsetBuffer::from_repeated_length(16, self.len());
                Ok(Arc::new(BinaryArray::try_new(offsets, Buffer::from_vec(values), None)?))
            }
            4 => self.texts(8, |_, row| Some(row.event_type.text())),
            5 => self.times(|bucket, row| bucket.time_ms(row) * 1000),
            6 => self.int64s(|bucket, row| Some(bucket.session(row).user_id(model) as i64)),
            7 => self.int64s(|bucket, row| Some(bucket.session(row).session_id(model) as i64)),
            8 => self.int64s(|_, row| track(row).map(|track| catalogue.track_id(track) as i64)),
            9 => self.int64s(|_, row| known(row).map(|track| catalogue.artist_id(catalogue.artist_of(track)) as i64)),
            10 => self.texts(8, |_, row| known(row).map(|track| GENRES[usize::from(catalogue.genre(track))].0)),
            11 => self.int64s(|_, row| known(row).map(|track| catalogue.length_ms(track))),
            12 => self.int64s(|bucket, row| row.has_playlist().then(|| bucket.session(row).playlist_id(model) as i64)),
            13 => {
                let mut out = TextColumn::new(self.len(), 1);
                self.parts.iter().for_each(|part| self.playlist_names(part.bucket, part.rows, &mut out));
                Ok(out.finish()?)
            }
            14 => self.texts(12, |_, row| row.is_playback().then(|| row.context.text())),
            15 => self.int64s(|_, row| row.is_playback().then_some(i64::from(row.ms_played))),
            16 => self.booleans(|_, row| row.is_playback().then_some(i64::from(row.ms_played) >= STREAM_MS)),
            17 => self.texts(8, |_, row| row.is_playback().then(|| row.reason_start.text())),
            18 => self.texts(8, |_, row| row.is_playback().then(|| row.reason_end.text())),
            19 => self.booleans(|_, row| row.is_playback().then_some(row.shuffle)),
            20 => self.booleans(|_, row| Some(row.offline)),
            21 => self.booleans(|bucket, row| Some(bucket.session(row).incognito)),
            22 => self.booleans(|bucket, row| Some(bucket.session(row).premium)),
            23 => self.texts(8, |bucket, row| Some(DEVICES[usize::from(bucket.session(row).device)].platform.text())),
            24 => {
                let mut out = TextColumn::new(self.len(), 11);
                for part in &self.parts {
                    let texts = part.bucket.app_versions(model);
                    out.extend_blocks(part.rows, |row| texts.of(row.session));
                }
                Ok(out.finish()?)
            }
            25 => self.texts(2, |bucket, row| Some(COUNTRIES[usize::from(bucket.session(row).country)].code)),
            26 => {
                let mut days = Vec::with_capacity(self.len());
                self.for_each(|bucket, row| days.push(bucket.time_ms(row).div_euclid(86_400_000) as i32));
                Ok(Arc::new(Date32Array::new(days.into(), None)))
            }
            27 => self.faults(),
            28 => self.int64s(|bucket, row| {
                let original = || self.log.original(bucket.key(row), bucket.arrived_us(row));
                row.copy.then(original).flatten().map(|offset| offset as i64)
            }),
            29 => self.booleans(|bucket, row| Some(bucket.session(row).bot)),
            _ => self.address(column),
        }
    }

    /// The names of what is wrong with each row, in the order the model declares them.
    fn faults(&self) -> Result<ArrayRef> {
        let mut names = TextColumn::new(self.len() / 16, 10);
        let mut ends = Vec::with_capacity(self.len() + 1);
        let mut count = 0;
        ends.push(count);
        self.for_each(|bucket, row| {
            let late = bucket.arrived_us(row) - bucket.time_ms(row) * 1000 > LATE_AFTER_US;
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

/// A track's URI. The model's prefix is 15 bytes long, or this does not compile, and so with the other.
#[inline]
pub(crate) fn track_uri(id: u64, text: &mut [u8; 26]) {
    const PREFIX: &[u8; 15] = ids::TRACK_PREFIX.as_bytes().first_chunk().expect("15 bytes");
    text::uri(PREFIX, id, text);
}

/// A playlist's URI.
fn playlist_uri(id: u64, text: &mut [u8; 29]) {
    const PREFIX: &[u8; 18] = ids::PLAYLIST_PREFIX.as_bytes().first_chunk().expect("18 bytes");
    text::uri(PREFIX, id, text);
}

/// The id of an event: a version 4 UUID.
#[inline]
fn event_id(model: &Model, key: u64) -> (u64, u64) {
    let high = model.seed.draw(Purpose::EventIdHigh, key) & !0xf000 | 0x4000;
    let low = model.seed.draw(Purpose::EventIdLow, key) & !(3 << 62) | 2 << 62;
    (high, low)
}

/// Writes a column in which few rows have something.
fn rare(rows: &[Row], has: impl Fn(&Row) -> bool, out: &mut TextColumn, mut write: impl FnMut(&Row, &mut TextColumn)) {
    let mut without = 0;
    for row in rows {
        if !has(row) {
            without += 1;
            continue;
        }
        out.extend_nulls(without);
        without = 0;
        write(row, out);
    }
    out.extend_nulls(without);
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

fn other_platform(model: &Model, session: &Session, form: Form, out: &mut TextColumn) {
    let device = &DEVICES[usize::from(session.device)];
    let name = session.device_name(model);
    let name = name.text();
    out.write(|out| match form.choice(13, 5) {
        0 => out.extend(name.iter().map(u8::to_ascii_uppercase)),
        1 => {
            out.extend_from_slice(name);
            out.push(b' ');
        }
        _ => out.extend_from_slice(device.aliases[form.choice(14, device.aliases.len())].as_bytes()),
    });
}
