package dev.downbeat.spark.sink

import java.util.concurrent.{Callable, ExecutionException, Executors}

import scala.jdk.CollectionConverters._

/** Does the same with each of a few, all at once: what stores are asked is mostly waited for. */
private[sink] object SideBySide {

  /** Ends when all have ended; fails as the first in the order of `items` has failed. */
  def apply[A, B](items: Seq[A])(work: A => B): Seq[B] =
    if (items.sizeIs <= 1) items.map(work)
    else {
      val pool = Executors.newFixedThreadPool(items.size)
      try {
        val tasks = items.map(item => (() => work(item)): Callable[B])
        pool.invokeAll(tasks.asJava).asScala.toSeq.map(_.get)
      } catch { case failed: ExecutionException => throw failed.getCause }
      finally pool.shutdown()
    }
}
