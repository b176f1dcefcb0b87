package dev.downbeat.spark.sink

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Alias, Literal}
import org.apache.spark.sql.catalyst.plans.logical.{LocalRelation, LogicalPlan, Project}
import org.apache.spark.sql.catalyst.types.DataTypeUtils
import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.sql.types._

import dev.downbeat.spark.Sql

/** Which batch it is, and which rows of the log it holds: from inclusive, until exclusive, by partition; none if it is
  * of no log.
  */
private[spark] final case class BatchRange(sequence: Long, from: Map[Int, Long], until: Map[Int, Long])

/** A query over the parts that tasks have handed to the driver, each with the batch's number and range beside it. Spark
  * itself runs it, there.
  */
private[sink] final class LastQuery(session: SparkSession, sql: Sql, parts: StructType) {
  private val columns = DataTypeUtils.toAttributes(parts).map(_.withNullability(true))

  val schema: StructType = analysed(Nil, BatchRange(0, Map.empty, Map.empty)).schema

  def rows(parts: Seq[InternalRow], range: BatchRange): Seq[InternalRow] =
    session.sessionState.executePlan(analysed(parts, range)).executedPlan.executeCollect().toSeq

  private def analysed(parts: Seq[InternalRow], range: BatchRange): LogicalPlan = {
    val offsets = MapType(IntegerType, LongType)
    val constants = Seq(
      Alias(Literal(range.sequence), "sequence")(),
      Alias(Literal.create(range.from, offsets), "from_offsets")(),
      Alias(Literal.create(range.until, offsets), "until_offsets")()
    )
    val known = Project(columns ++ constants, LocalRelation(columns, parts))
    PlanCompiler.analysed(session, sql, PlanCompiler.parsed(session, sql, Seq(LakePlan.Parts))(_ => known))
  }
}
