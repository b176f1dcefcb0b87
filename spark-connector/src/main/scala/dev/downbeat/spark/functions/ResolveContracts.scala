package dev.downbeat.spark.functions

import com.google.protobuf.ByteString
import scala.jdk.CollectionConverters._

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions.{CreateNamedStruct, Expression, GetStructField}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.classic
import org.apache.spark.sql.types.{StringType, StructType}

import dev.downbeat.spark.{Errors, TextOrFile}
import dev.downbeat.spark.jni.NativeCleanser

/** A contract, resolved for a struct.
  *
  * @param contract
  *   encoded, as the kernels run it
  * @param result
  *   what they make of a row
  * @param fields
  *   the fields of the struct that they read, in the contract's order
  */
private[spark] final case class ResolvedContract(contract: ByteString, result: StructType, fields: Seq[String])

private[spark] object ResolvedContract {

  /** @param text
    *   the contract itself, or its path
    */
  def apply(
      session: SparkSession,
      function: NativeFunction.OfContract,
      text: String,
      struct: StructType
  ): ResolvedContract = {
    val (name, yaml) =
      TextOrFile.read(text, "the contract", session.sessionState.newHadoopConf())(Errors.contractUnreadable)
    apply(session, function, ContractYaml.parse(name, yaml), struct)
  }

  def apply(
      session: SparkSession,
      function: NativeFunction.OfContract,
      spec: ContractSpec,
      struct: StructType
  ): ResolvedContract = {
    val compiled = new ContractCompiler(session.asInstanceOf[classic.SparkSession], function, struct).compile(spec)
    val contract = compiled.toByteString
    // Whatever the kernels cannot run is refused here, and not by the first task.
    val native = NativeCleanser.open(contract.toByteArray, function == NativeFunction.Check)
    try ResolvedContract(contract, native.resultType, compiled.getInputList.asScala.map(_.getName).toSeq)
    finally native.close()
  }
}

/** Reads the contract of each call whose arguments are resolved, on the driver, once. */
private[spark] final class ResolveContracts(session: SparkSession) extends Rule[LogicalPlan] {
  override def apply(plan: LogicalPlan): LogicalPlan = plan.resolveExpressions {
    case call: UnresolvedCall if call.childrenResolved =>
      Errors.whilePlanning(call.function match {
        case function: NativeFunction.OfContract => resolve(function, call.arguments)
        case function: NativeFunction.Normalise  => NormaliserCall(session, function, call.arguments)
      })
  }

  private def resolve(function: NativeFunction.OfContract, arguments: Seq[Expression]): NativeCall = {
    val (row, contract) = arguments match {
      case Seq(row, contract) => (row, contract)
      case other =>
        throw Errors.functionArguments(function.name, s"it takes a struct and a contract, not ${other.size} arguments")
    }
    val struct = row.dataType match {
      case struct: StructType => struct
      case other =>
        val what =
          s"its first argument is ${other.catalogString}, not a struct; write struct(*) or name a struct column"
        throw Errors.functionArguments(function.name, what)
    }
    val source = (contract.foldable, contract.dataType) match {
      case (true, _: StringType) => Option(contract.eval()).map(_.toString)
      case _                     => None
    }
    val text = source.getOrElse(
      throw Errors.functionArguments(function.name, "its second argument is not a constant text")
    )
    val resolved = ResolvedContract(session, function, text, struct)
    NativeCall(
      function,
      resolved.contract,
      resolved.result,
      resolved.fields.map(name => field(row, struct.fieldIndex(name)))
    )
  }

  /** A field of the struct; `struct(*)` is not built for it. */
  private def field(row: Expression, ordinal: Int): Expression = row match {
    case struct: CreateNamedStruct => struct.valExprs(ordinal)
    case other                     => GetStructField(other, ordinal)
  }
}
