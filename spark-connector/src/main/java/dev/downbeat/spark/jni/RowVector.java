package dev.downbeat.spark.jni;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.apache.spark.sql.vectorized.ColumnarMap;
import org.apache.spark.unsafe.types.UTF8String;

/** One value of one row, seen as a column of one row: where a native function meets Spark's rows. */
final class RowVector extends ColumnVector {
  private final InternalRow row;
  private final int ordinal;

  RowVector(DataType type, InternalRow row, int ordinal) {
    super(type);
    this.row = row;
    this.ordinal = ordinal;
  }

  @Override
  public void close() {}

  @Override
  public boolean hasNull() {
    return row.isNullAt(ordinal);
  }

  @Override
  public int numNulls() {
    return hasNull() ? 1 : 0;
  }

  @Override
  public boolean isNullAt(int at) {
    return row.isNullAt(ordinal);
  }

  @Override
  public boolean getBoolean(int at) {
    return row.getBoolean(ordinal);
  }

  @Override
  public byte getByte(int at) {
    return row.getByte(ordinal);
  }

  @Override
  public short getShort(int at) {
    return row.getShort(ordinal);
  }

  @Override
  public int getInt(int at) {
    return row.getInt(ordinal);
  }

  @Override
  public long getLong(int at) {
    return row.getLong(ordinal);
  }

  @Override
  public float getFloat(int at) {
    return row.getFloat(ordinal);
  }

  @Override
  public double getDouble(int at) {
    return row.getDouble(ordinal);
  }

  @Override
  public UTF8String getUTF8String(int at) {
    return row.getUTF8String(ordinal);
  }

  @Override
  public byte[] getBinary(int at) {
    return row.getBinary(ordinal);
  }

  @Override
  public Decimal getDecimal(int at, int precision, int scale) {
    return row.getDecimal(ordinal, precision, scale);
  }

  @Override
  public ColumnarArray getArray(int at) {
    throw new UnsupportedOperationException("contracts read no arrays");
  }

  @Override
  public ColumnarMap getMap(int at) {
    throw new UnsupportedOperationException("contracts read no maps");
  }

  @Override
  public ColumnVector getChild(int field) {
    throw new UnsupportedOperationException("contracts read no structs inside their row");
  }
}
