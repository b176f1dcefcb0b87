package dev.downbeat.spark.jni;

import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
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

  // struct ArrowArray { int64 length, null_count, offset, n_buffers, n_children; void **buffers, **children; ... }
  private static final int NULL_COUNT = 8;
  private static final int OFFSET = 16;
  private static final int BUFFERS = 40;
  private static final int CHILDREN = 48;

  /** How the values lie in memory. */
  private enum Layout {
    BITS,
    INTS,
    LONGS,
    DOUBLES,
    BYTES,
    LIST,
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
  private final ColumnVector[] children;

  NativeVector(DataType type, long address, long parentOffset, NativeBatch batch, int column) {
    super(type);
    this.batch = batch;
    this.column = column;
    layout = layoutOf(type);
    offset = parentOffset + Platform.getLong(null, address + OFFSET);
    long nullCount = Platform.getLong(null, address + NULL_COUNT);
    long buffers = Platform.getLong(null, address + BUFFERS);
    // A count of -1 is one that nobody has made.
    validity = nullCount == 0 ? 0 : Platform.getLong(null, buffers);
    nulls = validity == 0 ? 0 : nullCount < 0 ? 1 : Math.toIntExact(nullCount);
    values = layout == Layout.STRUCT ? 0 : Platform.getLong(null, buffers + 8);
    data = layout == Layout.BYTES ? Platform.getLong(null, buffers + 16) : 0;
    children = childrenOf(type, address);
  }

  private static Layout layoutOf(DataType type) {
    if (type instanceof BooleanType) return Layout.BITS;
    if (type instanceof IntegerType || type instanceof DateType) return Layout.INTS;
    if (type instanceof LongType || type instanceof TimestampType || type instanceof TimestampNTZType) {
      return Layout.LONGS;
    }
    if (type instanceof DoubleType) return Layout.DOUBLES;
    if (type instanceof StringType || type instanceof BinaryType) return Layout.BYTES;
    if (type instanceof ArrayType) return Layout.LIST;
    if (type instanceof StructType) return Layout.STRUCT;
    throw new UnsupportedOperationException("no native vector of type " + type.catalogString());
  }

  private ColumnVector[] childrenOf(DataType type, long address) {
    if (layout == Layout.LIST) {
      long child = Platform.getLong(null, Platform.getLong(null, address + CHILDREN));
      // A list's offsets already say where its items are, so its own offset does not shift them.
      return new ColumnVector[] {new NativeVector(((ArrayType) type).elementType(), child, 0, batch, NESTED)};
    }
    if (layout == Layout.STRUCT) {
      long first = Platform.getLong(null, address + CHILDREN);
      var fields = ((StructType) type).fields();
      ColumnVector[] vectors = new ColumnVector[fields.length];
      for (int i = 0; i < fields.length; i++) {
        vectors[i] = new NativeVector(
            fields[i].dataType(), Platform.getLong(null, first + 8L * i), offset, batch, NESTED);
      }
      return vectors;
    }
    return null;
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
    return validity != 0;
  }

  @Override
  public int numNulls() {
    return nulls;
  }

  @Override
  public boolean isNullAt(int row) {
    assert !batch.isClosed() : "a vector is read after its batch was closed";
    return validity != 0 && !bit(validity, row);
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
    long begin = begin(row);
    return UTF8String.fromAddress(null, data + begin, (int) (begin(row + 1) - begin));
  }

  @Override
  public byte[] getBinary(int row) {
    require(Layout.BYTES);
    if (isNullAt(row)) {
      return null;
    }
    long begin = begin(row);
    byte[] copy = new byte[(int) (begin(row + 1) - begin)];
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
    throw unreadable("a byte");
  }

  @Override
  public short getShort(int row) {
    throw unreadable("a short");
  }

  @Override
  public float getFloat(int row) {
    throw unreadable("a float");
  }

  @Override
  public Decimal getDecimal(int row, int precision, int scale) {
    throw unreadable("a decimal");
  }

  @Override
  public ColumnarMap getMap(int row) {
    throw unreadable("a map");
  }

  private boolean bit(long buffer, int row) {
    long at = offset + row;
    return (Platform.getByte(null, buffer + (at >> 3)) >> (at & 7) & 1) != 0;
  }

  /** Where the bytes or items of a row begin. */
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
