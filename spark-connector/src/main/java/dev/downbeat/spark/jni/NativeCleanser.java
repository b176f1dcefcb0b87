package dev.downbeat.spark.jni;

import dev.downbeat.spark.proto.contract.Type;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.DecimalType;
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
  public static dev.downbeat.spark.proto.contract.DataType typeOf(DataType type) {
    Type kind = kindOf(type);
    if (kind == null) return null;
    var built = dev.downbeat.spark.proto.contract.DataType.newBuilder().setType(kind);
    if (type instanceof DecimalType decimal) {
      built.setPrecision(decimal.precision()).setScale(decimal.scale());
    }
    return built.build();
  }

  private static Type kindOf(DataType type) {
    if (type instanceof BooleanType) return Type.BOOLEAN;
    if (type instanceof IntegerType) return Type.INT;
    if (type instanceof LongType) return Type.BIGINT;
    if (type instanceof DoubleType) return Type.DOUBLE;
    if (type instanceof DecimalType) return Type.DECIMAL;
    // Other collations compare texts otherwise.
    if (type instanceof StringType text && text.supportsBinaryEquality()) return Type.STRING;
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
   * The verdict on each row, as a batch that the caller closes. The contract's input field {@code i} is found by {@code
   * paths[i]}: a column of the batch, a field of that, and so on. Native columns are handed on as they are; Spark's own are
   * copied into native memory.
   */
  public NativeBatch run(ColumnarBatch batch, int[][] paths) {
    long[] result = new long[Native.BATCH_NUMBERS];
    try (NativeInput input = NativeInput.of(batch, paths)) {
      Native.cleanse(handle, checkOnly, input.batches, input.paths, batch.numRows(), result);
    }
    return new NativeBatch(result);
  }

  /** The verdict, of type {@code result}, on one row that holds the contract's input, of the given types. */
  public InternalRow run(InternalRow row, DataType[] types, StructType result) {
    ColumnVector[] vectors = new ColumnVector[types.length];
    int[][] paths = new int[types.length][];
    for (int i = 0; i < types.length; i++) {
      vectors[i] = new RowVector(types[i], row, i);
      paths[i] = new int[] {i};
    }
    try (NativeBatch batch = run(new ColumnarBatch(vectors, 1), paths)) {
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
}
