import io.delta.storage.LogStore;
import java.io.FileNotFoundException;
import java.nio.file.FileAlreadyExistsException;
import java.util.Iterator;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/**
 * Commits to a Delta log as fast as it can: after each line on standard input, so many times, and says of each what it is told has become
 * of it.
 *
 * <p>{@code java LogRace.java CLASS-OF-LOG-STORE LOG NAME COMMITS [SETTING=VALUE…]}
 */
class LogRace {
  public static void main(String[] arguments) throws Exception {
    Configuration configuration = new Configuration();
    for (String setting : List.of(arguments).subList(4, arguments.length)) {
      String[] pair = setting.split("=", 2);
      configuration.set(pair[0], pair[1]);
    }
    LogStore store =
        (LogStore) Class.forName(arguments[0]).getConstructor(Configuration.class).newInstance(configuration);
    Path log = new Path(arguments[1]);
    // Connected, compiled, and all at once.
    newest(store, log, configuration);
    System.out.println("ready");
    System.in.read();
    long version = -1;
    for (int commit = 0; commit < Integer.parseInt(arguments[3]); commit++) {
      String action = arguments[2] + "-" + commit;
      version = Math.max(version, newest(store, log, configuration));
      while (true) {
        version++;
        try {
          store.write(new Path(log, "%020d.json".formatted(version)), List.of(action).iterator(), false, configuration);
          System.out.println(action);
          break;
        } catch (FileAlreadyExistsException taken) {
          // The next one, then.
        }
      }
    }
  }

  private static long newest(LogStore store, Path log, Configuration configuration) throws Exception {
    long newest = -1;
    try {
      Iterator<FileStatus> files = store.listFrom(new Path(log, "%020d.json".formatted(0)), configuration);
      while (files.hasNext()) {
        newest = Math.max(newest, Long.parseLong(files.next().getPath().getName().substring(0, 20)));
      }
    } catch (FileNotFoundException none) {
      // Nobody has committed yet.
    }
    return newest;
  }
}
