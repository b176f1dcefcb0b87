package dev.downbeat.spark.store;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.s3a.Listing;
import org.apache.hadoop.fs.s3a.S3AFileStatus;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.fs.s3a.S3ListRequest;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Request;

/**
 * Lets any number of Spark drivers, and any other writer that puts only what is absent, commit to one Delta table in an S3 store. Delta's own
 * store for S3 allows one driver only: commits of others are lost without an error.
 *
 * <p>A commit is one {@link ConditionalPut}; it bears a random transaction id and random names of files, so equal bytes are the same commit.
 */
public final class S3LogStore extends HadoopFileSystemLogStore {
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
    ConditionalPut.put(files, path, body);
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

  private static byte[] encode(Iterator<String> actions) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    while (actions.hasNext()) {
      out.writeBytes(actions.next().getBytes(StandardCharsets.UTF_8));
      out.write('\n');
    }
    return out.toByteArray();
  }
}
