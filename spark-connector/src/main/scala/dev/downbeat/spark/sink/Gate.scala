package dev.downbeat.spark.sink

/** Where streams of this sink wait before a batch while it is shut, so that they can be stopped with nothing at work.
  */
object Gate {
  private var isShut = false
  private var waiting = 0

  /** Shuts it; whether a stream waits at it. */
  def shut(): Boolean = synchronized {
    isShut = true
    waiting > 0
  }

  def open(): Unit = synchronized {
    isShut = false
    notifyAll()
  }

  private[sink] def pass(): Unit = synchronized {
    while (isShut) {
      waiting += 1
      try wait()
      finally waiting -= 1
    }
  }
}
