use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, StringArray, StructArray,
        TimestampMicrosecondArray,
    },
    datatypes::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use datasketches::{
    hash::value::raw_bytes,
    hll::{HllSketch, HllType},
};
use downbeat_kernels::{
    Aggregator, Error, Result,
    proto::{
        Expr, Field, Function, Type,
        aggregate::{Aggregate, Key, Kind, Measure},
    },
};
use proptest::{collection::vec, option, prelude::*};
use prost::Message;

use crate::building::{DAY_US, call, column, integer};

/// A row of `word STRING, number INT, amount BIGINT, share DOUBLE, time TIMESTAMP`.
type Row = (Option<String>, Option<i32>, Option<i64>, Option<f64>, Option<i64>);

const FIELDS: [(&str, Type); 5] = [
    ("word", Type::String),
    ("number", Type::Int),
    ("amount", Type::Bigint),
    ("share", Type::Double),
    ("time", Type::Timestamp),
];

fn field(index: usize) -> Expr {
    column(FIELDS[index].1, index as u32)
}

fn spec(keys: Vec<Key>, measures: &[(Kind, Option<Expr>)]) -> Aggregate {
    let measure = |(kind, argument): &(Kind, Option<Expr>)| Measure {
        kind: (*kind).into(),
        argument: argument.clone(),
        precision: 0,
    };
    Aggregate {
        input: FIELDS.map(|(name, of)| Field { name: name.to_owned(), r#type: of.into() }).to_vec(),
        keys,
        measures: measures.iter().map(measure).collect(),
        ansi: true,
        time_zone: "UTC".to_owned(),
        ..Aggregate::default()
    }
}

fn key(value: Expr) -> Key {
    Key { value: Some(value), bucket_us: 0 }
}

fn aggregator(spec: &Aggregate) -> Aggregator {
    Aggregator::new(&spec.encode_to_vec()).unwrap()
}

fn batch(rows: &[Row]) -> StructArray {
    let columns: [ArrayRef; 5] = [
        Arc::new(rows.iter().map(|row| row.0.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.3).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.4).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
    ];
    StructArray::try_from(FIELDS.iter().map(|field| field.0).zip(columns).collect::<Vec<_>>()).unwrap()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let share = prop_oneof![Just(f64::NAN), Just(-f64::NAN), Just(0.0), Just(-0.0), Just(f64::INFINITY), -9.0..9.0];
    let row = (
        option::of("[aé]{0,2}"),
        option::of(prop_oneof![-3..3, any::<i32>()]),
        option::of(-1_000_000_000..1_000_000_000_i64),
        option::of(share),
        option::of(-3 * DAY_US..3 * DAY_US),
    );
    vec(row, 0..200)
}

/// What stands for a double as a key: its bits, with one NaN and one zero.
fn share_key(share: f64) -> u64 {
    if share.is_nan() { f64::NAN.to_bits() } else { (share + 0.0).to_bits() }
}

/// The bits of a double, of one NaN.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// In the order of Java.
fn least(a: Option<f64>, b: f64) -> Option<f64> {
    Some(a.map_or(b, |a| if a > b || (a.is_nan() && !b.is_nan()) { b } else { a }))
}

/// The buffers of a group: count(*), count(number), sum(number), sum(share), the parts of avg(amount), min(share), max(time),
/// max(number).
#[derive(Debug, Clone, Default, PartialEq)]
struct Buffers(i64, i64, Option<i64>, Option<u64>, (u64, i64), Option<u64>, Option<i64>, Option<i32>);

const MEASURES: [(Kind, Option<usize>); 8] = [
    (Kind::Count, None),
    (Kind::Count, Some(1)),
    (Kind::Sum, Some(1)),
    (Kind::Sum, Some(3)),
    (Kind::Average, Some(2)),
    (Kind::Min, Some(3)),
    (Kind::Max, Some(4)),
    (Kind::Max, Some(1)),
];

fn measures() -> Vec<(Kind, Option<Expr>)> {
    MEASURES.iter().map(|(kind, index)| (*kind, index.map(field))).collect()
}

type Keys = (Option<String>, Option<u64>);

fn slowly(rows: &[Row]) -> BTreeMap<Keys, Buffers> {
    let mut groups = BTreeMap::<Keys, Buffers>::new();
    for (word, number, amount, share, time) in rows.iter().cloned() {
        let group = groups.entry((word, share.map(share_key))).or_default();
        group.0 += 1;
        if let Some(number) = number {
            group.1 += 1;
            group.2 = Some(group.2.unwrap_or(0) + i64::from(number));
            group.7 = group.7.max(Some(number));
        }
        if let Some(share) = share {
            group.3 = Some(bits(group.3.map_or(0.0, f64::from_bits) + share));
            group.5 = least(group.5.map(f64::from_bits), share).map(bits);
        }
        if let Some(amount) = amount {
            group.4 = (bits(f64::from_bits(group.4.0) + amount as f64), group.4.1 + 1);
        }
        group.6 = group.6.max(time);
    }
    groups
}

fn read(groups: &StructArray) -> BTreeMap<Keys, Buffers> {
    fn at<T: arrow::datatypes::ArrowPrimitiveType>(
        groups: &StructArray,
        column: usize,
        row: usize,
    ) -> Option<T::Native> {
        let array = groups.column(column).as_primitive::<T>();
        array.is_valid(row).then(|| array.value(row))
    }
    (0..groups.len())
        .map(|row| {
            let words = groups.column(0).as_string::<i32>();
            let keys = (
                words.is_valid(row).then(|| words.value(row).to_owned()),
                at::<Float64Type>(groups, 1, row).map(f64::to_bits),
            );
            let share = |column| at::<Float64Type>(groups, column, row).map(bits);
            let long = |column| at::<Int64Type>(groups, column, row);
            let buffers = Buffers(
                long(2).unwrap(),
                long(3).unwrap(),
                long(4),
                share(5),
                (share(6).unwrap(), long(7).unwrap()),
                share(8),
                at::<TimestampMicrosecondType>(groups, 9, row),
                at::<Int32Type>(groups, 10, row),
            );
            (keys, buffers)
        })
        .collect()
}

proptest! {
    #[test]
    fn groups_are_those_of_one_row_at_a_time(rows in rows(), cut in 0_usize..200, from in 0_usize..50) {
        let mut aggregator = aggregator(&spec(vec![key(field(0)), key(field(3))], &measures()));
        let from = from.min(rows.len());
        let cut = cut.clamp(from, rows.len());
        let whole = batch(&rows);
        // Slices, so that offsets count.
        aggregator.update(&whole.slice(from, cut - from)).unwrap();
        aggregator.update(&whole.slice(cut, rows.len() - cut)).unwrap();
        let expected = slowly(&rows[from..]);
        prop_assert_eq!(aggregator.groups(), expected.len());
        let groups = aggregator.drain().unwrap();
        prop_assert_eq!(groups.len(), expected.len());
        prop_assert_eq!(read(&groups), expected);
        // It begins anew.
        prop_assert_eq!(aggregator.groups(), 0);
        aggregator.update(&whole).unwrap();
        prop_assert_eq!(read(&aggregator.drain().unwrap()), slowly(&rows));
    }
}

#[test]
fn without_keys_there_is_one_group_even_of_nothing() {
    let mut aggregator = aggregator(&spec(vec![], &measures()));
    for rows in [vec![], vec![(None, Some(2), None, None, Some(5)), (None, Some(3), None, None, None)]] {
        aggregator.update(&batch(&rows)).unwrap();
        let groups = aggregator.drain().unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups.column(0).as_primitive::<Int64Type>().value(0), rows.len() as i64);
        assert_eq!(groups.column(2).is_null(0), rows.is_empty());
    }
}

#[test]
fn rows_that_fail_a_condition_count_nowhere_and_cannot_fail() -> Result<()> {
    // WHERE number > 0, sum(10 % number): the zero must not be divided by.
    let remainder = call(Type::Int, Function::Remainder, vec![integer(Type::Int, 10), field(1)]);
    let positive = call(Type::Boolean, Function::Gt, vec![field(1), integer(Type::Int, 0)]);
    let mut spec = spec(vec![key(field(0))], &[(Kind::Sum, Some(remainder))]);
    let row = |word: &str, number| (Some(word.to_owned()), number, None, None, None);
    let rows = batch(&[row("a", Some(0)), row("b", Some(4)), row("c", None), row("b", Some(7))]);
    let failed = aggregator(&spec).update(&rows).unwrap_err();
    assert!(failed.to_string().starts_with("an argument of the aggregate: REMAINDER by zero"), "{failed}");
    spec.conditions.push(positive);
    let mut aggregator = aggregator(&spec);
    aggregator.update(&rows)?;
    let groups = aggregator.drain()?;
    assert_eq!(groups.column(0).as_string::<i32>(), &StringArray::from(vec!["b"]));
    assert_eq!(groups.column(1).as_primitive::<Int64Type>(), &Int64Array::from(vec![5]));
    Ok(())
}

#[test]
fn times_of_one_bucket_are_one_key_which_is_not_shown() {
    let bucket = Key { value: Some(field(4)), bucket_us: DAY_US };
    let mut aggregator = aggregator(&spec(vec![bucket], &[(Kind::Max, Some(field(4)))]));
    let times = [Some(-1), Some(-DAY_US), Some(-DAY_US - 1), Some(0), None, Some(DAY_US - 1), None];
    let rows: Vec<Row> = times.iter().map(|&time| (None, None, None, None, time)).collect();
    aggregator.update(&batch(&rows)).unwrap();
    let groups = aggregator.drain().unwrap();
    assert_eq!(groups.num_columns(), 1);
    let latest: Vec<_> = groups.column(0).as_primitive::<TimestampMicrosecondType>().iter().collect();
    assert_eq!(latest, [Some(-1), Some(-DAY_US - 1), Some(DAY_US - 1), None]);
}

#[test]
fn a_sum_that_leaves_bigint_fails_under_ansi_and_wraps_otherwise() {
    let mut spec = spec(vec![], &[(Kind::Sum, Some(field(2)))]);
    let rows = batch(&[(None, None, Some(i64::MAX), None, None), (None, None, Some(2), None, None)]);
    let failed = aggregator(&spec).update(&rows).unwrap_err();
    assert!(matches!(failed, Error::Overflow { operation: "SUM", ref of, .. } if of == "BIGINT"), "{failed}");
    spec.ansi = false;
    let mut aggregator = aggregator(&spec);
    aggregator.update(&rows).unwrap();
    assert_eq!(aggregator.drain().unwrap().column(0).as_primitive::<Int64Type>().value(0), i64::MIN + 1);
}

#[test]
fn memory_grows_with_groups_and_is_given_back() {
    let mut aggregator = aggregator(&spec(vec![key(field(0)), key(field(2))], &[(Kind::Count, None)]));
    let rows: Vec<Row> = (0..10_000).map(|n| (Some(format!("word {n}")), None, Some(n), None, None)).collect();
    aggregator.update(&batch(&rows)).unwrap();
    let held = aggregator.memory_bytes();
    assert!((10_000 * 40..10_000 * 200).contains(&held), "{held}");
    aggregator.update(&batch(&rows)).unwrap();
    assert_eq!(aggregator.memory_bytes(), held);
    aggregator.drain().unwrap();
    assert!(aggregator.memory_bytes() < 100, "{}", aggregator.memory_bytes());
}

#[test]
fn what_cannot_be_run_is_refused_with_its_reason() {
    let refusal = |spec: &Aggregate| Aggregator::new(&spec.encode_to_vec()).unwrap_err().to_string();
    let of_text = spec(vec![], &[(Kind::Sum, Some(field(0)))]);
    assert_eq!(refusal(&of_text), "an argument of the aggregate: SUM of STRING is not run");
    assert_eq!(refusal(&spec(vec![], &[(Kind::Max, None)])), "an argument of the aggregate: MAX of nothing is not run");
    let bucket = Key { value: Some(field(2)), bucket_us: 5 };
    assert_eq!(refusal(&spec(vec![bucket], &[])), "a key of the aggregate: only TIMESTAMPs have buckets, not BIGINT");
    assert_eq!(refusal(&spec(vec![Key::default()], &[])), "a key of the aggregate: it is not set");
}

/// The one sketch that an aggregate without keys makes of a column.
fn sketch(lg_k: u32, batches: &[StructArray], argument: usize) -> Vec<u8> {
    let measure = Measure { kind: Kind::HllSketch.into(), argument: Some(field(argument)), precision: lg_k };
    let mut aggregator = aggregator(&Aggregate { measures: vec![measure], ..spec(vec![], &[]) });
    batches.iter().for_each(|batch| aggregator.update(batch).unwrap());
    aggregator.drain().unwrap().column(0).as_binary::<i32>().value(0).to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_sketch_is_the_one_that_datasketches_makes(lg_k in 4..=21_u32, seed: i64, count in prop_oneof![0..40_i64, 0..9_000_i64]) {
        let number = |row: i64| seed.wrapping_add(row / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
        let rows: Vec<Row> = (0..count)
            .map(|row| ((row % 5 > 0).then(|| format!("{}", number(row) % 3_000)), None, Some(number(row)), None, None))
            .chain([(Some(String::new()), None, None, None, None)])
            .collect();
        let batches: Vec<StructArray> = rows.chunks(1_000).map(batch).collect();
        let mut numbers = HllSketch::new(lg_k as u8, HllType::Hll8).unwrap();
        let mut words = numbers.clone();
        for row in &rows {
            if let Some(number) = row.2 {
                numbers.update(raw_bytes::from_slice(&number.to_le_bytes()));
            }
            if let Some(word) = row.0.as_deref().filter(|word| !word.is_empty()) {
                words.update(raw_bytes::from_str(word));
            }
        }
        prop_assert_eq!(HllSketch::deserialize(&sketch(lg_k, &batches, 2)).unwrap(), numbers);
        prop_assert_eq!(HllSketch::deserialize(&sketch(lg_k, &batches, 0)).unwrap(), words);
    }
}

#[test]
fn sketches_that_make_no_sense_are_refused() {
    for (kind, argument, precision) in [
        (Kind::HllSketch, 2, 3),
        (Kind::HllSketch, 2, 22),
        (Kind::HllSketch, 3, 12),
        (Kind::ApproxCountDistinct, 2, 3),
        (Kind::ApproxCountDistinct, 2, 17),
    ] {
        let measure = Measure { kind: kind.into(), argument: Some(field(argument)), precision };
        let refused = Aggregator::new(&Aggregate { measures: vec![measure], ..spec(vec![], &[]) }.encode_to_vec());
        assert!(matches!(refused, Err(Error::Contract { .. })), "{kind:?} of {argument}, {precision}");
    }
}
