package dev.downbeat.spark.functions

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, DataInputStream, DataOutputStream}

import scala.collection.mutable

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.TypeCheckResult
import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.catalyst.expressions.aggregate.{ImperativeAggregate, TypedImperativeAggregate}
import org.apache.spark.sql.catalyst.trees.UnaryLike
import org.apache.spark.sql.catalyst.util.{ArrayBasedMapData, ArrayData}
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String

import dev.downbeat.spark.Errors

/** `downbeat_tally(texts)`: how often each text is among those of all lists, in the order of the texts. Nulls are
  * passed over. In the plan of a lake tasks work it out natively.
  */
private[spark] final case class Tally(
    child: Expression,
    override val mutableAggBufferOffset: Int = 0,
    override val inputAggBufferOffset: Int = 0
) extends TypedImperativeAggregate[mutable.Map[UTF8String, Long]]
    with UnaryLike[Expression] {
  override def checkInputDataTypes(): TypeCheckResult = child.dataType match {
    case ArrayType(_: StringType, _) => TypeCheckResult.TypeCheckSuccess
    case other => TypeCheckResult.TypeCheckFailure(s"$prettyName counts lists of strings, not ${other.catalogString}")
  }
  override def dataType: DataType = MapType(StringType, LongType, valueContainsNull = false)
  override def nullable: Boolean = false
  override def prettyName: String = Tally.name

  override def createAggregationBuffer(): mutable.Map[UTF8String, Long] = mutable.HashMap.empty[UTF8String, Long]

  override def update(counts: mutable.Map[UTF8String, Long], row: InternalRow): mutable.Map[UTF8String, Long] = {
    child.eval(row) match {
      case texts: ArrayData =>
        texts.foreach(
          StringType,
          {
            case (_, text: UTF8String) => add(counts, text.copy(), 1)
            case _                     => ()
          }
        )
      case _ => ()
    }
    counts
  }

  override def merge(
      counts: mutable.Map[UTF8String, Long],
      others: mutable.Map[UTF8String, Long]
  ): mutable.Map[UTF8String, Long] = {
    others.foreach { case (text, count) => add(counts, text, count) }
    counts
  }

  override def eval(counts: mutable.Map[UTF8String, Long]): Any = {
    val sorted = counts.toArray.sortWith((one, other) => one._1.binaryCompare(other._1) < 0)
    ArrayBasedMapData(sorted.map(_._1: Any), sorted.map(_._2: Any))
  }

  override def serialize(counts: mutable.Map[UTF8String, Long]): Array[Byte] = {
    val bytes = new ByteArrayOutputStream
    val out = new DataOutputStream(bytes)
    counts.foreach { case (text, count) =>
      out.writeInt(text.numBytes)
      out.write(text.getBytes)
      out.writeLong(count)
    }
    bytes.toByteArray
  }

  override def deserialize(bytes: Array[Byte]): mutable.Map[UTF8String, Long] = {
    val counts = createAggregationBuffer()
    val in = new DataInputStream(new ByteArrayInputStream(bytes))
    while (in.available > 0) {
      val text = UTF8String.fromBytes(in.readNBytes(in.readInt()))
      counts(text) = in.readLong()
    }
    counts
  }

  private def add(counts: mutable.Map[UTF8String, Long], text: UTF8String, count: Long): Unit =
    counts(text) = counts.getOrElse(text, 0L) + count

  override def withNewMutableAggBufferOffset(offset: Int): ImperativeAggregate = copy(mutableAggBufferOffset = offset)
  override def withNewInputAggBufferOffset(offset: Int): ImperativeAggregate = copy(inputAggBufferOffset = offset)
  override protected def withNewChildInternal(child: Expression): Tally = copy(child = child)
}

private[spark] object Tally {
  val name = "downbeat_tally"

  val usage: String =
    "_FUNC_(texts) - How often each text is among those of all lists, as a map in the order of the texts."

  def apply(arguments: Seq[Expression]): Expression = arguments match {
    case Seq(texts) => Tally(texts)
    case _          => throw Errors.functionArguments(name, s"write $name(texts)")
  }
}
