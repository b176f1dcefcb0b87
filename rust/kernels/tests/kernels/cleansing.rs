use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray, StructArray},
    buffer::NullBuffer,
    compute::concat,
    datatypes::{DataType, Field, Fields, Int64Type, TimestampMicrosecondType},
};
use downbeat_kernels::proto::{
    self, Column, Contract, Empty, Field as InputField, Function, Literal, Severity, Text, Type, check::Test,
    literal::Value, normaliser::Kind,
};
use proptest::prelude::*;

use crate::building::{Raw, check, cleanser, column, condition, in_dictionaries, integer, listening, normaliser};

fn names(lists: &ArrayRef, row: usize) -> Vec<String> {
    lists.as_list::<i32>().value(row).as_string::<i32>().iter().map(|name| name.unwrap().to_owned()).collect()
}

/// Valid, violations and repairs of the only row that is not clean.
fn verdict(change: impl FnOnce(&mut Raw, usize)) -> (bool, Vec<String>, Vec<String>) {
    const ROW: usize = 70;
    let mut raw = Raw::clean(130);
    // Every text is there, so that each can be spoilt.
    for (name, value) in [
        ("event_type", "play"),
        ("track_uri", "downbeat:track:0000000000g"),
        ("context", "radio"),
        ("reason_start", "appload"),
        ("reason_end", "trackdone"),
    ] {
        raw.set(name, ROW, Some(value));
    }
    raw.ms_played[ROW] = Some(1000);
    change(&mut raw, ROW);
    let out = cleanser(&listening()).run(&raw.batch()).unwrap();
    for row in (0..130).filter(|&row| row != ROW) {
        assert!(out.column(0).as_boolean().value(row), "row {row}");
        assert!(names(out.column(1), row).is_empty() && names(out.column(2), row).is_empty(), "row {row}");
    }
    (out.column(0).as_boolean().value(ROW), names(out.column(1), ROW), names(out.column(2), ROW))
}

fn with_text(name: &str, value: Option<&str>) -> (bool, Vec<String>, Vec<String>) {
    verdict(|raw, row| raw.set(name, row, value))
}

#[test]
fn clean_events_pass_unmarked_and_typed() {
    let raw = Raw::clean(1000);
    let out = cleanser(&listening()).run(&raw.batch()).unwrap();
    assert_eq!(out.column(0).as_boolean().true_count(), 1000);
    assert_eq!(out.column(1).as_list::<i32>().values().len(), 0);
    assert_eq!(out.column(2).as_list::<i32>().values().len(), 0);
    let row = out.column(3).as_struct();
    let times = row.column_by_name("event_time").unwrap().as_primitive::<TimestampMicrosecondType>();
    assert_eq!(times.timezone(), Some("UTC"));
    assert!((0..1000).all(|at| times.value(at) == raw.arrived_at[at] / 1000 * 1000 - 2_000_000));
    assert_eq!(row.column_by_name("event_id").unwrap().as_binary::<i32>().value(0).len(), 16);
    let countries = row.column_by_name("country").unwrap().as_string::<i32>();
    let raw_countries = &raw.texts.iter().find(|column| column.0 == "conn_country").unwrap().1;
    assert!(countries.iter().zip(raw_countries).all(|(clean, raw)| clean == raw.as_deref()));
    assert_eq!(row.column_by_name("user_id").unwrap().as_primitive::<Int64Type>().null_count(), 0);
}

#[test]
fn a_missing_input_breaks_required_only() {
    for (name, check) in [
        ("event_id", "event_id_required"),
        ("event_type", "event_type_required"),
        ("ts", "event_time_required"),
        ("user_id", "user_id_required"),
        ("session_id", "session_id_required"),
        ("track_uri", "track_id_required"),
        ("context", "context_required"),
        ("reason_start", "reason_start_required"),
        ("reason_end", "reason_end_required"),
        ("platform", "platform_required"),
        ("conn_country", "country_required"),
    ] {
        for value in [None, Some(""), Some("  "), Some("\t\u{200b}\u{3000}")] {
            assert_eq!(with_text(name, value), (false, vec![check.to_owned()], vec![]), "{name} {value:?}");
        }
    }
    let (valid, violations, _) = verdict(|raw, row| raw.ms_played[row] = None);
    assert!(!valid && violations == ["ms_played_required"]);
}

#[test]
fn an_input_without_a_value_breaks_valid_or_known_only() {
    for (name, value, check) in [
        ("event_id", "12345678", "event_id_valid"),
        ("ts", "yesterday", "event_time_valid"),
        ("user_id", "me", "user_id_valid"),
        ("session_id", "xyz", "session_id_valid"),
        ("track_uri", "downbeat:track:1", "track_id_valid"),
        ("playlist_uri", "downbeat:track:0000000000g", "playlist_id_valid"),
        ("context", "shower", "context_known"),
        ("reason_start", "magic", "reason_start_known"),
        ("platform", "toaster", "platform_valid"),
        ("app_version", "new", "app_version_valid"),
        ("conn_country", "Atlantis", "country_valid"),
    ] {
        assert_eq!(with_text(name, Some(value)), (false, vec![check.to_owned()], vec![]), "{name}");
    }
    let long = "é".repeat(201);
    assert_eq!(with_text("playlist_name", Some(&long)), (false, vec!["playlist_name_valid".to_owned()], vec![]));
}

#[test]
fn an_unknown_type_asks_for_nothing_else() {
    let spoilt = verdict(|raw, row| {
        raw.set("event_type", row, Some("stop"));
        raw.set("track_uri", row, None);
        raw.set("context", row, None);
    });
    assert_eq!(spoilt, (false, vec!["event_type_known".to_owned()], vec![]));
}

#[test]
fn ranges_hold_both_their_ends() {
    let played = |ms| verdict(|raw, row| raw.ms_played[row] = Some(ms)).1;
    assert!(played(0).is_empty() && played(86_400_000).is_empty());
    assert_eq!(played(-1), ["ms_played_range"]);
    assert_eq!(played(86_400_001), ["ms_played_range"]);
    let at = |seconds_ago: i64| {
        verdict(|raw, row| {
            let time = (raw.arrived_at[row] - seconds_ago * 1_000_000).to_string();
            raw.set("ts", row, Some(&time));
        })
        .1
    };
    assert!(at(864_000).is_empty() && at(-300).is_empty());
    assert_eq!(at(864_001), ["event_time_range"]);
    assert_eq!(at(-301), ["event_time_range"]);
}

#[test]
fn other_notations_are_repaired_and_named_in_order() {
    let repaired = verdict(|raw, row| {
        raw.set("conn_country", row, Some("usa"));
        raw.set("platform", row, Some("IPHONE"));
        raw.set("event_type", row, Some("pl\u{200b}ay "));
    });
    assert_eq!(repaired, (true, vec![], ["event_type", "platform", "country"].map(str::to_owned).to_vec()));
}

#[test]
fn a_warning_is_listed_and_keeps_the_row() {
    let warned = with_text("event_type", Some("skip"));
    assert_eq!(warned, (true, vec!["skip_has_user_reason".to_owned()], vec![]));
}

#[test]
fn violations_follow_the_contract_and_not_the_order_of_discovery() {
    let (valid, violations, repairs) = verdict(|raw, row| {
        raw.set("conn_country", row, None);
        raw.set("event_id", row, Some("x"));
        raw.set("reason_end", row, Some("x"));
        raw.ms_played[row] = Some(-5);
        raw.set("ts", row, Some("2026-10-01 11:59:00"));
    });
    assert!(!valid);
    assert_eq!(violations, ["event_id_valid", "ms_played_range", "reason_end_known", "country_required"]);
    assert_eq!(repairs, ["event_time"]);
}

#[test]
fn no_rows_and_no_columns_have_results_of_the_same_type() {
    let listening = cleanser(&listening());
    let none = listening.run(&Raw::clean(0).batch()).unwrap();
    assert_eq!((none.len(), none.data_type()), (0, listening.run_type()));
    let nothing = cleanser(&Contract::default());
    let out = nothing.run(&StructArray::new_empty_fields(3, None)).unwrap();
    assert_eq!((out.len(), out.data_type()), (3, nothing.run_type()));
    assert_eq!(out.column(0).as_boolean().true_count(), 3);
    assert_eq!(nothing.check(&StructArray::new_empty_fields(0, None)).unwrap().len(), 0);
}

#[test]
fn a_null_struct_reads_as_a_row_of_nulls() {
    let batch = Raw::clean(3).batch();
    let nulls = NullBuffer::from(vec![true, false, true]);
    let batch = StructArray::new(batch.fields().clone(), batch.columns().to_vec(), Some(nulls));
    let out = cleanser(&listening()).run(&batch).unwrap();
    assert_eq!(out.column(0).as_boolean(), &BooleanArray::from(vec![true, false, true]));
    assert_eq!(names(out.column(1), 1)[..2], ["event_id_required", "event_type_required"]);
    assert!(out.column(3).as_struct().columns().iter().all(|column| column.is_null(1)));
}

#[test]
fn check_gives_the_verdicts_of_run() {
    let mut raw = Raw::clean(200);
    raw.set("conn_country", 3, None);
    raw.set("platform", 100, Some("?"));
    let contract = cleanser(&listening());
    let (run, check) = (contract.run(&raw.batch()).unwrap(), contract.check(&raw.batch()).unwrap());
    assert_eq!(check.data_type(), contract.check_type());
    assert_eq!(check.columns(), &run.columns()[..2]);
}

/// One text column under the text normaliser with a default, one number with a default and bounds.
fn with_defaults() -> Contract {
    let default = |of: Type, value| Some(Literal { r#type: of.into(), value: Some(value) });
    let expect = condition(Function::Ge, vec![column(Type::Bigint, 1), integer(Type::Bigint, 5)]);
    Contract {
        input: vec![
            InputField { name: "name".to_owned(), r#type: Type::String.into() },
            InputField { name: "number".to_owned(), r#type: Type::Bigint.into() },
        ],
        columns: vec![
            Column {
                name: "name".to_owned(),
                input: 0,
                r#type: Type::String.into(),
                normaliser: normaliser(Kind::Text(Text { max_length: 5 })),
                default: default(Type::String, Value::String("none".to_owned())),
            },
            Column {
                name: "number".to_owned(),
                input: 1,
                r#type: Type::Bigint.into(),
                normaliser: None,
                default: default(Type::Bigint, Value::Integer(4)),
            },
        ],
        checks: vec![
            check("name_required", Severity::Error, Test::Required(0), None),
            check("name_valid", Severity::Error, Test::WellFormed(0), None),
            check("number_required", Severity::Error, Test::Required(1), None),
            check("number_range", Severity::Error, Test::Expect(expect), None),
        ],
        ..Contract::default()
    }
}

fn two_columns(names: Vec<Option<&str>>, numbers: Vec<Option<i64>>) -> StructArray {
    let fields = vec![Field::new("name", DataType::Utf8, true), Field::new("number", DataType::Int64, true)];
    let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(names)), Arc::new(Int64Array::from(numbers))];
    StructArray::new(Fields::from(fields), columns, None)
}

#[test]
fn a_default_takes_the_place_of_what_is_missing_before_anything_is_tested() {
    let input = two_columns(vec![None, Some(" "), Some("a "), Some("too long")], vec![Some(5), None, Some(9), Some(6)]);
    let out = cleanser(&with_defaults()).run(&input).unwrap();
    let row = out.column(3).as_struct();
    let expected = StringArray::from(vec![Some("none"), Some("none"), Some("a"), None]);
    assert_eq!(row.column(0).as_string::<i32>(), &expected);
    assert_eq!(row.column(1).as_primitive::<Int64Type>(), &Int64Array::from(vec![5, 4, 9, 6]));
    let violations: Vec<_> = (0..4).map(|at| names(out.column(1), at)).collect();
    assert_eq!(violations, [vec![], vec!["number_range".to_owned()], vec![], vec!["name_valid".to_owned()]]);
    assert_eq!((0..4).map(|at| names(out.column(2), at).len()).collect::<Vec<_>>(), [0, 0, 1, 0]);
}

#[test]
fn a_text_that_passes_through_is_missing_when_blank_and_keeps_its_letters() {
    let contract = Contract {
        columns: vec![Column { normaliser: None, default: None, ..with_defaults().columns[0].clone() }],
        checks: vec![check("name_required", Severity::Error, Test::Required(0), None)],
        ..with_defaults()
    };
    let input = two_columns(vec![Some(" x "), Some("\u{200b} "), None, Some("")], vec![None; 4]);
    let out = cleanser(&contract).run(&input).unwrap();
    assert_eq!(out.column(0).as_boolean(), &BooleanArray::from(vec![true, false, false, false]));
    assert_eq!(out.column(3).as_struct().column(0), input.column(0));
}

#[test]
fn a_deep_rule_within_the_documented_depth_runs() {
    let mut deep = condition(Function::IsNull, vec![column(Type::String, 0)]);
    for _ in 0..43 {
        deep = condition(Function::Not, vec![deep]);
    }
    let contract =
        Contract { checks: vec![check("deep", Severity::Error, Test::Expect(deep), None)], ..with_defaults() };
    let out = cleanser(&contract).run(&two_columns(vec![Some("a")], vec![None])).unwrap();
    assert!(out.column(0).as_boolean().value(0));
}

#[test]
fn every_normaliser_takes_empty_null_and_sliced_columns() {
    let kinds = [
        Kind::Uuid(Empty {}),
        Kind::Timestamp(proto::Timestamp::default()),
        Kind::Timestamp(proto::Timestamp { formats: vec!["iso".to_owned()] }),
        Kind::Date(Empty {}),
        Kind::Boolean(Empty {}),
        Kind::Number(Empty {}),
        Kind::Text(Text { max_length: 0 }),
        Kind::OneOf(proto::OneOf { values: vec!["a".to_owned()], ..proto::OneOf::default() }),
        Kind::Country(Empty {}),
        Kind::Platform(Empty {}),
        Kind::AppVersion(Empty {}),
        Kind::UriId(proto::UriId { prefix: "p:".to_owned() }),
        Kind::DecimalInteger(Empty {}),
        Kind::HexId(Empty {}),
    ];
    for kind in kinds {
        let parser = downbeat_kernels::normalise::Normaliser::new(&normaliser(kind).unwrap()).unwrap();
        assert_eq!(parser.run(&StringArray::from(Vec::<&str>::new())).values.data_type(), &parser.output_type());
        let texts: StringArray =
            (0..300).map(|row| [None, Some(" a "), Some("DE"), Some("1"), Some("ios"), Some("")][row % 6]).collect();
        let whole = parser.run(&texts);
        for (from, len) in [(0, 300), (1, 299), (63, 65), (64, 64), (299, 1), (150, 0)] {
            let part = parser.run(&texts.slice(from, len));
            assert_eq!(part.values.as_ref(), whole.values.slice(from, len).as_ref());
            assert_eq!(part.missing, whole.missing.slice(from, len));
            assert_eq!(part.malformed, whole.malformed.slice(from, len));
            assert_eq!(part.repaired, whole.repaired.slice(from, len));
        }
        let nulls = parser.run(&StringArray::new_null(70));
        assert_eq!((nulls.values.null_count(), nulls.missing.count_set_bits()), (70, 70));
    }
}

/// Texts a client may send anywhere: right ones, other notations, torn ones, none.
fn hostile_text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        2 => Just(None),
        6 => prop::sample::select(vec![
            "", " ", "play", "skip ", "stop", "DE", "usa", "radio", "trackdone", "iphone", "8.9", "v8", "-1", "7", "00000000000000ab",
            "downbeat:track:0000000000g", "2026-10-01T12:00:00.000Z", "1790856000000", "12345678-9ABC-def0-0102-0304050607ff",
            "Cafe\u{301}", "\u{200b}x", "\u{feff}", "\0", "\u{10ffff}",
        ]).prop_map(|text| Some(text.to_owned())),
        1 => "\\PC{0,12}".prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_batch_is_no_more_than_its_rows(
        spoilt in prop::collection::vec((0usize..14, 0usize..150, hostile_text()), 0..120),
        played in prop::collection::vec((0usize..150, prop::option::of(any::<i64>())), 0..10),
        from in 0usize..150,
    ) {
        let mut raw = Raw::clean(150);
        for (column, row, value) in spoilt {
            raw.texts[column].1[row] = value;
        }
        for (row, value) in played {
            raw.ms_played[row] = value;
        }
        let (contract, batch) = (cleanser(&listening()), raw.batch());
        let whole = contract.run(&batch).unwrap();
        // Slices share the batch's buffers, at an offset; single rows are what a row engine would see.
        let parts: Vec<StructArray> =
            [(0, from), (from, 150 - from)].iter().map(|&(from, len)| contract.run(&batch.slice(from, len)).unwrap()).collect();
        let parts: Vec<&dyn Array> = parts.iter().map(|part| part as &dyn Array).collect();
        let parts = concat(&parts).unwrap();
        prop_assert_eq!(parts.as_struct(), &whole);
        let rows: Vec<StructArray> = (0..150).map(|row| contract.run(&batch.slice(row, 1)).unwrap()).collect();
        let rows: Vec<&dyn Array> = rows.iter().map(|row| row as &dyn Array).collect();
        let rows = concat(&rows).unwrap();
        prop_assert_eq!(rows.as_struct(), &whole);
        // A valid row breaks no ERROR check; the only WARN check of the contract is its last.
        for row in 0..150 {
            let errors = names(whole.column(1), row).iter().filter(|name| *name != "skip_has_user_reason").count();
            prop_assert_eq!(whole.column(0).as_boolean().value(row), errors == 0);
        }
        // What was made clean stays as it is.
        let clean = whole.column(3).as_struct().column_by_name("playlist_name").unwrap();
        let again = downbeat_kernels::normalise::Normaliser::new(&normaliser(Kind::Text(Text { max_length: 200 })).unwrap());
        let again = again.unwrap().run(clean.as_string());
        prop_assert!(again.repaired.count_set_bits() == 0 && again.values.as_ref() == clean.as_ref());
    }
}

proptest! {
    #[test]
    fn words_of_dictionaries_are_read_as_the_texts_they_are(
        texts in prop::collection::vec((0..60_usize, 0..16_usize, hostile_text()), 0..60),
        (start, length) in (0..40_usize, 0..60_usize),
    ) {
        let mut raw = Raw::clean(100);
        for (row, column, text) in &texts {
            let name = raw.texts[column % raw.texts.len()].0;
            raw.set(name, *row, text.as_deref());
        }
        let rows = raw.batch();
        let contract = cleanser(&listening());
        prop_assert_eq!(&contract.run(&in_dictionaries(&rows, |_| true)).unwrap(), &contract.run(&rows).unwrap());
        // Of a slice, and under a struct that is null in places.
        let nulls = NullBuffer::from((0..100).map(|row| row % 7 != 0).collect::<Vec<_>>());
        let [plain, words] = [rows.clone(), in_dictionaries(&rows, |_| true)].map(|rows| {
            let (fields, columns, _) = rows.into_parts();
            contract.run(&StructArray::new(fields, columns, Some(nulls.clone())).slice(start, length)).unwrap()
        });
        prop_assert_eq!(words, plain);
    }
}
