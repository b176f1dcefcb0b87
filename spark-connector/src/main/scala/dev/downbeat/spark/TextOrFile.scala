package dev.downbeat.spark

import java.io.IOException
import java.nio.charset.StandardCharsets.UTF_8

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.Path

/** A text that is given itself, or as the path of a file that holds it. */
private[spark] object TextOrFile {

  /** A name for errors (`what` unless it is a file), and the text. What begins with a brace or has several lines is the
    * text itself.
    *
    * @param unreadable
    *   the error of a path that cannot be read, and why
    */
  def read(argument: String, what: String, conf: Configuration)(
      unreadable: (String, String) => Throwable
  ): (String, String) =
    if (argument.trim.startsWith("{") || argument.contains('\n')) (what, argument)
    else {
      try {
        val path = new Path(argument)
        val in = path.getFileSystem(conf).open(path)
        try (argument, new String(in.readAllBytes(), UTF_8))
        finally in.close()
      } catch {
        case cause @ (_: IOException | _: IllegalArgumentException) =>
          throw unreadable(argument, String.valueOf(cause.getMessage))
      }
    }
}
