package dev.downbeat.spark.functions

/** A SQL function that runs in native code. */
private[spark] sealed abstract class NativeFunction(val name: String, val usage: String) extends Serializable

private[spark] object NativeFunction {

  /** Runs a contract. */
  sealed abstract class OfContract(name: String, usage: String) extends NativeFunction(name, usage)

  case object Cleanse
      extends OfContract(
        "downbeat_cleanse",
        "_FUNC_(struct, contract) - Turns a raw row into a clean one: struct<valid, violations, repairs, row>. The contract is " +
          "a constant: the path of a YAML file, or its text."
      )

  case object Check
      extends OfContract(
        "downbeat_check",
        "_FUNC_(struct, contract) - Tests a clean row, whose fields are the contract's columns: struct<valid, violations>. " +
          "The contract is a constant: the path of a YAML file, or its text."
      )

  /** Runs one of the contracts' normalisers.
    *
    * @param word
    *   its name in contracts
    * @param arguments
    *   as they are called, after the text
    * @param makes
    *   what it returns where there is a value
    */
  final case class Normalise(word: String, arguments: Seq[String], makes: String)
      extends NativeFunction(
        s"downbeat_$word",
        s"_FUNC_(${("text" +: arguments).mkString(", ")}) - $makes; null where the text holds none, as in a contract's " +
          s"`normalise: $word`."
      )

  val all: Seq[NativeFunction] = Seq(
    Cleanse,
    Check,
    Normalise("uuid", Nil, "The 16 bytes of a UUID"),
    Normalise("timestamp", Seq("[formats]"), "The point in time that a text names"),
    Normalise("date", Nil, "The day that a text names"),
    Normalise("text", Seq("[max_length]"), "The text in Unicode NFC without what nobody sees"),
    Normalise("one_of", Seq("values"), "The one of some words that a text means"),
    Normalise("country", Nil, "The ISO 3166-1 alpha-2 code of a country"),
    Normalise("platform", Nil, "The kind of device that a client's own name for itself stands for"),
    Normalise("app_version", Nil, "A version as dotted numbers"),
    Normalise("uri_id", Seq("prefix"), "The number behind the prefix of a URI"),
    Normalise("integer", Nil, "A whole number"),
    Normalise("number", Nil, "A number with a fraction, as double"),
    Normalise("decimal", Seq("precision", "[scale]"), "A number with a fraction, as decimal, exactly"),
    Normalise("boolean", Nil, "A truth value"),
    Normalise("hex_id", Nil, "The number that 16 hexadecimal digits make")
  )
}
