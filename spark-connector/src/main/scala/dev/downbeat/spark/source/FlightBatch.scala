package dev.downbeat.spark.source

import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.connector.read.{Batch, InputPartition, PartitionReaderFactory}
import org.apache.spark.sql.types.StructType

/** A bounded reading: the rows that are there when it is planned, or those the options name. */
private[source] final class FlightBatch(
    server: FlightServer,
    schema: StructType,
    partitions: Seq[Expression],
    filter: Option[NativeContract]
) extends Batch {
  override lazy val planInputPartitions: Array[InputPartition] = {
    val held = server.held()
    val slices = server.slices(server.start(Position.Earliest, held), server.end(held))
    slices.filter(slice => PartitionFilter.wants(partitions, slice.partition)).toArray
  }

  override def createReaderFactory(): PartitionReaderFactory = new FlightReaderFactory(ReadPlan(server, schema, filter))
}
