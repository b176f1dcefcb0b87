package dev.downbeat.spark.store;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.util.Arrays;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options.CreateFileOptionKeys;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.exception.SdkServiceException;

/**
 * Stores an object where none is, whole or not at all, by one request that the store itself refuses otherwise ({@code If-None-Match: *} in
 * S3, {@code ifGenerationMatch=0} in Google's store).
 *
 * <p>It is asked of S3A as an option that must be honoured, so that a file system which cannot do it refuses, and nothing ever falls back to
 * looking first and writing then.
 *
 * <p>A request that failed may have been done, and only its answer lost; the client's own retry is then refused. So after every failure the
 * object is read back: equal bytes are these; other bytes are somebody else's; none mean that nothing was written.
 */
final class ConditionalPut {
  private static final Logger LOG = LoggerFactory.getLogger(ConditionalPut.class);
  private static final int ATTEMPTS = 8;
  private static final int CONFLICT = 409;

  private ConditionalPut() {}

  /**
   * Stores {@code body} at {@code path}.
   *
   * @throws FileAlreadyExistsException if something else is there
   */
  static void put(FileSystem files, Path path, byte[] body) throws IOException {
    for (int attempt = 1; ; attempt++) {
      try {
        request(files, path, body);
        return;
      } catch (IOException failure) {
        byte[] stored = readBack(files, path, body.length, failure);
        if (stored == null) {
          if (attempt == ATTEMPTS || !isConflict(failure)) {
            throw failure;
          }
          pause(attempt);
        } else if (Arrays.equals(stored, body)) {
          LOG.warn("{} was stored though the request for it failed: it has these bytes", path, failure);
          return;
        } else {
          FileAlreadyExistsException taken = new FileAlreadyExistsException(path.toString());
          taken.initCause(failure);
          throw taken;
        }
      }
    }
  }

  private static void request(FileSystem files, Path path, byte[] body) throws IOException {
    FSDataOutputStreamBuilder<?, ?> create = files.createFile(path).recursive().overwrite(false);
    // Google's does so wherever nothing may be overwritten, and does not know the option.
    if (!"gs".equals(files.getScheme())) {
      create.must(CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE, true);
    }
    // The request is made when the stream is closed.
    try (FSDataOutputStream out = create.build()) {
      out.write(body);
    }
  }

  /** What is stored, up to a byte more than {@code length}; null if nothing is. */
  private static byte[] readBack(FileSystem files, Path path, int length, IOException failure) throws IOException {
    try (var in = files.open(path)) {
      return in.readNBytes(length + 1);
    } catch (FileNotFoundException absent) {
      return null;
    } catch (IOException unknown) {
      failure.addSuppressed(unknown);
      throw failure;
    }
  }

  /** Whether the store was at work on another conditional write of the same name, and stored neither yet. */
  private static boolean isConflict(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SdkServiceException answer && answer.statusCode() == CONFLICT) {
        return true;
      }
    }
    return false;
  }

  private static void pause(int attempt) throws IOException {
    try {
      Thread.sleep(10L << attempt);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted between two attempts to store an object");
    }
  }
}
