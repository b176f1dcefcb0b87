package dev.downbeat.spark.jni;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.downbeat.spark.proto.lake.Append;
import dev.downbeat.spark.proto.lake.Commit;
import dev.downbeat.spark.proto.lake.WritePlan;
import java.lang.ref.Cleaner;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/**
 * A Delta table, whether it is there already or not, of which the newest version read is kept. It is given back when it is
 * garbage, for those who hold one have no end of life that they are told of.
 */
public final class NativeTable {
  private static final Cleaner CLEANER = Cleaner.create();

  private final long handle;

  /** The table in a folder, or under an address that the native library knows. Nothing is read yet. */
  public NativeTable(String uri) {
    long opened = Native.openTable(uri);
    handle = opened;
    CLEANER.register(this, () -> Native.closeTable(opened));
  }

  /** Columns as a table has them, where any may be null: Spark's JSON. */
  public static String json(StructType columns) {
    return columns.asNullable().json();
  }

  /** Its columns, or null if it is not there. */
  public StructType columns() {
    String columns = Native.tableColumns(handle);
    return columns == null ? null : (StructType) DataType.fromJson(columns);
  }

  /**
   * A version of a table.
   *
   * @param time when it was committed, in milliseconds since 1970: another table in its place has another
   */
  public record Version(long number, long time) {}

  /** Its newest version; the table must be there. */
  public Version version() {
    long[] version = new long[2];
    Native.tableVersion(handle, version);
    return new Version(version[0], version[1]);
  }

  /** How rows are to be written; makes the table if it is not there. */
  public WritePlan plan(Append append) {
    try {
      return WritePlan.parseFrom(Native.planAppend(handle, append.toByteArray()));
    } catch (InvalidProtocolBufferException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** Makes files part of the table: its new version, or -1 if there are none or it has this commit already. */
  public long commit(Commit commit) {
    return Native.commitAppend(handle, commit.toByteArray());
  }
}
