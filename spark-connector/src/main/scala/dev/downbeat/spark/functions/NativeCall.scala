package dev.downbeat.spark.functions

import java.lang.ref.Cleaner

import com.google.protobuf.ByteString
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.UnresolvedException
import org.apache.spark.sql.catalyst.expressions.{Expression, GenericInternalRow, Unevaluable}
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenFallback
import org.apache.spark.sql.types.{DataType, StructType}

import dev.downbeat.spark.jni.NativeCleanser

/** A call as it was written, until its contract has been read. */
private[spark] final case class UnresolvedCall(function: NativeFunction, arguments: Seq[Expression])
    extends Expression
    with Unevaluable {
  override lazy val resolved: Boolean = false
  override def children: Seq[Expression] = arguments
  override def dataType: DataType = throw new UnresolvedException("dataType")
  override def nullable: Boolean = throw new UnresolvedException("nullable")
  override def prettyName: String = function.name
  override protected def withNewChildrenInternal(children: IndexedSeq[Expression]): Expression =
    copy(arguments = children)
}

/** Runs a resolved contract over its input fields, `inputs`, in the contract's order.
  *
  * A null struct is a row whose every field is missing, so the result is never null. Nearly always the call is lifted
  * into a columnar operator; where it cannot be (in an aggregate, a join condition, a lambda) it runs the same kernels
  * on one row.
  */
private[spark] final case class NativeCall(
    function: NativeFunction.OfContract,
    contract: ByteString,
    override val dataType: StructType,
    inputs: Seq[Expression]
) extends Expression
    with CodegenFallback {
  @transient private lazy val cleanser = NativeCall.collected(open())
  @transient private lazy val types = inputs.map(_.dataType).toArray

  /** Compiles the contract. The caller closes it. */
  def open(): NativeCleanser = NativeCleanser.open(contract.toByteArray, function == NativeFunction.Check)

  override def children: Seq[Expression] = inputs
  override def nullable: Boolean = false
  override def prettyName: String = function.name

  override def eval(row: InternalRow): Any =
    cleanser.run(new GenericInternalRow(inputs.map(_.eval(row)).toArray[Any]), types, dataType)

  // The contract itself would fill the plan's page.
  override def toString: String = s"${function.name}(${inputs.mkString(", ")})"
  override def sql: String = s"${function.name}(${inputs.map(_.sql).mkString(", ")})"
  override protected def stringArgs: Iterator[Any] = Iterator(function.name, inputs)

  override protected def withNewChildrenInternal(children: IndexedSeq[Expression]): Expression = copy(inputs = children)
}

private object NativeCall {
  private val cleaner = Cleaner.create()

  /** An expression has no end of life of its own: what it holds is closed when the holder is garbage. */
  private def collected(cleanser: NativeCleanser): Collected = {
    val holder = new Collected(cleanser)
    cleaner.register(holder, () => cleanser.close())
    holder
  }

  private final class Collected(cleanser: NativeCleanser) {
    def run(row: InternalRow, types: Array[DataType], result: StructType): InternalRow =
      cleanser.run(row, types, result)
  }
}
