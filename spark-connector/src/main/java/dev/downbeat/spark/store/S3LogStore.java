package dev.downbeat.spark.store;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options.CreateFileOptionKeys;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.s3a.Listing;
import org.apache.hadoop.fs.s3a.S3AFileStatus;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.fs.s3a.S3ListRequest;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.exception.SdkServiceException;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Request;

/**
 * Lets any number of Spark drivers, and any other writer that puts only what is absent, commit to one Delta table in an S3 store. Delta's own
 * store for S3 allows one driver only: commits of others are lost without an error.
 *
 * <p>A commit is one PUT with {@code If-None-Match: *}. It is asked of S3A as an option that must be honoured, so that a file system which
 * cannot do it refuses, and nothing ever falls back to looking first and writing then.
 *
 * <p>A PUT that failed may have been stored, and only its answer lost; the client's own retry is then refused. So after every failure the
 * object is read back: equal bytes are this commit, which bears a random transaction id and random names of files; other bytes are
 * somebody else's; none mean that nothing was written.
 */
public final class S3LogStore extends HadoopFileSystemLogStore {
  private static final Logger LOG = LoggerFactory.getLogger(S3LogStore.class);
  private static final int ATTEMPTS = 8;
  private static final int CONFLICT = 409;

  public S3LogStore(Configuration configuration) {
    super(configuration);
  }

  /**
   * Writes a file of the log, whole.
   *
   * @throws FileAlreadyExistsException if another writer has taken the name, and {@code overwrite} is not asked for
   */
  @Override
  public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration configuration) throws IOException {
    FileSystem files = path.getFileSystem(configuration);
    // Before anything is opened: an iterator that fails must leave nothing.
    byte[] body = encode(actions);
    if (overwrite) {
      try (FSDataOutputStream out = files.create(path, true)) {
        out.write(body);
      }
      return;
    }
    for (int attempt = 1; ; attempt++) {
      try {
        putIfAbsent(files, path, body);
        return;
      } catch (IOException failure) {
        byte[] stored = readBack(files, path, body.length, failure);
        if (stored == null) {
          if (attempt == ATTEMPTS || !isConflict(failure)) {
            throw failure;
          }
          pause(attempt);
        } else if (Arrays.equals(stored, body)) {
          LOG.warn("{} was stored though the request for it failed: it is this commit", path, failure);
          return;
        } else {
          FileAlreadyExistsException taken = new FileAlreadyExistsException(path.toString());
          taken.initCause(failure);
          throw taken;
        }
      }
    }
  }

  /**
   * The files from {@code path} on, in the order of their names.
   *
   * <p>Asks the store for these alone: a log has a file for each of its commits of the last month. Delta's setting {@code
   * delta.enableFastS3AListFrom} would do so too, but is linked against an S3A older than Hadoop 3.5's, and fails.
   *
   * @throws FileNotFoundException if there is no log
   */
  @Override
  public Iterator<FileStatus> listFrom(Path path, Configuration configuration) throws IOException {
    if (!(path.getFileSystem(configuration) instanceof S3AFileSystem files)) {
      return super.listFrom(path, configuration);
    }
    Path from = files.makeQualified(path);
    Path log = from.getParent();
    String key = files.pathToKey(from);
    ListObjectsV2Request request =
        ListObjectsV2Request.builder()
            .bucket(files.getBucket())
            .prefix(files.pathToKey(log) + "/")
            .delimiter("/")
            // What follows it: so from before the name itself, and without those that are smaller still.
            .startAfter(key.substring(0, key.length() - 1))
            .build();
    RemoteIterator<S3AFileStatus> found =
        files
            .getListing()
            .createFileStatusListingIterator(
                from,
                S3ListRequest.v2(request),
                every -> true,
                new Listing.AcceptAllButSelfAndS3nDirs(log),
                files.getActiveAuditSpan());
    List<FileStatus> tail = new ArrayList<>();
    while (found.hasNext()) {
      FileStatus file = found.next();
      if (file.getPath().getName().compareTo(from.getName()) >= 0) {
        tail.add(file);
      }
    }
    if (tail.isEmpty() && !files.exists(log)) {
      throw new FileNotFoundException("there is no log at " + log);
    }
    tail.sort(Comparator.comparing(file -> file.getPath().getName()));
    return tail.iterator();
  }

  /** Never: an object of a store is there as a whole or not at all. */
  @Override
  public Boolean isPartialWriteVisible(Path path, Configuration configuration) {
    return false;
  }

  private static void putIfAbsent(FileSystem files, Path path, byte[] body) throws IOException {
    FSDataOutputStreamBuilder<?, ?> create = files.createFile(path).recursive().overwrite(false);
    create.must(CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE, true);
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
      throw new InterruptedIOException("interrupted between two attempts to commit");
    }
  }

  private static byte[] encode(Iterator<String> actions) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    while (actions.hasNext()) {
      out.writeBytes(actions.next().getBytes(StandardCharsets.UTF_8));
      out.write('\n');
    }
    return out.toByteArray();
  }
}
