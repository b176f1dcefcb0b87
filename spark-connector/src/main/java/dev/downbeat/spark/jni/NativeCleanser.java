package dev.downbeat.spark.jni;

import dev.downbeat.spark.proto.contract.Type;
import java.util.Arrays;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimestampType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;

/** A contract, compiled once and run over many batches; by one thread at a time. */
public final class NativeCleanser implements AutoCloseable {
  /** Stands in {@code fields} for "the column itself". */
  public static final int NO_FIELD = -1;

  private final long handle;
  private final boolean checkOnly;
  private boolean closed;

  private NativeCleanser(long handle, boolean checkOnly) {
    this.handle = handle;
    this.checkOnly = checkOnly;
  }

  /**
   * Compiles an encoded {@code Contract}.
   *
   * @param checkOnly whether to give verdicts alone, without the clean row
   */
  public static NativeCleanser open(byte[] contract, boolean checkOnly) {
    return new NativeCleanser(Native.openCleanser(contract), checkOnly);
  }

  /** The type of a contract's input that holds this Spark type, or null if there is none. */
  public static Type typeOf(DataType type) {
    if (type instanceof BooleanType) return Type.BOOLEAN;
    if (type instanceof IntegerType) return Type.INT;
    if (type instanceof LongType) return Type.BIGINT;
    if (type instanceof DoubleType) return Type.DOUBLE;
    if (type instanceof StringType) return Type.STRING;
    if (type instanceof BinaryType) return Type.BINARY;
    if (type instanceof DateType) return Type.DATE;
    if (type instanceof TimestampType) return Type.TIMESTAMP;
    return null;
  }

  /** The type of a result. */
  public StructType resultType() {
    return (StructType) DataType.fromJson(Native.resultSchema(handle, checkOnly));
  }

  /**
   * The verdict on each row, as a batch that the caller closes. The contract's input field {@code i} is {@code columns[i]} of
   * the batch, or that column's field {@code fields[i]}. Native columns are handed on as they are; Spark's own are copied into
   * native memory.
   */
  public NativeBatch run(ColumnarBatch batch, int[] columns, int[] fields) {
    long[] handles = new long[columns.length];
    int[] numbers = new int[columns.length];
    for (int i = 0; i < columns.length; i++) {
      if (!(batch.column(columns[i]) instanceof NativeVector vector) || vector.column() == NativeVector.NESTED) {
        return runCopied(batch, columns, fields);
      }
      handles[i] = vector.batch().handle();
      numbers[i] = vector.column();
    }
    return run(handles, numbers, fields, batch.numRows());
  }

  /** The verdict, of type {@code result}, on one row that holds the contract's input, of the given types. */
  public InternalRow run(InternalRow row, DataType[] types, StructType result) {
    ColumnVector[] vectors = new ColumnVector[types.length];
    int[] columns = new int[types.length];
    int[] fields = new int[types.length];
    Arrays.fill(fields, NO_FIELD);
    for (int i = 0; i < types.length; i++) {
      vectors[i] = new RowVector(types[i], row, i);
      columns[i] = i;
    }
    try (NativeBatch batch = run(new ColumnarBatch(vectors, 1), columns, fields)) {
      return batch.vector(result).getStruct(0).copy();
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Native.closeCleanser(handle);
    }
  }

  private NativeBatch runCopied(ColumnarBatch batch, int[] columns, int[] fields) {
    try (NativeBatch copy = RegionWriter.copy(batch, columns, fields)) {
      long[] handles = new long[columns.length];
      int[] numbers = new int[columns.length];
      int[] none = new int[columns.length];
      Arrays.fill(handles, copy.handle());
      Arrays.setAll(numbers, i -> i);
      Arrays.fill(none, NO_FIELD);
      return run(handles, numbers, none, batch.numRows());
    }
  }

  private NativeBatch run(long[] handles, int[] columns, int[] fields, int rows) {
    long[] result = new long[Native.BATCH_NUMBERS];
    Native.cleanse(handle, checkOnly, handles, columns, fields, rows, result);
    return new NativeBatch(result);
  }
}
