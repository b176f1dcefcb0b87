package dev.downbeat.spark.sink

import java.util.concurrent.{Callable, ExecutionException, Executors, TimeUnit}

/** Does the same with each of a few, all at once: what stores are asked is mostly waited for. */
private[sink] object SideBySide {

  /** Ends when all have ended, though it be interrupted; fails as the first in the order of `items` has failed. */
  def apply[A, B](items: Seq[A])(work: A => B): Seq[B] =
    if (items.sizeIs <= 1) items.map(work)
    else {
      val pool = Executors.newFixedThreadPool(items.size)
      val begun = items.map(item => pool.submit((() => work(item)): Callable[B]))
      pool.shutdown()
      var interrupted = false
      while (!pool.isTerminated) {
        try pool.awaitTermination(Long.MaxValue, TimeUnit.NANOSECONDS)
        catch { case _: InterruptedException => interrupted = true }
      }
      if (interrupted) throw new InterruptedException
      try begun.map(_.get)
      catch { case failed: ExecutionException => throw failed.getCause }
    }
}
