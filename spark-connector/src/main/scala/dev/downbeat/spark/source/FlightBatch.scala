package dev.downbeat.spark.source

import org.apache.spark.sql.connector.read.{Batch, InputPartition, PartitionReaderFactory}
import org.apache.spark.sql.types.StructType

/** A bounded reading: the rows that are there when it is planned, or those the options name. */
private[source] final class FlightBatch(server: FlightServer, schema: StructType) extends Batch {
  override lazy val planInputPartitions: Array[InputPartition] = {
    val held = server.held()
    server.slices(server.start(Position.Earliest, held), server.end(held)).toArray
  }

  override def createReaderFactory(): PartitionReaderFactory = new FlightReaderFactory(server.options, schema)
}
