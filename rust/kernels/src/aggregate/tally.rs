//! How often each text is among those of a group's lists.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{Array, AsArray, Int64Array, ListArray, MapArray, StringArray, StructArray},
    datatypes::{DataType, Field, FieldRef, Fields},
};

use super::offsets;
use crate::Result;

/// The counts of all groups. Lists are mostly empty, and the texts in them few.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<(u32, Box<str>), i64>,
    text_bytes: usize,
}

impl Tally {
    pub(super) fn data_type() -> DataType {
        DataType::Map(entries(), false)
    }

    /// Row `i` belongs to group `places[i]`. Nulls are passed over, among lists and in them.
    pub(super) fn add(&mut self, places: &[u32], lists: &ListArray) {
        let texts = lists.values().as_string::<i32>();
        for (row, (ends, &group)) in lists.offsets().windows(2).zip(places).enumerate() {
            if ends[0] == ends[1] || lists.is_null(row) {
                continue;
            }
            for place in ends[0] as usize..ends[1] as usize {
                if texts.is_null(place) {
                    continue;
                }
                let text = texts.value(place);
                let count = self.counts.entry((group, text.into())).or_insert_with(|| {
                    self.text_bytes += text.len();
                    0
                });
                *count += 1;
            }
        }
    }

    /// A map for each of `groups`, sorted by text; it begins anew afterwards.
    pub(super) fn drain(&mut self, groups: usize) -> Result<MapArray> {
        let counts = std::mem::take(&mut self.counts);
        self.text_bytes = 0;
        let mut lengths = vec![0; groups];
        counts.keys().for_each(|(group, _)| lengths[*group as usize] += 1);
        let ends = lengths.into_iter().scan(0, |end, length: usize| {
            *end += length;
            Some(*end)
        });
        let texts = StringArray::from_iter_values(counts.keys().map(|(_, text)| text));
        let numbers = Int64Array::from_iter_values(counts.values().copied());
        let pairs = StructArray::try_new(pair(), vec![Arc::new(texts), Arc::new(numbers)], None)?;
        Ok(MapArray::try_new(entries(), offsets(ends.collect())?, pairs, None, false)?)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.counts.len() * size_of::<((u32, Box<str>), i64)>() + self.text_bytes
    }
}

fn pair() -> Fields {
    vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int64, true)].into()
}

fn entries() -> FieldRef {
    Arc::new(Field::new("entries", DataType::Struct(pair()), false))
}
