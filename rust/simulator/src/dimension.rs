//! The bounded tables beside the log: tracks, artists and listeners, row `n` for number `n`.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, Date32Array, Int32Array, Int64Array, RecordBatch, RecordBatchOptions},
    datatypes::SchemaRef,
};
use downbeat_model::Stream;

use crate::{Model, Result, catalogue::GENRES, columns::track_uri, names, place::COUNTRIES, text::TextColumn};

/// Rows of a dimension.
pub(crate) fn batch(
    model: &Model,
    stream: Stream,
    rows: Range<u64>,
    schema: &SchemaRef,
    columns: &[usize],
) -> Result<RecordBatch> {
    let numbers = rows.start as u32..rows.end as u32;
    let write = match stream {
        Stream::Tracks => track_column,
        Stream::Artists => artist_column,
        _ => listener_column,
    };
    let arrays = columns.iter().map(|&column| write(model, numbers.clone(), column)).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
}

fn int64s(rows: Range<u32>, value: impl Fn(u32) -> u64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.map(|row| value(row) as i64)))
}

fn dates(rows: Range<u32>, day: impl Fn(u32) -> i64) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(rows.map(|row| day(row) as i32)))
}

fn texts(rows: Range<u32>, mut write: impl FnMut(u32, &mut Vec<u8>)) -> Result<ArrayRef> {
    let mut out = TextColumn::new(rows.len(), 16);
    for row in rows {
        out.write(|out| write(row, out));
    }
    Ok(out.finish()?)
}

fn words(rows: Range<u32>, word: impl Fn(u32) -> &'static str) -> Result<ArrayRef> {
    texts(rows, |row, out| out.extend_from_slice(word(row).as_bytes()))
}

fn track_column(model: &Model, rows: Range<u32>, column: usize) -> Result<ArrayRef> {
    let catalogue = &model.catalogue;
    Ok(match column {
        0 => int64s(rows, |track| catalogue.track_id(track)),
        1 => {
            let mut out = TextColumn::new(rows.len(), 26);
            let rows: Vec<u32> = rows.collect();
            out.extend_fixed(&rows, |&track, text| track_uri(catalogue.track_id(track), text));
            out.finish()?
        }
        2 => texts(rows, |track, out| {
            names::track(&mut catalogue.track_name(track), country_of(model, catalogue.artist_of(track)), out);
        })?,
        3 => int64s(rows, |track| catalogue.artist_id(catalogue.artist_of(track))),
        4 => words(rows, |track| GENRES[usize::from(catalogue.genre(track))].0)?,
        5 => int64s(rows, |track| catalogue.length_ms(track) as u64),
        _ => dates(rows, |track| catalogue.release_day(track)),
    })
}

fn artist_column(model: &Model, rows: Range<u32>, column: usize) -> Result<ArrayRef> {
    let catalogue = &model.catalogue;
    Ok(match column {
        0 => int64s(rows, |artist| catalogue.artist_id(artist)),
        1 => texts(rows, |artist, out| {
            names::artist(&mut catalogue.artist_name(artist), country_of(model, artist), out);
        })?,
        2 => words(rows, |artist| GENRES[usize::from(catalogue.genre_of(artist))].0)?,
        _ => words(rows, |artist| country_of(model, artist))?,
    })
}

/// Where an artist is from (ISO 3166-1 alpha-2).
fn country_of(model: &Model, artist: u32) -> &'static str {
    let homes = &model.listeners.homes;
    COUNTRIES[usize::from(homes.get(homes.choose(model.catalogue.artist_origin(artist))).country)].code
}

fn listener_column(model: &Model, rows: Range<u32>, column: usize) -> Result<ArrayRef> {
    let listeners = &model.listeners;
    Ok(match column {
        0 => int64s(rows, |listener| listeners.user_id(listener)),
        1 => words(rows, |listener| COUNTRIES[usize::from(listeners.listener(listener, 0).country)].code)?,
        2 => words(rows, |listener| listeners.homes.get(listeners.routine(listener).home).zone.name())?,
        3 => Arc::new(Int32Array::from_iter_values(rows.map(|listener| listeners.listener(listener, 0).birth_year))),
        4 => dates(rows, |listener| listeners.listener(listener, 0).signup_day),
        _ => Arc::new(BooleanArray::from_iter(rows.map(|listener| Some(listeners.listener(listener, 0).premium)))),
    })
}
