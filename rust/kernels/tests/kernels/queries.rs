use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Int64Array, Int64Builder, ListBuilder, MapArray, StringArray,
        StringBuilder, StructArray, TimestampMicrosecondArray,
    },
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use downbeat_kernels::{
    Aggregator, Error, Lookup, Query,
    proto::{
        self, Expr, Field, Function, Type,
        aggregate::{Aggregate, Key, Kind, Measure},
        query::{Output, Read, output::Value},
    },
};
use proptest::{collection::vec, option, prelude::*};
use prost::Message;

use crate::building::{DAY_US, MINUTE_US, call, column, condition, integer};

fn output(name: &str, value: Value) -> Output {
    Output { name: name.to_owned(), value: Some(value) }
}

/// `SELECT word, amount + 1 AS next FROM … WHERE amount > 10 AND good`, over `word, good, amount`.
fn query() -> proto::query::Query {
    let (good, amount) = (column(Type::Boolean, 0), column(Type::Bigint, 1));
    proto::query::Query {
        reads: vec![Read { column: 1, r#type: Type::Boolean.into() }, Read { column: 2, r#type: Type::Bigint.into() }],
        conditions: vec![condition(Function::Gt, vec![amount.clone(), integer(Type::Bigint, 10)]), good],
        outputs: vec![
            output("word", Value::Column(0)),
            output(
                "next",
                Value::Expression(call(Type::Bigint, Function::Add, vec![amount, integer(Type::Bigint, 1)])),
            ),
        ],
        ansi: true,
        time_zone: "UTC".to_owned(),
    }
}

type Row = (Option<String>, Option<bool>, Option<i64>);

fn batch(rows: &[Row]) -> StructArray {
    let columns: [(&str, ArrayRef); 3] = [
        ("word", Arc::new(rows.iter().map(|row| row.0.as_deref()).collect::<StringArray>())),
        ("good", Arc::new(rows.iter().map(|row| row.1).collect::<BooleanArray>())),
        ("amount", Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>())),
    ];
    StructArray::try_from(columns.to_vec()).unwrap()
}

proptest! {
    #[test]
    fn rows_that_go_on_are_those_of_all_conditions(
        rows in vec((option::of("[aé]{0,3}"), option::of(any::<bool>()), option::of(0..20_i64)), 0..100)
    ) {
        let found = Query::new(query()).unwrap().run(&batch(&rows)).unwrap();
        let kept: Vec<_> = rows.iter().filter(|row| row.1 == Some(true) && row.2 > Some(10)).collect();
        prop_assert_eq!(found.len(), kept.len());
        let words: Vec<_> = kept.iter().map(|row| row.0.as_deref()).collect();
        prop_assert_eq!(found.column(0).as_string::<i32>().iter().collect::<Vec<_>>(), words);
        let next: Vec<_> = kept.iter().map(|row| row.2.map(|amount| amount + 1)).collect();
        prop_assert_eq!(found.column(1).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), next);
    }

    #[test]
    fn a_lookup_finds_the_row_of_each_key(
        keys in proptest::collection::hash_set(option::of(any::<i64>()), 0..50),
        others in vec(option::of(any::<i64>()), 0..50)
    ) {
        let table: HashMap<i64, String> = keys.iter().flatten().map(|key| (*key, key.to_string())).collect();
        let words: StringArray = keys.iter().map(|key| key.map(|key| key.to_string())).collect();
        let held: ArrayRef = Arc::new(keys.iter().copied().collect::<Int64Array>());
        let lookup = Lookup::new(&held, vec![Arc::new(words)]).unwrap();
        let wanted: Vec<Option<i64>> = others.into_iter().chain(keys).collect();
        let found = lookup.find(&(Arc::new(wanted.iter().copied().collect::<Int64Array>()) as ArrayRef)).unwrap();
        let expected: Vec<_> = wanted.iter().map(|key| key.and_then(|key| table.get(&key)).map(String::as_str)).collect();
        prop_assert_eq!(found[0].as_string::<i32>().iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_tally_counts_each_text_of_each_group(
        rows in vec((0..3_i64, option::of(vec(option::of("[abé]{0,1}"), 0..4))), 0..60)
    ) {
        let mut aggregator = Aggregator::new(&tally().encode_to_vec()).unwrap();
        let (mut keys, mut lists) = (Int64Builder::new(), ListBuilder::new(StringBuilder::new()));
        let mut expected: BTreeMap<i64, BTreeMap<String, i64>> = BTreeMap::new();
        for (key, list) in &rows {
            keys.append_value(*key);
            let counts = expected.entry(*key).or_default();
            lists.append_option(list.as_ref().map(|texts| texts.iter().map(Option::as_deref)));
            for text in list.iter().flatten().flatten() {
                *counts.entry(text.clone()).or_default() += 1;
            }
        }
        let columns: [(&str, ArrayRef); 2] = [("key", Arc::new(keys.finish())), ("texts", Arc::new(lists.finish()))];
        aggregator.update(&StructArray::try_from(columns.to_vec()).unwrap()).unwrap();
        let groups = aggregator.drain().unwrap();
        let maps: &MapArray = groups.column(1).as_map();
        let found: BTreeMap<i64, Vec<(String, i64)>> = (0..groups.len())
            .map(|group| {
                let pairs = maps.value(group);
                let texts = pairs.column(0).as_string::<i32>().iter().flatten().map(str::to_owned);
                let counts = pairs.column(1).as_primitive::<Int64Type>().values().iter().copied();
                (groups.column(0).as_primitive::<Int64Type>().value(group), texts.zip(counts).collect())
            })
            .collect();
        let expected: BTreeMap<i64, Vec<(String, i64)>> =
            expected.into_iter().map(|(key, counts)| (key, counts.into_iter().collect())).collect();
        prop_assert_eq!(found, expected);
    }
}

fn tally() -> Aggregate {
    let field = |name: &str, of: Type| Field { name: name.to_owned(), r#type: of.into() };
    Aggregate {
        input: vec![field("key", Type::Bigint), field("texts", Type::Texts)],
        keys: vec![Key { value: Some(column(Type::Bigint, 0)), bucket_us: 0 }],
        measures: vec![Measure { kind: Kind::Tally.into(), argument: Some(column(Type::Texts, 1)), precision: 0 }],
        ..Aggregate::default()
    }
}

#[test]
fn a_key_that_is_twice_is_an_error() {
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, None, Some(1)]));
    assert!(matches!(Lookup::new(&keys, Vec::new()), Err(Error::Duplicate { key: 1 })));
}

#[test]
fn a_query_over_another_input_is_an_error() {
    let query = Query::new(query()).unwrap();
    let words: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let few = StructArray::try_from(vec![("word", Arc::clone(&words))]).unwrap();
    assert!(matches!(query.run(&few), Err(Error::FieldCount { expected: 2, found: 1 })));
    let columns = vec![("word", Arc::clone(&words)), ("good", Arc::clone(&words)), ("amount", words)];
    assert!(matches!(query.run(&StructArray::try_from(columns).unwrap()), Err(Error::ColumnType { .. })));
}

fn truncated(unit_us: i64, time_zone: &str) -> downbeat_kernels::Result<Query> {
    let unit = integer(Type::Bigint, unit_us);
    let expression = call(Type::Timestamp, Function::TimestampTruncate, vec![column(Type::Timestamp, 0), unit]);
    Query::new(proto::query::Query {
        reads: vec![Read { column: 0, r#type: Type::Timestamp.into() }],
        outputs: vec![output("time", Value::Expression(expression))],
        time_zone: time_zone.to_owned(),
        ..proto::query::Query::default()
    })
}

#[test]
fn times_are_truncated_on_the_clocks_of_the_zone() {
    let times = TimestampMicrosecondArray::from(vec![Some(90 * MINUTE_US + 7), Some(-1), None]).with_timezone("UTC");
    let rows = StructArray::try_from(vec![("time", Arc::new(times) as ArrayRef)]).unwrap();
    for (unit_us, zone, expected) in [
        (60 * MINUTE_US, "UTC", [Some(60 * MINUTE_US), Some(-60 * MINUTE_US), None]),
        (DAY_US, "+01:00", [Some(-60 * MINUTE_US), Some(-60 * MINUTE_US), None]),
        (60 * MINUTE_US, "+05:30", [Some(90 * MINUTE_US), Some(-30 * MINUTE_US), None]),
        (1_000_000, "Europe/Berlin", [Some(90 * MINUTE_US), Some(-1_000_000), None]),
    ] {
        let found = truncated(unit_us, zone).unwrap().run(&rows).unwrap();
        let found: Vec<_> = found.column(0).as_primitive::<TimestampMicrosecondType>().iter().collect();
        assert_eq!(found, expected, "{unit_us} in {zone}");
    }
    for (unit_us, zone) in [(MINUTE_US, "Europe/Berlin"), (0, "UTC"), (1, "Nowhere")] {
        assert!(matches!(truncated(unit_us, zone), Err(Error::Contract { .. })), "{unit_us} in {zone}");
    }
    let unset: Expr = column(Type::Timestamp, 0);
    let no_literal = call(Type::Timestamp, Function::TimestampTruncate, vec![unset, column(Type::Bigint, 1)]);
    let spec = proto::query::Query {
        reads: vec![
            Read { column: 0, r#type: Type::Timestamp.into() },
            Read { column: 1, r#type: Type::Bigint.into() },
        ],
        outputs: vec![output("time", Value::Expression(no_literal))],
        time_zone: "UTC".to_owned(),
        ..proto::query::Query::default()
    };
    assert!(matches!(Query::new(spec), Err(Error::Contract { .. })));
}
