//! CSV that loses nothing.
//!
//! Arrow's own writer gives nulls and empty texts the same face, which an event with a missing field must not have, and
//! refuses lists. Here a null is nothing and an empty text is `""`, as Postgres has it and Spark, DuckDB and pyarrow can read
//! it; a list is its JSON; binary is hexadecimal, times are RFC 3339 in UTC.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use arrow::{
    array::{Array, AsArray, RecordBatch, StringArray},
    datatypes::{DataType, FieldRef, SchemaRef},
    error::ArrowError,
    json::writer::{EncoderOptions, NullableEncoder, make_encoder},
    util::display::{ArrayFormatter, FormatOptions},
};

/// Writes batches as lines, the columns' names first.
#[derive(Debug)]
pub(super) struct CsvWriter<W> {
    out: W,
    /// The lines of a batch.
    lines: String,
}

impl<W: Write> CsvWriter<W> {
    pub(super) fn new(mut out: W, schema: &SchemaRef) -> io::Result<Self> {
        let mut lines = String::new();
        for (number, field) in schema.fields().iter().enumerate() {
            separate(number, &mut lines);
            push_text(field.name(), &mut lines);
        }
        lines.push('\n');
        out.write_all(lines.as_bytes())?;
        Ok(Self { out, lines })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let (schema, json) = (batch.schema(), EncoderOptions::default());
        let mut columns = schema
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, array)| Column::new(field, array.as_ref(), &json))
            .collect::<Result<Vec<_>, _>>()?;
        self.lines.clear();
        for row in 0..batch.num_rows() {
            for (number, column) in columns.iter_mut().enumerate() {
                separate(number, &mut self.lines);
                column.push(row, &mut self.lines)?;
            }
            self.lines.push('\n');
        }
        self.out.write_all(self.lines.as_bytes())?;
        Ok(())
    }

    pub(super) fn into_inner(self) -> W {
        self.out
    }
}

/// A column of a batch, as what it looks like in a line.
enum Column<'a> {
    Text(&'a StringArray),
    /// Numbers, times and such, which need no quotes.
    Plain(&'a dyn Array, ArrayFormatter<'a>),
    Json(NullableEncoder<'a>),
}

impl<'a> Column<'a> {
    fn new(field: &'a FieldRef, array: &'a dyn Array, json: &'a EncoderOptions) -> Result<Self, ArrowError> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Text(array.as_string()),
            nested if nested.is_nested() => Self::Json(make_encoder(field, array, json)?),
            _ => {
                const EXACT: FormatOptions<'_> = FormatOptions::new().with_display_error(false);
                Self::Plain(array, ArrayFormatter::try_new(array, &EXACT)?)
            }
        })
    }

    fn push(&mut self, row: usize, line: &mut String) -> Result<(), ArrowError> {
        match self {
            Self::Text(texts) => {
                if texts.is_valid(row) {
                    push_text(texts.value(row), line);
                }
            }
            Self::Plain(array, formatter) => {
                if array.is_valid(row) {
                    write!(line, "{}", formatter.value(row))
                        .map_err(|_| ArrowError::CsvError(format!("row {row} of a batch cannot be shown")))?;
                }
            }
            Self::Json(encoder) => {
                if !encoder.is_null(row) {
                    let mut json = Vec::new();
                    encoder.encode(row, &mut json);
                    push_text(&String::from_utf8_lossy(&json), line);
                }
            }
        }
        Ok(())
    }
}

fn separate(number: usize, line: &mut String) {
    if number > 0 {
        line.push(',');
    }
}

/// Quotes a text that would not come back as it is, the empty one too, for nothing at all is null.
fn push_text(text: &str, line: &mut String) {
    let space = |end: Option<char>| end.is_some_and(char::is_whitespace);
    let quoted = text.is_empty()
        || text.bytes().any(|byte| byte == b',' || byte == b'"' || byte.is_ascii_control())
        || space(text.chars().next())
        || space(text.chars().next_back());
    if !quoted {
        line.push_str(text);
        return;
    }
    line.push('"');
    for (number, part) in text.split('"').enumerate() {
        if number > 0 {
            line.push_str("\"\"");
        }
        line.push_str(part);
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{ArrayRef, BinaryArray, BooleanArray, ListArray, TimestampMicrosecondArray},
        datatypes::Int32Type,
    };

    use super::*;

    fn csv(columns: Vec<(&str, ArrayRef)>) -> String {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = CsvWriter::new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        String::from_utf8(writer.into_inner()).unwrap()
    }

    #[test]
    fn a_null_is_nothing_and_an_empty_text_is_quoted() {
        let texts =
            StringArray::from(vec![None, Some(""), Some("a"), Some("a,b"), Some("\"\""), Some(" a"), Some("a\n")]);
        assert_eq!(csv(vec![("a b", Arc::new(texts))]), "a b\n\n\"\"\na\n\"a,b\"\n\"\"\"\"\"\"\n\" a\"\n\"a\n\"\n");
    }

    #[test]
    fn times_are_rfc_3339_binary_is_hexadecimal_and_a_list_is_json() {
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), Some(2)]), None]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("t", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_500_000), None]).with_timezone("UTC"))),
            ("x", Arc::new(BinaryArray::from(vec![Some(b"\x00\xab".as_slice()), None]))),
            ("y", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("z", Arc::new(lists)),
        ];
        assert_eq!(csv(columns), "t,x,y,z\n1970-01-01T00:00:01.500Z,00ab,true,\"[1,2]\"\n,,,\n");
    }
}
