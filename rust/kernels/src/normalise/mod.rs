//! Parsers of single values: texts as clients send them become values, and each says whether it had to repair.
//!
//! A text in **canonical** form passes unmarked; another notation of a value is **repaired** and marked; a text without a value
//! in it is **malformed** and becomes null. A null, or a text of nothing but noise, is **missing**: null as well, but not malformed.
//! *Noise* is Unicode white space, control characters (category Cc) and the zero-width characters U+200B, U+200C, U+200D,
//! U+2060 and U+FEFF; around a value it is always repaired. Which notations a parser takes is said in its module.

pub(crate) mod app_version;
pub(crate) mod boolean;
pub(crate) mod country;
pub(crate) mod date;
pub(crate) mod decimal;
pub(crate) mod decimal_integer;
pub(crate) mod formats;
pub(crate) mod hex_id;
pub(crate) mod number;
pub(crate) mod one_of;
pub(crate) mod platform;
pub(crate) mod text;
pub(crate) mod timestamp;
pub(crate) mod uri_id;
pub(crate) mod uuid;

use std::{borrow::Cow, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Int32Array, PrimitiveArray, StringArray},
    buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer},
    compute::take,
    datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType},
};

use crate::{
    Error, Result,
    mask::Mask,
    proto,
    types::{self, Type},
    words::Ends,
};

/// A parser of one column's texts.
///
/// ```
/// use arrow::array::{Array, StringArray};
/// use downbeat_kernels::{normalise::Normaliser, proto};
///
/// let country = proto::Normaliser { kind: Some(proto::normaliser::Kind::Country(proto::Empty {})) };
/// let clean = Normaliser::new(&country)?.run(&StringArray::from(vec![Some("DE"), Some("germany"), Some("?"), None]));
/// assert_eq!(clean.values.as_ref(), &StringArray::from(vec![Some("DE"), Some("DE"), None, None]) as &dyn Array);
/// assert!(clean.repaired.value(1) && clean.malformed.value(2) && clean.missing.value(3));
/// # Ok::<(), downbeat_kernels::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Normaliser(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Uuid,
    Timestamp,
    TimestampIn(formats::Formats),
    Date,
    Boolean,
    Number,
    Decimal(decimal::Digits),
    Text { max_length: usize },
    OneOf(one_of::OneOf),
    Country,
    Platform,
    AppVersion,
    UriId { prefix: String },
    DecimalInteger,
    HexId,
}

/// A column after its parser: `values` and three masks, all as long as the input.
#[derive(Debug, Clone)]
pub struct Normalised {
    /// The values; null where missing or malformed.
    pub values: ArrayRef,
    /// The input was null, or nothing but noise.
    pub missing: BooleanBuffer,
    /// The input was present, and no value could be read.
    pub malformed: BooleanBuffer,
    /// The value was read from another notation than the canonical one.
    pub repaired: BooleanBuffer,
}

impl Normalised {
    /// What the words of a dictionary became, for the rows that name them by their places.
    ///
    /// # Errors
    /// [`Error::Arrow`] if the texts of all rows are too long for one column.
    pub(crate) fn at(&self, places: &Int32Array) -> Result<Self> {
        let rows = places.len();
        let spread = |mask: &BooleanBuffer| match mask.has_true() {
            true => {
                BooleanBuffer::collect_bool(rows, |row| places.is_valid(row) && mask.value(places.value(row) as usize))
            }
            false => BooleanBuffer::new_unset(rows),
        };
        let missing = spread(&self.missing);
        Ok(Self {
            values: take(&self.values, places, None)?,
            missing: places.nulls().map_or(missing.clone(), |valid| &missing | &!valid.inner()),
            malformed: spread(&self.malformed),
            repaired: spread(&self.repaired),
        })
    }
}

impl Normaliser {
    /// Compiles a parser.
    ///
    /// # Errors
    /// [`Error::Contract`] if its parameters make no sense.
    pub fn new(spec: &proto::Normaliser) -> Result<Self> {
        use proto::normaliser::Kind as Spec;
        let refused = |reason: &str| Error::Contract { item: "normaliser".to_owned(), reason: reason.to_owned() };
        Ok(Self(match &spec.kind {
            None => return Err(refused("its kind is not set, or newer than this library")),
            Some(Spec::Uuid(_)) => Kind::Uuid,
            Some(Spec::Timestamp(timestamp)) if timestamp.formats.is_empty() => Kind::Timestamp,
            Some(Spec::Timestamp(timestamp)) => {
                Kind::TimestampIn(formats::Formats::new(&timestamp.formats).map_err(|reason| refused(&reason))?)
            }
            Some(Spec::Date(_)) => Kind::Date,
            Some(Spec::Boolean(_)) => Kind::Boolean,
            Some(Spec::Number(_)) => Kind::Number,
            Some(Spec::Decimal(decimal)) => match types::decimal(decimal.precision, decimal.scale) {
                Ok(Type::Decimal { precision, scale }) => Kind::Decimal(decimal::Digits { precision, scale }),
                Ok(other) => return Err(refused(&format!("{other} is no decimal"))),
                Err(reason) => return Err(refused(&reason)),
            },
            Some(Spec::Text(text)) => {
                Kind::Text { max_length: if text.max_length == 0 { usize::MAX } else { text.max_length as usize } }
            }
            Some(Spec::OneOf(words)) => Kind::OneOf(one_of::OneOf::new(words).map_err(|reason| refused(&reason))?),
            Some(Spec::Country(_)) => Kind::Country,
            Some(Spec::Platform(_)) => Kind::Platform,
            Some(Spec::AppVersion(_)) => Kind::AppVersion,
            Some(Spec::UriId(uri)) => Kind::UriId { prefix: uri.prefix.clone() },
            Some(Spec::DecimalInteger(_)) => Kind::DecimalInteger,
            Some(Spec::HexId(_)) => Kind::HexId,
        }))
    }

    /// The type of the values it makes.
    pub fn output_type(&self) -> DataType {
        types::arrow_type(self.spark_type())
    }

    pub(crate) fn spark_type(&self) -> Type {
        match self.0 {
            Kind::Uuid => Type::Binary,
            Kind::Timestamp | Kind::TimestampIn(_) => Type::Timestamp,
            Kind::Date => Type::Date,
            Kind::Boolean => Type::Boolean,
            Kind::Number => Type::Double,
            Kind::Decimal(decimal::Digits { precision, scale }) => Type::Decimal { precision, scale },
            Kind::Text { .. } | Kind::OneOf(_) | Kind::Country | Kind::Platform | Kind::AppVersion => Type::String,
            Kind::UriId { .. } | Kind::DecimalInteger | Kind::HexId => Type::Bigint,
        }
    }

    /// Parses a column.
    ///
    /// # Panics
    /// If the clean texts together pass 2 GiB, which is more than an Arrow array of texts can hold.
    pub fn run(&self, texts: &StringArray) -> Normalised {
        match &self.0 {
            Kind::Uuid => uuids(texts),
            Kind::Timestamp => self.named(primitives::<TimestampMicrosecondType>(texts, timestamp::read)),
            Kind::TimestampIn(formats) => {
                self.named(primitives::<TimestampMicrosecondType>(texts, |text| formats.read(text)))
            }
            Kind::Date => primitives::<Date32Type>(texts, date::read),
            Kind::Boolean => booleans(texts),
            Kind::Number => primitives::<Float64Type>(texts, number::read),
            Kind::Decimal(digits) => self.named(primitives::<Decimal128Type>(texts, |text| digits.read(text))),
            Kind::Text { max_length } => respelled(texts, |text| text::read(text, *max_length)),
            Kind::OneOf(words) => respelled(texts, |text| words.read(text)),
            Kind::Country => respelled(texts, country::read),
            Kind::Platform => platforms(texts),
            Kind::AppVersion => respelled(texts, app_version::read),
            Kind::UriId { prefix } => primitives::<Int64Type>(texts, |text| uri_id::read(text, prefix)),
            Kind::DecimalInteger => primitives::<Int64Type>(texts, decimal_integer::read),
            Kind::HexId => primitives::<Int64Type>(texts, hex_id::read),
        }
    }

    /// What was parsed, its values with the zone or the digits of their type.
    fn named(&self, parsed: Normalised) -> Normalised {
        Normalised { values: types::named(parsed.values, self.spark_type()), ..parsed }
    }
}

/// What a parser made of one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read<T> {
    Canonical(T),
    Repaired(T),
    Malformed,
}

impl<T> Read<T> {
    /// The second, forgiving attempt: a value found by it was written in another notation.
    pub(crate) fn repaired(value: Option<T>) -> Self {
        value.map_or(Self::Malformed, Self::Repaired)
    }
}

/// The UUID in a text, in any notation.
pub(crate) fn uuid_key(text: &str) -> Option<[u8; 16]> {
    match uuid::read(text) {
        Read::Canonical(id) | Read::Repaired(id) => Some(id),
        Read::Malformed => None,
    }
}

/// Zero-width characters: they show nothing, so nobody typed them on purpose.
pub(crate) fn is_zero_width(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

fn is_noise(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_zero_width(c)
}

/// `text` without the noise around it.
pub(crate) fn trim_noise(text: &str) -> &str {
    text.trim_matches(is_noise)
}

/// Whether there is nothing but noise in `text`.
pub(crate) fn is_blank(text: &str) -> bool {
    // The first byte settles nearly every text: printable ASCII is no noise.
    !matches!(text.as_bytes().first(), Some(0x21..=0x7e)) && text.chars().all(is_noise)
}

/// What the texts of a batch became, as far as there is room: for those that come again and again and take long to read.
struct Memo<'a, T> {
    places: Vec<Option<(&'a str, Read<T>)>>,
}

impl<'a, T: Copy> Memo<'a, T> {
    const PLACE_BITS: u32 = 9;

    fn new() -> Self {
        Self { places: vec![None; 1 << Self::PLACE_BITS] }
    }

    fn read(&mut self, text: &'a str, read: impl Fn(&str) -> Read<T>) -> Read<T> {
        let place = &mut self.places[Ends::of(text).place(Ends::MULTIPLIER, Self::PLACE_BITS)];
        match place {
            Some((known, value)) if *known == text => *value,
            _ => place.insert((text, read(text))).1,
        }
    }
}

/// The masks of a column while it is parsed.
struct Marks {
    missing: Mask,
    malformed: Mask,
    repaired: Mask,
}

impl Marks {
    /// Calls `each` for every text that is there.
    fn over<'a>(texts: &'a StringArray, mut each: impl FnMut(&mut Self, usize, &'a str)) -> Self {
        let len = texts.len();
        let mut marks = Self { missing: Mask::new(len), malformed: Mask::new(len), repaired: Mask::new(len) };
        match texts.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => (0..len).for_each(|row| each(&mut marks, row, texts.value(row))),
            Some(nulls) => {
                marks.missing = Mask::from(!nulls.inner());
                nulls.valid_indices().for_each(|row| each(&mut marks, row, texts.value(row)));
            }
        }
        marks
    }

    /// No value was found in `text`: because there is nothing, or because it is malformed.
    #[cold]
    fn unreadable(&mut self, row: usize, text: &str) {
        if is_blank(text) { self.missing.set(row) } else { self.malformed.set(row) }
    }

    fn finish(self, values: impl FnOnce(Option<NullBuffer>) -> ArrayRef) -> Normalised {
        let (missing, malformed) = (self.missing.finish(), self.malformed.finish());
        let valid = NullBuffer::new(!&(&missing | &malformed));
        let nulls = (valid.null_count() > 0).then_some(valid);
        Normalised { values: values(nulls), missing, malformed, repaired: self.repaired.finish() }
    }
}

fn primitives<T: ArrowPrimitiveType>(texts: &StringArray, read: impl Fn(&str) -> Read<T::Native>) -> Normalised {
    let mut values = vec![T::Native::default(); texts.len()];
    let marks = Marks::over(texts, |marks, row, text| match read(text) {
        Read::Canonical(value) => values[row] = value,
        Read::Repaired(value) => {
            values[row] = value;
            marks.repaired.set(row);
        }
        Read::Malformed => marks.unreadable(row, text),
    });
    marks.finish(|nulls| Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
}

fn booleans(texts: &StringArray) -> Normalised {
    let mut values = Mask::new(texts.len());
    let marks = Marks::over(texts, |marks, row, text| {
        let value = match boolean::read(text) {
            Read::Canonical(value) => value,
            Read::Repaired(value) => {
                marks.repaired.set(row);
                value
            }
            Read::Malformed => return marks.unreadable(row, text),
        };
        if value {
            values.set(row);
        }
    });
    marks.finish(|nulls| Arc::new(BooleanArray::new(values.finish(), nulls)))
}

fn uuids(texts: &StringArray) -> Normalised {
    const BYTES: usize = 16;
    // Null rows hold 16 bytes too: one stride is simpler than compact nulls, and nothing reads them.
    let mut values = vec![0u8; texts.len() * BYTES];
    let marks = Marks::over(texts, |marks, row, text| match uuid::read(text) {
        Read::Canonical(value) => values[row * BYTES..][..BYTES].copy_from_slice(&value),
        Read::Repaired(value) => {
            values[row * BYTES..][..BYTES].copy_from_slice(&value);
            marks.repaired.set(row);
        }
        Read::Malformed => marks.unreadable(row, text),
    });
    let offsets = OffsetBuffer::from_repeated_length(BYTES, texts.len());
    marks.finish(|nulls| Arc::new(BinaryArray::new(offsets, values.into(), nulls)))
}

fn platforms(texts: &StringArray) -> Normalised {
    let mut words = vec![""; texts.len()];
    let mut memo = Memo::new();
    let marks = Marks::over(texts, |marks, row, text| match memo.read(text, platform::read) {
        Read::Canonical(platform) => words[row] = platform.text(),
        Read::Repaired(platform) => {
            words[row] = platform.text();
            marks.repaired.set(row);
        }
        Read::Malformed => marks.unreadable(row, text),
    });
    let offsets = OffsetBuffer::from_lengths(words.iter().map(|word| word.len()));
    let bytes = words.concat().into_bytes();
    marks.finish(|nulls| Arc::new(StringArray::new(offsets, bytes.into(), nulls)))
}

/// Parsers from text to text: nearly every row keeps its bytes, so the input is shared where nothing was repaired, and copied in
/// long runs between the repaired rows otherwise.
fn respelled<'a>(texts: &'a StringArray, read: impl Fn(&'a str) -> Read<Cow<'a, str>>) -> Normalised {
    let mut patches: Vec<(usize, Cow<'a, str>)> = Vec::new();
    let marks = Marks::over(texts, |marks, row, text| match read(text) {
        Read::Canonical(_) => {}
        Read::Repaired(value) => {
            marks.repaired.set(row);
            patches.push((row, value));
        }
        Read::Malformed => marks.unreadable(row, text),
    });
    let (offsets, bytes) = patched(texts, &patches);
    marks.finish(|nulls| Arc::new(StringArray::new(offsets, bytes, nulls)))
}

fn patched(texts: &StringArray, patches: &[(usize, Cow<'_, str>)]) -> (OffsetBuffer<i32>, Buffer) {
    if patches.is_empty() {
        return (texts.offsets().clone(), texts.values().clone());
    }
    let old = texts.value_offsets();
    let source = texts.values().as_slice();
    let (first, last) = (old[0] as usize, old[texts.len()] as usize);
    let added: usize = patches.iter().map(|(_, text)| text.len()).sum();
    let mut bytes = Vec::with_capacity(last - first + added);
    let mut lengths = Vec::with_capacity(texts.len());
    let mut from = 0;
    for (row, text) in patches {
        bytes.extend_from_slice(&source[old[from] as usize..old[*row] as usize]);
        lengths.extend(old[from..=*row].windows(2).map(|ends| (ends[1] - ends[0]) as usize));
        bytes.extend_from_slice(text.as_bytes());
        lengths.push(text.len());
        from = row + 1;
    }
    bytes.extend_from_slice(&source[old[from] as usize..last]);
    lengths.extend(old[from..].windows(2).map(|ends| (ends[1] - ends[0]) as usize));
    (OffsetBuffer::from_lengths(lengths), bytes.into())
}

#[cfg(test)]
pub(crate) mod testing {
    //! What the parsers' tests say of one text.

    use std::fmt::Debug;

    use super::Read;

    pub(crate) fn canonical<T: PartialEq<U> + Debug, U: Debug>(read: Read<T>, value: U) {
        assert!(matches!(&read, Read::Canonical(found) if *found == value), "{read:?} is not canonical {value:?}");
    }

    pub(crate) fn repaired<T: PartialEq<U> + Debug, U: Debug>(read: Read<T>, value: U) {
        assert!(matches!(&read, Read::Repaired(found) if *found == value), "{read:?} is not {value:?}, repaired");
    }

    pub(crate) fn malformed<T: Debug>(read: &Read<T>) {
        assert!(matches!(read, Read::Malformed), "{read:?} is not malformed");
    }
}
