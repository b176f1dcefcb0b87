package dev.downbeat.spark.plan

import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.datasources.v2.{BatchScanExec, MicroBatchScanExec}

import dev.downbeat.spark.source.{FlightMicroBatchStream, FlightScan, QueryScan}

/** A plan whose batches are in native memory, so that native operators read them where they are. */
private[plan] object Native {
  def unapply(plan: SparkPlan): Option[SparkPlan] = plan match {
    case _: NativeProjectExec     => Some(plan)
    case select: SelectColsExec   => unapply(select.child).map(_ => plan)
    case scan: BatchScanExec      => Option.when(reads(scan))(plan)
    case scan: MicroBatchScanExec => Option.when(scan.stream.isInstanceOf[FlightMicroBatchStream])(plan)
    case _                        => None
  }

  private def reads(scan: BatchScanExec): Boolean =
    scan.scan.isInstanceOf[FlightScan] || scan.scan.isInstanceOf[QueryScan]
}
