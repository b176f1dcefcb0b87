package dev.downbeat.spark.jni;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.DayTimeIntervalType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimeType;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import org.apache.spark.sql.types.YearMonthIntervalType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.apache.spark.sql.vectorized.ColumnarMap;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * A column of a {@link NativeBatch}, read in place.
 *
 * <p>Assumes that the C {@code ArrowArray} at its address holds the Arrow form of its Spark type: the native library checks
 * that for every batch it hands out. Honours the array's offset in every buffer, and a parent's offset in its children.
 * Reading it as another type throws; it never returns a value that is not there.
 */
public final class NativeVector extends ColumnVector {
  /** The {@link #column} of a vector that stands for the batch itself. */
  static final int WHOLE_BATCH = -1;

  /** The {@link #column} of a vector somewhere inside a column. */
  static final int NESTED = -2;

  // struct ArrowArray { int64 length, null_count, offset, n_buffers, n_children; void **buffers, **children, *dictionary; ... }
  private static final int NULL_COUNT = 8;
  private static final int OFFSET = 16;
  private static final int BUFFERS = 40;
  private static final int CHILDREN = 48;
  private static final int DICTIONARY = 56;

  /** How the values lie in memory. */
  private enum Layout {
    /** Nothing is there: every value is null. */
    NOTHING,
    BITS,
    INTS_OF_1,
    INTS_OF_2,
    INTS,
    LONGS,
    FLOATS,
    DOUBLES,
    DECIMALS,
    BYTES,
    LIST,
    MAP,
    STRUCT
  }

  private final NativeBatch batch;
  private final int column;
  private final Layout layout;
  private final long offset;
  private final int nulls;
  private final long validity;
  private final long values;
  private final long data;

  /** Of texts that are words of a dictionary, where their numbers are; else 0. */
  private final long keys;
  private final ColumnVector[] children;

  NativeVector(DataType type, long address, long parentOffset, NativeBatch batch, int column) {
    super(type);
    this.batch = batch;
    this.column = column;
    layout = layoutOf(type);
    offset = parentOffset + Platform.getLong(null, address + OFFSET);
    long nullCount = Platform.getLong(null, address + NULL_COUNT);
    if (layout == Layout.NOTHING) {
      nulls = Math.toIntExact(Platform.getLong(null, address));
      validity = 0;
      values = 0;
      data = 0;
      keys = 0;
      children = null;
      return;
    }
    long buffers = Platform.getLong(null, address + BUFFERS);
    // A count of -1 is one that nobody has made.
    validity = nullCount == 0 ? 0 : Platform.getLong(null, buffers);
    nulls = validity == 0 ? 0 : nullCount < 0 ? 1 : Math.toIntExact(nullCount);
    long dictionary = Platform.getLong(null, address + DICTIONARY);
    keys = dictionary == 0 ? 0 : Platform.getLong(null, buffers + 8);
    long words = dictionary == 0 ? buffers : Platform.getLong(null, dictionary + BUFFERS);
    long first = dictionary == 0 ? 0 : Platform.getLong(null, dictionary + OFFSET);
    values = layout == Layout.STRUCT ? 0 : Platform.getLong(null, words + 8) + (first << 2);
    data = layout == Layout.BYTES ? Platform.getLong(null, words + 16) : 0;
    children = childrenOf(type, address);
  }

  private static Layout layoutOf(DataType type) {
    if (type instanceof NullType) return Layout.NOTHING;
    if (type instanceof BooleanType) return Layout.BITS;
    if (type instanceof ByteType) return Layout.INTS_OF_1;
    if (type instanceof ShortType) return Layout.INTS_OF_2;
    if (type instanceof IntegerType || type instanceof DateType || type instanceof YearMonthIntervalType) {
      return Layout.INTS;
    }
    if (type instanceof LongType
        || type instanceof TimestampType
        || type instanceof TimestampNTZType
        || type instanceof TimeType
        || type instanceof DayTimeIntervalType) {
      return Layout.LONGS;
    }
    if (type instanceof FloatType) return Layout.FLOATS;
    if (type instanceof DoubleType) return Layout.DOUBLES;
    if (type instanceof DecimalType) return Layout.DECIMALS;
    if (type instanceof StringType || type instanceof BinaryType) return Layout.BYTES;
    if (type instanceof ArrayType) return Layout.LIST;
    if (type instanceof MapType) return Layout.MAP;
    if (type instanceof StructType || type instanceof CalendarIntervalType) return Layout.STRUCT;
    throw new UnsupportedOperationException("no native vector of type " + type.catalogString());
  }

  private ColumnVector[] childrenOf(DataType type, long address) {
    if (type instanceof ArrayType list) {
      // A list's offsets already say where its items are, so its own offset does not shift them.
      return new ColumnVector[] {nested(list.elementType(), child(address, 0), 0)};
    }
    if (type instanceof MapType map) {
      long entries = child(address, 0);
      long first = Platform.getLong(null, entries + OFFSET);
      return new ColumnVector[] {
        nested(map.keyType(), child(entries, 0), first), nested(map.valueType(), child(entries, 1), first)
      };
    }
    if (layout == Layout.STRUCT) {
      DataType[] fields = fieldsOf(type);
      ColumnVector[] vectors = new ColumnVector[fields.length];
      for (int i = 0; i < fields.length; i++) {
        vectors[i] = nested(fields[i], child(address, i), offset);
      }
      return vectors;
    }
    return null;
  }

  /** A calendar interval is read as its months, days and microseconds. */
  private static DataType[] fieldsOf(DataType type) {
    return type instanceof StructType struct
        ? Arrays.stream(struct.fields()).map(StructField::dataType).toArray(DataType[]::new)
        : new DataType[] {DataTypes.IntegerType, DataTypes.IntegerType, DataTypes.LongType};
  }

  private NativeVector nested(DataType type, long address, long parentOffset) {
    return new NativeVector(type, address, parentOffset, batch, NESTED);
  }

  private static long child(long address, int index) {
    return Platform.getLong(null, Platform.getLong(null, address + CHILDREN) + 8L * index);
  }

  NativeBatch batch() {
    return batch;
  }

  /** Which column of its batch it is, or {@link #WHOLE_BATCH}, or {@link #NESTED}. */
  int column() {
    return column;
  }

  /** Closes the whole batch. */
  @Override
  public void close() {
    batch.close();
  }

  @Override
  public boolean hasNull() {
    return validity != 0 || layout == Layout.NOTHING;
  }

  @Override
  public int numNulls() {
    return nulls;
  }

  @Override
  public boolean isNullAt(int row) {
    assert !batch.isClosed() : "a vector is read after its batch was closed";
    return validity != 0 ? !bit(validity, row) : layout == Layout.NOTHING;
  }

  @Override
  public boolean getBoolean(int row) {
    require(Layout.BITS);
    return bit(values, row);
  }

  @Override
  public int getInt(int row) {
    require(Layout.INTS);
    return Platform.getInt(null, values + ((offset + row) << 2));
  }

  @Override
  public long getLong(int row) {
    require(Layout.LONGS);
    return Platform.getLong(null, values + ((offset + row) << 3));
  }

  @Override
  public double getDouble(int row) {
    require(Layout.DOUBLES);
    return Platform.getDouble(null, values + ((offset + row) << 3));
  }

  @Override
  public UTF8String getUTF8String(int row) {
    require(Layout.BYTES);
    if (isNullAt(row)) {
      return null;
    }
    long place = values + (word(row) << 2);
    int begin = Platform.getInt(null, place);
    return UTF8String.fromAddress(null, data + begin, Platform.getInt(null, place + 4) - begin);
  }

  @Override
  public byte[] getBinary(int row) {
    require(Layout.BYTES);
    if (isNullAt(row)) {
      return null;
    }
    long place = values + (word(row) << 2);
    int begin = Platform.getInt(null, place);
    byte[] copy = new byte[Platform.getInt(null, place + 4) - begin];
    Platform.copyMemory(null, data + begin, copy, Platform.BYTE_ARRAY_OFFSET, copy.length);
    return copy;
  }

  @Override
  public ColumnarArray getArray(int row) {
    require(Layout.LIST);
    if (isNullAt(row)) {
      return null;
    }
    int begin = begin(row);
    return new ColumnarArray(children[0], begin, begin(row + 1) - begin);
  }

  @Override
  public ColumnVector getChild(int ordinal) {
    require(Layout.STRUCT);
    return children[ordinal];
  }

  @Override
  public byte getByte(int row) {
    require(Layout.INTS_OF_1);
    return Platform.getByte(null, values + offset + row);
  }

  @Override
  public short getShort(int row) {
    require(Layout.INTS_OF_2);
    return Platform.getShort(null, values + ((offset + row) << 1));
  }

  @Override
  public float getFloat(int row) {
    require(Layout.FLOATS);
    return Platform.getFloat(null, values + ((offset + row) << 2));
  }

  @Override
  public Decimal getDecimal(int row, int precision, int scale) {
    require(Layout.DECIMALS);
    if (isNullAt(row)) {
      return null;
    }
    long at = values + ((offset + row) << 4);
    long low = Platform.getLong(null, at);
    if (precision <= Decimal.MAX_LONG_DIGITS()) {
      return Decimal.createUnsafe(low, precision, scale);
    }
    BigInteger unscaled = BigInteger.valueOf(Platform.getLong(null, at + 8)).shiftLeft(64).or(unsigned(low));
    return Decimal.apply(new BigDecimal(unscaled, scale), precision, scale);
  }

  @Override
  public ColumnarMap getMap(int row) {
    require(Layout.MAP);
    if (isNullAt(row)) {
      return null;
    }
    int begin = begin(row);
    return new ColumnarMap(children[0], children[1], begin, begin(row + 1) - begin);
  }

  private static BigInteger unsigned(long bits) {
    BigInteger low = BigInteger.valueOf(bits & Long.MAX_VALUE);
    return bits < 0 ? low.setBit(63) : low;
  }

  private boolean bit(long buffer, int row) {
    long at = offset + row;
    return (Platform.getByte(null, buffer + (at >> 3)) >> (at & 7) & 1) != 0;
  }

  /** The place of a row's bytes among those of all rows, or of all words. */
  private long word(int row) {
    return keys == 0 ? offset + row : Platform.getInt(null, keys + ((offset + row) << 2));
  }

  /** Where the items of a row begin. */
  private int begin(int row) {
    return Platform.getInt(null, values + ((offset + row) << 2));
  }

  private void require(Layout wanted) {
    if (layout != wanted) {
      throw unreadable(wanted.toString());
    }
  }

  private UnsupportedOperationException unreadable(String what) {
    return new UnsupportedOperationException("a column of " + type.catalogString() + " is not read as " + what);
  }
}
