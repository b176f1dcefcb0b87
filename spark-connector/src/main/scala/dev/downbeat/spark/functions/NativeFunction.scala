package dev.downbeat.spark.functions

/** A SQL function that runs a contract in native code. */
private[spark] sealed abstract class NativeFunction(val name: String, val usage: String) extends Serializable

private[spark] object NativeFunction {
  case object Cleanse
      extends NativeFunction(
        "downbeat_cleanse",
        "_FUNC_(struct, contract) - Turns a raw row into a clean one: struct<valid, violations, repairs, row>. The contract is " +
          "a constant: the path of a YAML file, or its text."
      )

  case object Check
      extends NativeFunction(
        "downbeat_check",
        "_FUNC_(struct, contract) - Tests a clean row, whose fields are the contract's columns: struct<valid, violations>. " +
          "The contract is a constant: the path of a YAML file, or its text."
      )

  val all: Seq[NativeFunction] = Seq(Cleanse, Check)
}
