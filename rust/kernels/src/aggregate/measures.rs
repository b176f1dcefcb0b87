//! What is worked out of each group, in the buffers of Spark's own partial aggregates.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, Int64Array, PrimitiveArray},
    buffer::{Buffer, NullBuffer},
    datatypes::{ArrowNativeType, DataType, Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use twox_hash::XxHash64;

use super::{
    offsets,
    sketch::{self, HllSketch, PlusPlus},
    tally::Tally,
};
use crate::{
    Error, Result,
    proto::aggregate::Kind,
    types::{self, Type},
};

/// One measure, with a place for each group.
#[derive(Debug)]
pub(super) struct Measure {
    state: State,
    of: Type,
}

#[derive(Debug)]
enum State {
    Count(Vec<i64>),
    SumOfIntegers { sums: Values<i64>, ansi: bool },
    SumOfDoubles(Values<f64>),
    Average { sums: Vec<f64>, counts: Vec<i64> },
    ExtremeInt(Values<i32>, Extreme),
    ExtremeBigint(Values<i64>, Extreme),
    ExtremeDouble(Values<f64>, Extreme),
    Sketches { sketches: Vec<HllSketch>, lg_k: u32, heap_bytes: usize },
    PlusPlus { registers: PlusPlus, argument: Type },
    Tally(Tally),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extreme {
    Least,
    Greatest,
}

/// A value for each group that has one.
#[derive(Debug, Default)]
struct Values<T> {
    values: Vec<T>,
    present: Vec<bool>,
}

impl<T: ArrowNativeType> Values<T> {
    fn resize(&mut self, groups: usize) {
        self.values.resize(groups, T::default());
        self.present.resize(groups, false);
    }

    fn memory_bytes(&self) -> usize {
        self.values.capacity() * size_of::<T>() + self.present.capacity()
    }

    fn drain<A: ArrowPrimitiveType<Native = T>>(&mut self, of: Type) -> ArrayRef {
        let (values, present) = (std::mem::take(&mut self.values), std::mem::take(&mut self.present));
        let nulls = present.contains(&false).then(|| NullBuffer::from(present));
        Arc::new(PrimitiveArray::<A>::new(values.into(), nulls).with_data_type(types::arrow_type(of)))
    }
}

impl Measure {
    /// `of` is the argument's type, if there is an argument; `precision` is a sketch's.
    pub(super) fn new(kind: Kind, of: Option<Type>, precision: u32, ansi: bool) -> Result<Self, String> {
        let extreme = if kind == Kind::Min { Extreme::Least } else { Extreme::Greatest };
        let (state, of) = match (kind, of) {
            (Kind::Count, _) => (State::Count(Vec::new()), Type::Bigint),
            (Kind::Sum, Some(Type::Int | Type::Bigint)) => {
                (State::SumOfIntegers { sums: Values::default(), ansi }, Type::Bigint)
            }
            (Kind::Sum, Some(Type::Double)) => (State::SumOfDoubles(Values::default()), Type::Double),
            (Kind::Average, Some(Type::Int | Type::Bigint | Type::Double)) => {
                (State::Average { sums: Vec::new(), counts: Vec::new() }, Type::Double)
            }
            (Kind::Min | Kind::Max, Some(of @ (Type::Int | Type::Date))) => {
                (State::ExtremeInt(Values::default(), extreme), of)
            }
            (Kind::Min | Kind::Max, Some(of @ (Type::Bigint | Type::Timestamp))) => {
                (State::ExtremeBigint(Values::default(), extreme), of)
            }
            (Kind::Min | Kind::Max, Some(Type::Double)) => {
                (State::ExtremeDouble(Values::default(), extreme), Type::Double)
            }
            (Kind::HllSketch, Some(Type::Int | Type::Bigint | Type::String | Type::Binary))
                if HllSketch::LG_K.contains(&precision) =>
            {
                (State::Sketches { sketches: Vec::new(), lg_k: precision, heap_bytes: 0 }, Type::Binary)
            }
            (Kind::ApproxCountDistinct, Some(argument))
                if !matches!(argument, Type::Interval | Type::Decimal { .. } | Type::Texts)
                    && PlusPlus::PRECISION.contains(&precision) =>
            {
                (State::PlusPlus { registers: PlusPlus::new(precision), argument }, Type::Bigint)
            }
            (Kind::Tally, Some(Type::Texts)) => (State::Tally(Tally::default()), Type::Texts),
            (kind, of) => {
                let of = of.map_or("nothing".to_owned(), |of| of.to_string());
                return Err(format!("{} of {of} is not run", kind.as_str_name()));
            }
        };
        Ok(Self { state, of })
    }

    /// The types of its buffers.
    pub(super) fn types(&self) -> Vec<DataType> {
        match &self.state {
            State::Average { .. } => vec![DataType::Float64, DataType::Int64],
            State::PlusPlus { registers, .. } => vec![DataType::Int64; registers.width()],
            State::Tally(_) => vec![Tally::data_type()],
            _ => vec![types::arrow_type(self.of)],
        }
    }

    /// Adds a batch: row `i` belongs to group `places[i]`, one of `groups`.
    pub(super) fn update(&mut self, places: &[u32], groups: usize, argument: Option<&ArrayRef>) -> Result<()> {
        match &mut self.state {
            State::Count(counts) => {
                counts.resize(groups, 0);
                match argument.and_then(Array::logical_nulls).filter(|nulls| nulls.null_count() > 0) {
                    None => places.iter().for_each(|&group| counts[group as usize] += 1),
                    Some(valid) => {
                        for (&group, valid) in places.iter().zip(&valid) {
                            counts[group as usize] += i64::from(valid);
                        }
                    }
                }
            }
            State::SumOfIntegers { sums, ansi } => {
                sums.resize(groups);
                let ansi = *ansi;
                let mut left = false;
                let mut add = |group: usize, value: i64| {
                    let (sum, overflows) = sums.values[group].overflowing_add(value);
                    left |= overflows;
                    sums.values[group] = sum;
                    sums.present[group] = true;
                };
                integers(places, argument, &mut add);
                if left && ansi {
                    return Err(Error::Overflow {
                        item: "an aggregate".to_owned(),
                        operation: "SUM",
                        of: "BIGINT".to_owned(),
                    });
                }
            }
            State::SumOfDoubles(sums) => {
                sums.resize(groups);
                doubles(places, argument, &mut |group, value| {
                    sums.values[group] += value;
                    sums.present[group] = true;
                });
            }
            State::Average { sums, counts } => {
                sums.resize(groups, 0.0);
                counts.resize(groups, 0);
                doubles(places, argument, &mut |group, value| {
                    sums[group] += value;
                    counts[group] += 1;
                });
            }
            State::ExtremeInt(kept, extreme) => {
                kept.resize(groups);
                match self.of {
                    Type::Date => keep::<Date32Type>(kept, *extreme, places, argument),
                    _ => keep::<Int32Type>(kept, *extreme, places, argument),
                }
            }
            State::ExtremeBigint(kept, extreme) => {
                kept.resize(groups);
                match self.of {
                    Type::Timestamp => keep::<TimestampMicrosecondType>(kept, *extreme, places, argument),
                    _ => keep::<Int64Type>(kept, *extreme, places, argument),
                }
            }
            State::ExtremeDouble(kept, extreme) => {
                kept.resize(groups);
                keep::<Float64Type>(kept, *extreme, places, argument);
            }
            State::Sketches { sketches, lg_k, heap_bytes } => {
                sketches.resize_with(groups, HllSketch::new);
                let mut add = |group: usize, coupon| *heap_bytes += sketches[group].add(*lg_k, coupon);
                let Some(argument) = argument else { return Ok(()) };
                match argument.data_type() {
                    DataType::Int32 | DataType::Int64 => integers(places, Some(argument), &mut |group, value| {
                        add(group, sketch::coupon(&value.to_le_bytes()));
                    }),
                    _ => bytes(places, argument, |group, value| {
                        if !value.is_empty() {
                            add(group, sketch::coupon(value));
                        }
                    }),
                }
            }
            State::PlusPlus { registers, argument: of } => {
                registers.resize(groups);
                let Some(argument) = argument else { return Ok(()) };
                hashes(*of, places, argument, |group, hash| registers.add(group, hash));
            }
            State::Tally(tally) => {
                if let Some(lists) = argument {
                    tally.add(places, lists.as_list());
                }
            }
        }
        Ok(())
    }

    /// The buffers of all groups, of which there are `groups`; it begins anew afterwards.
    ///
    /// # Errors
    /// [`Error::Arrow`] if sketches are too long for one column.
    pub(super) fn drain(&mut self, groups: usize) -> Result<Vec<ArrayRef>> {
        Ok(match &mut self.state {
            State::Count(counts) => {
                counts.resize(groups, 0);
                vec![Arc::new(Int64Array::from(std::mem::take(counts)))]
            }
            State::SumOfIntegers { sums, .. } => {
                sums.resize(groups);
                vec![sums.drain::<Int64Type>(self.of)]
            }
            State::Average { sums, counts } => {
                sums.resize(groups, 0.0);
                counts.resize(groups, 0);
                let sums = PrimitiveArray::<Float64Type>::from(std::mem::take(sums));
                vec![Arc::new(sums), Arc::new(Int64Array::from(std::mem::take(counts)))]
            }
            State::ExtremeInt(kept, _) => {
                kept.resize(groups);
                vec![match self.of {
                    Type::Date => kept.drain::<Date32Type>(self.of),
                    _ => kept.drain::<Int32Type>(self.of),
                }]
            }
            State::ExtremeBigint(kept, _) => {
                kept.resize(groups);
                vec![match self.of {
                    Type::Timestamp => kept.drain::<TimestampMicrosecondType>(self.of),
                    _ => kept.drain::<Int64Type>(self.of),
                }]
            }
            State::SumOfDoubles(kept) | State::ExtremeDouble(kept, _) => {
                kept.resize(groups);
                vec![kept.drain::<Float64Type>(self.of)]
            }
            State::Sketches { sketches, lg_k, heap_bytes } => {
                sketches.resize_with(groups, HllSketch::new);
                *heap_bytes = 0;
                let (mut data, mut ends) = (Vec::new(), Vec::new());
                for sketch in std::mem::take(sketches) {
                    sketch.write(*lg_k, &mut data);
                    ends.push(data.len());
                }
                vec![Arc::new(BinaryArray::try_new(offsets(ends)?, Buffer::from_vec(data), None)?)]
            }
            State::PlusPlus { registers, .. } => {
                registers.resize(groups);
                registers.drain().into_iter().map(|words| Arc::new(Int64Array::from(words)) as ArrayRef).collect()
            }
            State::Tally(tally) => vec![Arc::new(tally.drain(groups)?)],
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        match &self.state {
            State::Count(counts) => counts.capacity() * size_of::<i64>(),
            State::Average { sums, counts } => (sums.capacity() + counts.capacity()) * size_of::<i64>(),
            State::SumOfIntegers { sums: kept, .. } | State::ExtremeBigint(kept, _) => kept.memory_bytes(),
            State::SumOfDoubles(kept) | State::ExtremeDouble(kept, _) => kept.memory_bytes(),
            State::ExtremeInt(kept, _) => kept.memory_bytes(),
            State::Sketches { sketches, heap_bytes, .. } => sketches.capacity() * size_of::<HllSketch>() + heap_bytes,
            State::PlusPlus { registers, .. } => registers.memory_bytes(),
            State::Tally(tally) => tally.memory_bytes(),
        }
    }
}

/// Hands each value to `add` with its group, in order, without nulls.
fn each<T: ArrowPrimitiveType>(places: &[u32], array: &PrimitiveArray<T>, mut add: impl FnMut(usize, T::Native)) {
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => places.iter().zip(array.values()).for_each(|(&group, &value)| add(group as usize, value)),
        Some(nulls) => {
            for row in nulls.valid_indices() {
                add(places[row] as usize, array.value(row));
            }
        }
    }
}

/// An INT or BIGINT argument as 64 bits.
fn integers(places: &[u32], argument: Option<&ArrayRef>, add: &mut impl FnMut(usize, i64)) {
    let Some(array) = argument else { return };
    match array.as_primitive_opt::<Int32Type>() {
        Some(array) => each(places, array, |group, value| add(group, value.into())),
        None => each(places, array.as_primitive::<Int64Type>(), add),
    }
}

/// An INT, BIGINT or DOUBLE argument as double.
fn doubles(places: &[u32], argument: Option<&ArrayRef>, add: &mut impl FnMut(usize, f64)) {
    match argument.and_then(|array| array.as_primitive_opt::<Float64Type>()) {
        Some(array) => each(places, array, add),
        None => integers(places, argument, &mut |group, value| add(group, value as f64)),
    }
}

/// Hands the bytes of each STRING or BINARY to `add` with its group, in order, without nulls.
fn bytes(places: &[u32], array: &ArrayRef, mut add: impl FnMut(usize, &[u8])) {
    let values = match array.as_string_opt::<i32>() {
        Some(texts) => &BinaryArray::from(texts.clone()),
        None => array.as_binary(),
    };
    for (&group, value) in places.iter().zip(values) {
        if let Some(value) = value {
            add(group as usize, value);
        }
    }
}

/// Hands Spark's `xxhash64` of each value to `add` with its group, without nulls.
fn hashes(of: Type, places: &[u32], array: &ArrayRef, mut add: impl FnMut(usize, u64)) {
    const SEED: u64 = 42;
    let hash = |bytes: &[u8]| XxHash64::oneshot(SEED, bytes);
    let mut number = |group: usize, bytes: &[u8]| add(group, hash(bytes));
    match of {
        Type::Boolean => {
            for (&group, value) in places.iter().zip(array.as_boolean()) {
                if let Some(value) = value {
                    number(group as usize, &i32::from(value).to_le_bytes());
                }
            }
        }
        Type::Int => {
            each(places, array.as_primitive::<Int32Type>(), |group, value| number(group, &value.to_le_bytes()));
        }
        Type::Date => {
            each(places, array.as_primitive::<Date32Type>(), |group, value| number(group, &value.to_le_bytes()));
        }
        Type::Timestamp => {
            each(places, array.as_primitive::<TimestampMicrosecondType>(), |group, value| {
                number(group, &value.to_le_bytes());
            });
        }
        Type::Double => each(places, array.as_primitive::<Float64Type>(), |group, value| {
            // One NaN, and one zero.
            let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
            number(group, &value.to_bits().to_le_bytes());
        }),
        Type::String | Type::Binary => bytes(places, array, number),
        // The others were refused.
        _ => each(places, array.as_primitive::<Int64Type>(), |group, value| number(group, &value.to_le_bytes())),
    }
}

/// Keeps the least or greatest value of each group; of equal ones the first, as Spark does with zeros.
fn keep<T: ArrowPrimitiveType>(
    kept: &mut Values<T::Native>,
    extreme: Extreme,
    places: &[u32],
    argument: Option<&ArrayRef>,
) where
    T::Native: PartialOrd,
{
    let Some(array) = argument else { return };
    // Java's order: NaN, unequal to itself, is above all and equal to any other; zeros are equal.
    let above = |a: T::Native, b: T::Native| a > b || (is_nan(a) && !is_nan(b));
    each(places, array.as_primitive::<T>(), |group, value| {
        let before = kept.values[group];
        let better = match extreme {
            Extreme::Least => above(before, value),
            Extreme::Greatest => above(value, before),
        };
        if better || !kept.present[group] {
            kept.values[group] = value;
            kept.present[group] = true;
        }
    });
}

#[expect(clippy::eq_op, reason = "what is unequal to itself is NaN")]
fn is_nan<T: PartialOrd + Copy>(value: T) -> bool {
    value != value
}
