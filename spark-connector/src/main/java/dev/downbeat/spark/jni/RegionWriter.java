package dev.downbeat.spark.jni;

import dev.downbeat.spark.proto.contract.DataType;
import dev.downbeat.spark.proto.contract.Type;
import java.math.BigInteger;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Copies Spark's own vectors into one region of native memory, laid out as Arrow would, so that the native library takes it
 * over as it is.
 */
final class RegionWriter {
  /** Numbers that describe a column to the native library. */
  private static final int LAYOUT = 5;

  /** The layout of a column without nulls. */
  private static final long NO_NULLS = -1;

  /** A column, or a field of another, which is null where that is. */
  private record Source(ColumnVector vector, Source parent) {
    static Source of(ColumnarBatch batch, int[] path) {
      Source found = new Source(batch.column(path[0]), null);
      for (int step = 1; step < path.length; step++) {
        found = new Source(found.vector.getChild(path[step]), found);
      }
      return found;
    }

    boolean isNullAt(int row) {
      return vector.isNullAt(row) || (parent != null && parent.isNullAt(row));
    }

    boolean hasNull() {
      return vector.hasNull() || (parent != null && parent.hasNull());
    }
  }

  private RegionWriter() {}

  /** Columns of a batch, or their fields, as the columns of a native batch. */
  static NativeBatch copy(ColumnarBatch batch, int[][] paths) {
    Source[] sources = new Source[paths.length];
    for (int i = 0; i < paths.length; i++) {
      sources[i] = Source.of(batch, paths[i]);
    }
    int rows = batch.numRows();
    long[] layout = new long[LAYOUT * sources.length];
    long bytes = 0;
    for (int i = 0; i < sources.length; i++) {
      bytes = plan(sources[i], rows, layout, LAYOUT * i, bytes);
    }
    long[] region = new long[2];
    Native.openRegion(bytes, region);
    try {
      for (int i = 0; i < sources.length; i++) {
        write(sources[i], rows, layout, LAYOUT * i, region[1]);
      }
    } catch (RuntimeException | Error failed) {
      Native.closeRegion(region[0]);
      throw failed;
    }
    long[] numbers = new long[Native.BATCH_NUMBERS];
    Native.importRegion(region[0], rows, layout, numbers);
    return new NativeBatch(numbers);
  }

  /** Decides where a column's parts go, from {@code begin} on; returns where the next column begins. */
  private static long plan(Source source, int rows, long[] layout, int at, long begin) {
    DataType of = NativeCleanser.typeOf(source.vector.dataType());
    if (of == null) {
      throw new UnsupportedOperationException(
          "a native function does not read " + source.vector.dataType().catalogString());
    }
    Type type = of.getType();
    layout[at] = type.getNumber();
    layout[at + 1] = NO_NULLS;
    if (source.hasNull()) {
      layout[at + 1] = begin;
      begin += aligned((rows + 7) / 8);
    }
    layout[at + 2] = begin;
    switch (type) {
      case BOOLEAN -> begin += aligned((rows + 7) / 8);
      case INT, DATE -> begin += aligned(4L * rows);
      case DECIMAL -> {
        begin += 16L * rows;
        layout[at + 3] = of.getPrecision();
        layout[at + 4] = of.getScale();
      }
      case STRING, BINARY -> {
        begin += aligned(4L * (rows + 1));
        layout[at + 3] = begin;
        for (int row = 0; row < rows; row++) {
          if (!source.isNullAt(row)) {
            layout[at + 4] += type == Type.STRING
                ? source.vector.getUTF8String(row).numBytes()
                : source.vector.getBinary(row).length;
          }
        }
        // Offsets have 32 bits.
        begin += aligned(Math.toIntExact(layout[at + 4]));
      }
      default -> begin += aligned(8L * rows);
    }
    return begin;
  }

  private static void write(Source source, int rows, long[] layout, int at, long address) {
    long validity = layout[at + 1] == NO_NULLS ? 0 : address + layout[at + 1];
    long values = address + layout[at + 2];
    long data = address + layout[at + 3];
    ColumnVector vector = source.vector;
    Type type = Type.forNumber((int) layout[at]);
    int written = 0;
    for (int row = 0; row < rows; row++) {
      boolean present = validity == 0 || !source.isNullAt(row);
      if (present) {
        if (validity != 0) {
          setBit(validity, row);
        }
        switch (type) {
          case BOOLEAN -> {
            if (vector.getBoolean(row)) {
              setBit(values, row);
            }
          }
          case INT, DATE -> Platform.putInt(null, values + 4L * row, vector.getInt(row));
          case DOUBLE -> Platform.putDouble(null, values + 8L * row, vector.getDouble(row));
          case DECIMAL -> putDecimal(values + 16L * row, vector, row, (int) layout[at + 3], (int) layout[at + 4]);
          case STRING -> {
            UTF8String text = vector.getUTF8String(row);
            text.writeToMemory(null, data + written);
            written += text.numBytes();
          }
          case BINARY -> {
            byte[] bytes = vector.getBinary(row);
            Platform.copyMemory(bytes, Platform.BYTE_ARRAY_OFFSET, null, data + written, bytes.length);
            written += bytes.length;
          }
          default -> Platform.putLong(null, values + 8L * row, vector.getLong(row));
        }
      }
      if (type == Type.STRING || type == Type.BINARY) {
        Platform.putInt(null, values + 4L * (row + 1), written);
      }
    }
  }

  /** Writes a decimal's digits as a whole number of 128 bits. */
  private static void putDecimal(long address, ColumnVector vector, int row, int precision, int scale) {
    Decimal decimal = vector.getDecimal(row, precision, scale);
    if (precision <= Decimal.MAX_LONG_DIGITS()) {
      long unscaled = decimal.toUnscaledLong();
      Platform.putLong(null, address, unscaled);
      Platform.putLong(null, address + 8, unscaled >> 63);
    } else {
      BigInteger unscaled = decimal.toJavaBigDecimal().setScale(scale).unscaledValue();
      Platform.putLong(null, address, unscaled.longValue());
      Platform.putLong(null, address + 8, unscaled.shiftRight(64).longValue());
    }
  }

  private static void setBit(long bits, int row) {
    long at = bits + (row >> 3);
    Platform.putByte(null, at, (byte) (Platform.getByte(null, at) | 1 << (row & 7)));
  }

  /** Every part begins where any type may be read. */
  private static long aligned(long bytes) {
    return (bytes + 15) & ~15;
  }
}
