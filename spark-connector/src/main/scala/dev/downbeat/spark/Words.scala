package dev.downbeat.spark

/** "Did you mean": the valid word nearest to one that is not. */
private[spark] object Words {

  /** A clause for an error's end: the nearest word if one is near, else all of them. */
  def advice(word: String, valid: Iterable[String]): String = {
    val nearest = valid.minByOption(distance(word, _)).filter(distance(word, _) <= math.max(2, word.length / 3))
    nearest.map(near => s"did you mean '$near'?").getOrElse(s"valid are: ${valid.mkString(", ")}")
  }

  /** How many characters must be put in, taken out or exchanged. */
  private def distance(from: String, to: String): Int = {
    val first = (0 to to.length).toVector
    val last = from.toLowerCase.foldLeft(first) { (row, letter) =>
      row.zip(row.tail).zip(to.toLowerCase).scanLeft(row.head + 1) { case (left, ((diagonal, above), other)) =>
        math.min(math.min(left, above) + 1, diagonal + (if (letter == other) 0 else 1))
      }
    }
    last.last
  }
}
