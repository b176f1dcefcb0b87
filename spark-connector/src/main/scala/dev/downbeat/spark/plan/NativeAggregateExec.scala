package dev.downbeat.spark.plan

import com.google.protobuf.ByteString
import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeSet, Expression}
import org.apache.spark.sql.catalyst.plans.physical.{Partitioning, UnknownPartitioning}
import org.apache.spark.sql.catalyst.types.DataTypeUtils
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.ColumnarBatch

import dev.downbeat.spark.SparkErrors
import dev.downbeat.spark.jni.{NativeAggregator, NativeBatch}

/** The partial aggregate of each task over native columns, planned by [[AggregateNatively]].
  *
  * @param shown
  *   what it works out, for plans
  * @param inputs
  *   the columns that are read, or fields in them
  * @param aggregate
  *   an encoded `Aggregate` over these
  */
private[spark] final case class NativeAggregateExec(
    shown: Seq[String],
    inputs: Seq[Expression],
    aggregate: ByteString,
    grouped: Boolean,
    output: Seq[Attribute],
    child: SparkPlan
) extends UnaryExecNode {
  override def producedAttributes: AttributeSet = outputSet -- child.outputSet
  override def supportsColumnar: Boolean = true
  override def outputPartitioning: Partitioning = UnknownPartitioning(child.outputPartitioning.numPartitions)
  override def simpleString(maxFields: Int): String = shown.mkString(s"$nodeName [", ", ", "]")

  override lazy val metrics: Map[String, SQLMetric] = Map(
    "numOutputRows" -> SQLMetrics.createMetric(sparkContext, "number of output rows"),
    "nativeTime" -> SQLMetrics.createNanoTimingMetric(sparkContext, "time in native code"),
    "peakMemory" -> SQLMetrics.createSizeMetric(sparkContext, "peak memory"),
    "earlyFlushes" -> SQLMetrics.createMetric(sparkContext, "times groups were handed on early")
  )

  override protected def doExecute(): RDD[InternalRow] = throw new UnsupportedOperationException("it is columnar only")

  override protected def doExecuteColumnar(): RDD[ColumnarBatch] = {
    val paths = inputs.map(InputPath(_, child.output)).toArray
    val schema = DataTypeUtils.fromAttributes(output)
    val (rows, time) = (longMetric("numOutputRows"), longMetric("nativeTime"))
    val (peak, flushes) = (longMetric("peakMemory"), longMetric("earlyFlushes"))
    val (encoded, keyed) = (aggregate.toByteArray, grouped)
    child.executeColumnar().mapPartitions { batches =>
      new NativeGroups(encoded, paths, keyed, schema, batches, rows, time, peak, flushes)
    }
  }

  override protected def withNewChildInternal(child: SparkPlan): SparkPlan = copy(child = child)
}

/** One task's groups: a batch of all of them at the end, and before whenever they take too much memory. */
private final class NativeGroups(
    aggregate: Array[Byte],
    paths: Array[Array[Int]],
    grouped: Boolean,
    schema: StructType,
    batches: Iterator[ColumnarBatch],
    rows: SQLMetric,
    time: SQLMetric,
    peak: SQLMetric,
    flushes: SQLMetric
) extends Iterator[ColumnarBatch] {
  private val task = TaskContext.get()
  private val aggregator = NativeAggregator.open(aggregate)
  private val memory = new NativeMemory(task, NativeGroups.MostBytes)
  private var made: Option[NativeBatch] = None
  private var ended = false
  task.addTaskCompletionListener[Unit] { _ =>
    giveBack()
    aggregator.close()
  }

  private var upcoming: Option[ColumnarBatch] = None

  override def hasNext: Boolean = {
    if (upcoming.isEmpty) {
      // What was handed out before has been read: Spark's own readers write over it here.
      giveBack()
      if (!ended) upcoming = advance()
    }
    upcoming.isDefined
  }

  override def next(): ColumnarBatch = {
    if (!hasNext) throw new NoSuchElementException("all groups were taken")
    val batch = upcoming.get
    upcoming = None
    batch
  }

  private def advance(): Option[ColumnarBatch] = {
    var fits = true
    while (fits && batches.hasNext) {
      val batch = batches.next()
      val held = Timed(time)(SparkErrors.asSparks(() => aggregator.add(batch, paths)))
      // Without keys there is one group, which cannot become less.
      fits = memory.hold(held) || !grouped
    }
    ended = fits
    if (!fits) flushes += 1
    peak.set(math.max(peak.value, memory.peak()))
    val groups = Timed(time)(aggregator.drain())
    made = Some(groups)
    rows += groups.rows
    // A task whose rows were all taken by a flush has nothing left.
    Option.when(groups.rows > 0)(groups.columns(schema))
  }

  private def giveBack(): Unit = {
    made.foreach(_.close())
    made = None
    memory.release()
  }
}

private object NativeGroups {

  /** More groups than fit the caches are no faster than merging twice, and one batch has all that are handed on. */
  private val MostBytes = 64L << 20
}
