package dev.downbeat.spark.functions

import java.io.IOException
import java.nio.charset.StandardCharsets.UTF_8

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.Path

import dev.downbeat.spark.Errors

/** Where a contract's text comes from. */
private[functions] object ContractText {

  /** The contract's name for errors, and its text. What begins with a brace or has several lines is the text itself. */
  def read(argument: String, conf: Configuration): (String, String) =
    if (argument.trim.startsWith("{") || argument.contains('\n')) ("the contract", argument)
    else {
      try {
        val path = new Path(argument)
        val in = path.getFileSystem(conf).open(path)
        try (argument, new String(in.readAllBytes(), UTF_8))
        finally in.close()
      } catch {
        case cause @ (_: IOException | _: IllegalArgumentException) =>
          throw Errors.contractUnreadable(argument, String.valueOf(cause.getMessage))
      }
    }
}
