package dev.downbeat.spark.store

import java.io.ByteArrayOutputStream
import java.nio.file.FileAlreadyExistsException

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileSystem, Path}
import org.apache.spark.sql.execution.streaming.checkpointing.CheckpointFileManager.CancellableFSDataOutputStream
import org.apache.spark.sql.execution.streaming.checkpointing.FileContextBasedCheckpointFileManager

/** Keeps a stream's checkpoint, also in a store: `spark.sql.streaming.checkpointFileManagerClass`.
  *
  * Spark writes each of its files under another name and renames it. A store has no renaming: S3A copies and deletes,
  * in a dozen requests. But what is put there is there as a whole or not at all, so there each file is put as what it
  * is.
  */
final class StreamCheckpoints(path: Path, configuration: Configuration)
    extends FileContextBasedCheckpointFileManager(path, configuration) {

  override def createAtomic(file: Path, overwriteIfPossible: Boolean): CancellableFSDataOutputStream = {
    val files = file.getFileSystem(configuration)
    if (StreamCheckpoints.Stores(files.getScheme)) new WholeFile(files, file, overwriteIfPossible)
    else super.createAtomic(file, overwriteIfPossible)
  }
}

private object StreamCheckpoints {

  /** As their file systems call themselves. */
  val Stores: Set[String] = Set("s3a", "s3", "gs")
}

/** A file that is stored when it is closed, unless it was cancelled. Until then it is in memory, as its parts were
  * before.
  */
private final class WholeFile(files: FileSystem, path: Path, overwrite: Boolean, written: ByteArrayOutputStream)
    extends CancellableFSDataOutputStream(written) {

  def this(files: FileSystem, path: Path, overwrite: Boolean) = this(files, path, overwrite, new ByteArrayOutputStream)

  private var isOver = false

  override def close(): Unit = if (!isOver) {
    isOver = true
    if (overwrite) {
      val out = files.create(path, true)
      try out.write(written.toByteArray)
      finally out.close()
    } else
      try ConditionalPut.put(files, path, written.toByteArray)
      catch {
        // What Spark takes for another query at work on this checkpoint.
        case taken: FileAlreadyExistsException =>
          throw new org.apache.hadoop.fs.FileAlreadyExistsException(taken.getMessage).initCause(taken)
      }
  }

  override def cancel(): Unit = isOver = true
}
