use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, BooleanArray, Int64Array, StringArray, StructArray},
    datatypes::{DataType, Field},
};
use downbeat_kernels::{
    Cleanser, Error,
    proto::{
        self, Check, Column, Contract, Empty, Expr, Field as InputField, Function, Literal, OneOf, Severity, Type,
        check::Test, normaliser::Kind,
    },
};
use prost::Message;

use crate::building::{
    boolean, call, check, cleanser, column, condition, integer, listening, literal, normaliser, text,
};

fn base() -> Contract {
    let of = |name: &str, of: Type| InputField { name: name.to_owned(), r#type: of.into() };
    let clean =
        |name: &str, input, of: Type| Column { name: name.to_owned(), input, r#type: of.into(), ..Column::default() };
    Contract {
        input: vec![of("a", Type::String), of("b", Type::Bigint)],
        columns: vec![clean("a", 0, Type::String), clean("b", 1, Type::Bigint)],
        ansi: true,
        time_zone: "UTC".to_owned(),
        ..Contract::default()
    }
}

fn refusal(contract: &Contract) -> String {
    match Cleanser::new(&contract.encode_to_vec()) {
        Err(error @ Error::Contract { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn refused_rule(expect: Expr) -> String {
    refusal(&Contract { checks: vec![check("rule", Severity::Error, Test::Expect(expect), None)], ..base() })
}

#[test]
fn bytes_that_are_no_contract_are_refused() {
    assert!(matches!(Cleanser::new(b"version: 1"), Err(Error::Decode(_))));
}

#[test]
fn a_column_that_cannot_be_made_is_refused_by_name() {
    let with = |change: &dyn Fn(&mut Column)| {
        let mut contract = base();
        change(&mut contract.columns[1]);
        refusal(&contract)
    };
    for (found, expected) in [
        (with(&|column| column.name = "a".to_owned()), "column 'a': there are two of this name; rename one"),
        (with(&|column| column.input = 7), "column 'b': it reads input field 7, the input has 2"),
        (with(&|column| column.r#type = Type::Int.into()), "column 'b': it is declared as INT, field 'b' gives BIGINT"),
        (
            with(&|column| column.r#type = Some(proto::DataType { r#type: 99, precision: 0, scale: 0 })),
            "column 'b': type 99 is not set, or newer than this library",
        ),
        (
            with(&|column| column.normaliser = normaliser(Kind::Country(Empty {}))),
            "column 'b': a normaliser reads STRING, field 'b' is BIGINT",
        ),
        (
            with(&|column| {
                column.input = 0;
                column.normaliser = normaliser(Kind::OneOf(OneOf::default()));
            }),
            "column 'b': normaliser: one_of has no values, so every word would be refused",
        ),
        (
            with(&|column| column.default = Some(Literal { r#type: Type::Bigint.into(), value: None })),
            "column 'b': its default must be a value of type BIGINT",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_check_that_cannot_be_run_is_refused_by_name() {
    let a = || column(Type::String, 0);
    let b = || column(Type::Bigint, 1);
    for (expect, reason) in [
        (a(), "a condition expects BOOLEAN, found STRING"),
        (column(Type::Boolean, 9), "column 9 is asked for, the contract has 2"),
        (column(Type::Boolean, 1), "an expression of type BIGINT is declared as BOOLEAN"),
        (condition(Function::Eq, vec![a(), b()]), "EQ expects STRING, found BIGINT"),
        (condition(Function::Eq, vec![a()]), "EQ cannot have 1 arguments"),
        (condition(Function::Rlike, vec![a(), a()]), "RLIKE takes a literal pattern, not an expression"),
        (condition(Function::Rlike, vec![a(), text("(?i)x")]), "RLIKE pattern '(?i)x': flags are not supported"),
        (condition(Function::Like, vec![a(), text("\\")]), r"LIKE pattern '\': '\' must stand before '%', '_' or '\'"),
        (call(Type::Timestamp, Function::Cast, vec![b()]), "CAST from BIGINT to TIMESTAMP is not run"),
        (call(Type::String, Function::Add, vec![a(), a()]), "ADD expects INT or BIGINT or DOUBLE, found STRING"),
        (integer(Type::Int, 1 << 40), "literal 1099511627776 is no INT"),
        (Expr { r#type: Type::Boolean.into(), node: None }, "an expression is empty, or newer than this library"),
        (call(Type::Boolean, Function::Unspecified, vec![]), "function 0 is not set, or newer than this library"),
    ] {
        assert_eq!(refused_rule(expect), format!("check 'rule': {reason}"));
    }
    let when = Some(b());
    let contract = Contract { checks: vec![check("r", Severity::Warn, Test::Required(0), when)], ..base() };
    assert_eq!(refusal(&contract), "check 'r': a condition expects BOOLEAN, found BIGINT");
    let contract = Contract { checks: vec![check("r", Severity::Warn, Test::Required(5), None)], ..base() };
    assert_eq!(refusal(&contract), "check 'r': it tests column 5, the contract has 2");
    let contract = Contract { checks: vec![Check { name: "r".to_owned(), ..Check::default() }], ..base() };
    assert_eq!(refusal(&contract), "check 'r': its test is not set, or newer than this library");
}

#[test]
fn a_time_zone_is_only_asked_for_where_it_matters() {
    let mars = Contract { time_zone: "Mars/Olympus".to_owned(), ..listening() };
    assert_eq!(
        refusal(&mars),
        "check 'event_time_range': time zone 'Mars/Olympus' is not known; set spark.sql.session.timeZone=UTC"
    );
    cleanser(&Contract { time_zone: String::new(), ..base() });
}

fn input(numbers: Vec<Option<i64>>) -> StructArray {
    let texts: ArrayRef = Arc::new(StringArray::new_null(numbers.len()));
    let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
    StructArray::from(vec![
        (Arc::new(Field::new("a", DataType::Utf8, true)), texts),
        (Arc::new(Field::new("b", DataType::Int64, true)), numbers),
    ])
}

#[test]
fn another_input_than_the_contracts_is_refused() {
    let contract = cleanser(&base());
    let error = contract.run(&StructArray::new_empty_fields(1, None)).unwrap_err();
    assert_eq!(error.to_string(), "the input has 0 fields, the contract was resolved for 2");
    let swapped: Vec<_> = input(vec![]).columns().iter().rev().cloned().collect();
    let fields = vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)];
    let error = contract.run(&StructArray::new(fields.into(), swapped, None)).unwrap_err();
    assert_eq!(error.to_string(), "column 'a' is Int64, expected STRING");
}

#[test]
fn an_overflow_is_an_error_under_ansi_only_and_names_its_check() {
    let sum = call(Type::Bigint, Function::Add, vec![column(Type::Bigint, 1), integer(Type::Bigint, 1)]);
    let expect = condition(Function::Gt, vec![sum, integer(Type::Bigint, 0)]);
    let mut contract = Contract { checks: vec![check("sum", Severity::Error, Test::Expect(expect), None)], ..base() };
    let error = cleanser(&contract).run(&input(vec![Some(1), Some(i64::MAX)])).unwrap_err();
    assert!(
        matches!(&error, Error::Overflow { item, operation: "ADD", of } if item == "check 'sum'" && of == "BIGINT")
    );
    assert!(error.to_string().starts_with("check 'sum': ADD leaves the range of BIGINT"), "{error}");
    assert!(cleanser(&contract).run(&input(vec![Some(1), None])).is_ok());
    assert!(cleanser(&contract).run(&input(vec![])).is_ok());
    contract.ansi = false;
    assert_eq!(
        cleanser(&contract).run(&input(vec![Some(i64::MAX)])).unwrap().column(0).as_ref(),
        &BooleanArray::from(vec![false]) as &dyn Array
    );
}

#[test]
fn an_overflow_in_what_spark_does_not_look_at_is_none() {
    let sum = || call(Type::Bigint, Function::Add, vec![column(Type::Bigint, 1), integer(Type::Bigint, 1)]);
    let overflows = || condition(Function::Gt, vec![sum(), integer(Type::Bigint, 0)]);
    let is_max = || condition(Function::Eq, vec![column(Type::Bigint, 1), integer(Type::Bigint, i64::MAX)]);
    let not_max = || condition(Function::Not, vec![is_max()]);
    let null = || boolean(None);
    let number = |arguments| {
        condition(Function::Eq, vec![call(Type::Bigint, Function::If, arguments), integer(Type::Bigint, 0)])
    };
    let ones = |value| integer(Type::Bigint, value);
    for (name, expect, when, fails) in [
        ("plain", overflows(), None, true),
        ("when false", overflows(), Some(not_max()), false),
        ("when null", overflows(), Some(null()), false),
        ("false and", condition(Function::And, vec![not_max(), overflows()]), None, false),
        ("null and", condition(Function::And, vec![null(), overflows()]), None, true),
        ("and false", condition(Function::And, vec![overflows(), not_max()]), None, true),
        ("true or", condition(Function::Or, vec![is_max(), overflows()]), None, false),
        ("false or", condition(Function::Or, vec![not_max(), overflows()]), None, true),
        ("branch not taken", number(vec![is_max(), ones(0), sum()]), None, false),
        ("branch taken", number(vec![is_max(), sum(), ones(0)]), None, true),
        ("coalesce", condition(Function::Coalesce, vec![is_max(), overflows()]), None, false),
        ("later case", condition(Function::CaseWhen, vec![is_max(), is_max(), overflows(), is_max()]), None, false),
        ("else", condition(Function::CaseWhen, vec![not_max(), is_max(), overflows()]), None, true),
        (
            "in, found before",
            condition(Function::In, vec![column(Type::Bigint, 1), column(Type::Bigint, 1), sum()]),
            None,
            false,
        ),
        ("in, not found before", condition(Function::In, vec![column(Type::Bigint, 1), ones(0), sum()]), None, true),
        ("null side", condition(Function::Lt, vec![literal(Type::Bigint, None), sum()]), None, false),
        (
            "null-safe looks at both",
            condition(Function::EqNullSafe, vec![literal(Type::Bigint, None), sum()]),
            None,
            true,
        ),
    ] {
        let contract = Contract { checks: vec![check("rule", Severity::Error, Test::Expect(expect), when)], ..base() };
        let result = cleanser(&contract).run(&input(vec![Some(1), Some(i64::MAX)]));
        assert_eq!(result.is_err(), fails, "{name}: {result:?}");
    }
}
