package dev.downbeat.spark.functions

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions.{CreateNamedStruct, Expression, GetStructField}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.classic
import org.apache.spark.sql.types.{StringType, StructType}

import dev.downbeat.spark.Errors
import dev.downbeat.spark.jni.NativeCleanser

/** Reads the contract of each call whose arguments are resolved, on the driver, once. */
private[spark] final class ResolveContracts(session: SparkSession) extends Rule[LogicalPlan] {
  override def apply(plan: LogicalPlan): LogicalPlan = plan.resolveExpressions {
    case call: UnresolvedCall if call.childrenResolved => Errors.whilePlanning(resolve(call))
  }

  private def resolve(call: UnresolvedCall): NativeCall = {
    val (row, contract) = call.arguments match {
      case Seq(row, contract) => (row, contract)
      case other =>
        throw Errors.functionArguments(
          call.function.name,
          s"it takes a struct and a contract, not ${other.size} arguments"
        )
    }
    val struct = row.dataType match {
      case struct: StructType => struct
      case other =>
        val what =
          s"its first argument is ${other.catalogString}, not a struct; write struct(*) or name a struct column"
        throw Errors.functionArguments(call.function.name, what)
    }
    val source = (contract.foldable, contract.dataType) match {
      case (true, _: StringType) => Option(contract.eval()).map(_.toString)
      case _                     => None
    }
    val (name, text) = ContractText.read(
      source.getOrElse(
        throw Errors.functionArguments(call.function.name, "its second argument is not a constant text")
      ),
      session.sessionState.newHadoopConf()
    )
    val compiled = new ContractCompiler(session.asInstanceOf[classic.SparkSession], call.function, struct)
      .compile(ContractYaml.parse(name, text))
    val bytes = compiled.toByteString
    // Whatever the kernels cannot run is refused here, and not by the first task.
    val native = NativeCleanser.open(bytes.toByteArray, call.function == NativeFunction.Check)
    val result =
      try native.resultType
      finally native.close()
    val inputs = (0 until compiled.getInputCount).map(i => field(row, struct.fieldIndex(compiled.getInput(i).getName)))
    NativeCall(call.function, bytes, result, inputs)
  }

  /** A field of the struct; `struct(*)` is not built for it. */
  private def field(row: Expression, ordinal: Int): Expression = row match {
    case struct: CreateNamedStruct => struct.valExprs(ordinal)
    case other                     => GetStructField(other, ordinal)
  }
}
