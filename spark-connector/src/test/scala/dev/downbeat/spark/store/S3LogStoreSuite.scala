package dev.downbeat.spark.store

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs._
import org.apache.hadoop.fs.Options.CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE
import org.apache.hadoop.fs.permission.FsPermission
import org.apache.hadoop.util.Progressable
import org.scalatest.funsuite.AnyFunSuite
import software.amazon.awssdk.services.s3.model.S3Exception
import java.io.{ByteArrayOutputStream, FileNotFoundException, FilterOutputStream, IOException}
import java.net.URI
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.FileAlreadyExistsException
import scala.collection.mutable
import scala.jdk.CollectionConverters._

/** A store that puts only what is absent, and whose answers can be lost or refused. The file system of `scripted://`.
  */
object ScriptedStore {
  val objects: mutable.Map[String, String] = mutable.Map.empty

  /** What happens to the next requests to put; those beyond them succeed. */
  val script: mutable.Queue[String => Unit] = mutable.Queue.empty

  def reset(): Unit = {
    objects.clear()
    script.clear()
  }
}

final class ScriptedStore extends FileSystem {
  import ScriptedStore._

  override def getUri: URI = URI.create("scripted://bucket")

  override def getScheme: String = "scripted"

  override def createFile(path: Path): ScriptedPut = new ScriptedPut(this, path)

  override def open(path: Path, bufferSize: Int): FSDataInputStream = {
    val body = objects.getOrElse(name(path), throw new FileNotFoundException(path.toString)).getBytes(UTF_8)
    new FSDataInputStream(new FSInputStream {
      private var position = 0
      override def seek(to: Long): Unit = position = to.toInt
      override def getPos: Long = position
      override def seekToNewSource(target: Long): Boolean = false
      override def read(): Int = if (position == body.length) -1 else { position += 1; body(position - 1) & 0xff }
    })
  }

  override def create(
      path: Path,
      permission: FsPermission,
      overwrite: Boolean,
      bufferSize: Int,
      replication: Short,
      blockSize: Long,
      progress: Progressable
  ): FSDataOutputStream = whenClosed(objects(name(path)) = _)

  /** A stream whose bytes go to `store` when it is closed, as they do to a store. */
  def whenClosed(store: String => Unit): FSDataOutputStream = {
    val held = new ByteArrayOutputStream
    new FSDataOutputStream(
      new FilterOutputStream(held) { override def close(): Unit = store(held.toString(UTF_8)) },
      null
    )
  }

  def name(path: Path): String = path.toUri.getPath

  override def append(path: Path, bufferSize: Int, progress: Progressable): FSDataOutputStream = unexpected()
  override def rename(from: Path, to: Path): Boolean = unexpected()
  override def delete(path: Path, recursive: Boolean): Boolean = unexpected()
  override def listStatus(path: Path): Array[FileStatus] = unexpected()
  override def setWorkingDirectory(folder: Path): Unit = unexpected()
  override def getWorkingDirectory: Path = new Path("scripted://bucket/")
  override def mkdirs(path: Path, permission: FsPermission): Boolean = unexpected()
  override def getFileStatus(path: Path): FileStatus = unexpected()

  private def unexpected(): Nothing = throw new UnsupportedOperationException
}

final class ScriptedPut(store: ScriptedStore, path: Path)
    extends FSDataOutputStreamBuilder[FSDataOutputStream, ScriptedPut](store, path) {
  override def getThisBuilder: ScriptedPut = this

  override def build(): FSDataOutputStream = {
    rejectUnknownMandatoryKeys(Set(FS_OPTION_CREATE_CONDITIONAL_OVERWRITE).asJava, "")
    assert(getMandatoryKeys.contains(FS_OPTION_CREATE_CONDITIONAL_OVERWRITE))
    store.whenClosed { body =>
      if (ScriptedStore.script.nonEmpty) ScriptedStore.script.dequeue()(body)
      else if (ScriptedStore.objects.contains(store.name(path))) throw new IOException("412")
      else ScriptedStore.objects(store.name(path)) = body
    }
  }
}

class S3LogStoreSuite extends AnyFunSuite {
  private val configuration = new Configuration(false)
  configuration.setClass("fs.scripted.impl", classOf[ScriptedStore], classOf[FileSystem])
  private val commit = new Path("scripted://bucket/table/_delta_log/00000000000000000007.json")
  private val key = commit.toUri.getPath

  private def write(path: Path = commit, actions: Iterator[String] = Iterator("a", "b"), overwrite: Boolean = false) =
    new S3LogStore(configuration).write(path, actions.asJava, overwrite, configuration)

  private def scripted(what: (String => Unit)*)(body: => Unit): Unit = {
    ScriptedStore.reset()
    ScriptedStore.script ++= what
    body
  }

  private def refused(status: Int): Throwable =
    new IOException("refused", S3Exception.builder.statusCode(status).message("told by the store").build)

  test("a commit is its actions, a line each") {
    scripted() {
      write()
      assert(ScriptedStore.objects === Map(key -> "a\nb\n"))
    }
  }

  test("a name that another has taken stays the other's") {
    scripted() {
      ScriptedStore.objects(key) = "another's\n"
      assert(intercept[FileAlreadyExistsException](write()).getCause.getMessage === "412")
      assert(ScriptedStore.objects(key) === "another's\n")
    }
  }

  test("a longer file that begins alike is another's") {
    scripted() {
      ScriptedStore.objects(key) = "a\nb\nc\n"
      intercept[FileAlreadyExistsException](write())
    }
  }

  test("a commit whose answer was lost is found to be this one") {
    scripted { body =>
      ScriptedStore.objects(key) = body
      throw new IOException("connection reset")
    } {
      write()
      assert(ScriptedStore.objects(key) === "a\nb\n")
    }
  }

  test("a commit that was not stored fails with the store's error, and is not tried again") {
    scripted(_ => throw refused(503)) {
      assert(intercept[IOException](write()).getCause.getMessage.contains("told by the store"))
      assert(ScriptedStore.objects.isEmpty)
    }
  }

  test("while another conditional write of the name is under way it is tried again, for a while") {
    scripted(Seq.fill(7)((_: String) => throw refused(409)): _*) {
      write()
      assert(ScriptedStore.objects(key) === "a\nb\n")
    }
    scripted(Seq.fill(8)((_: String) => throw refused(409)): _*) {
      intercept[IOException](write())
    }
  }

  test("actions that fail half-way leave nothing") {
    scripted() {
      intercept[IllegalStateException](write(actions = Iterator("a", "b").map {
        case "b"    => throw new IllegalStateException
        case action => action
      }))
      assert(ScriptedStore.objects.isEmpty)
    }
  }

  test("what may be overwritten is") {
    scripted() {
      ScriptedStore.objects(key) = "old\n"
      write(overwrite = true)
      assert(ScriptedStore.objects(key) === "a\nb\n")
    }
  }

  test("a file system that cannot put only what is absent refuses") {
    val folder = java.nio.file.Files.createTempDirectory("downbeat")
    val file = new Path(folder.toUri.toString, "0.json")
    intercept[IllegalArgumentException](write(path = file))
    assert(!new java.io.File(file.toUri).exists)
  }
}
