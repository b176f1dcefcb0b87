package dev.downbeat.spark.plan

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.types.StructType

import dev.downbeat.spark.jni.NativeWriter
import dev.downbeat.spark.proto.lake.{Destination, TableWrite, TaskPlan, TaskWritten}

/** The few rows that the driver reads and writes itself. */
private[spark] object DriverRows {

  /** The rows of an Arrow stream. */
  def read(stream: Array[Byte]): Seq[InternalRow] = RowStreams.rows(stream).asScala.toSeq

  /** Writes a table's files. */
  def write(rows: Seq[InternalRow], schema: StructType, table: TableWrite): TaskWritten = {
    val plan = TaskPlan.newBuilder().addDestinations(Destination.newBuilder().setTable(table))
    val writer = new NativeWriter(plan.build().toByteArray)
    try {
      RowStreams.of(rows.iterator, schema).foreach(writer.write(_))
      TaskWritten.parseFrom(writer.finish())
    } finally writer.close()
  }
}
