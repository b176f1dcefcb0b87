package dev.downbeat.spark.jni;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;

import dev.downbeat.spark.DownbeatException;

/**
 * Finds the native library and loads it, once a process.
 *
 * <p>It is taken from the file that the system property {@value #PATH_PROPERTY} names, or else from the jar: copied to a
 * folder of the user's own, under a name with the hash of its content, so that versions live side by side, a copy is used
 * again, and nobody ever sees half of one.
 */
public final class NativeLibrary {
  /** Names a library file to use instead of the jar's. */
  public static final String PATH_PROPERTY = "downbeat.native.path";

  /** What jars may have a library for; {@code make release} makes one with all of them. */
  static final List<String> PLATFORMS = List.of("linux-x86_64", "linux-aarch64");

  private static boolean loaded;

  private NativeLibrary() {}

  /** Batches that the JVM holds in native memory now. Zero once no query runs. */
  public static long liveBatches() {
    return Native.liveBatches();
  }

  /** Readers that the JVM holds open now. Zero once no query runs. */
  public static long liveReaders() {
    return Native.liveReaders();
  }

  static synchronized void load() {
    if (loaded) {
      return;
    }
    String override = System.getProperty(PATH_PROPERTY);
    String source = override == null ? resource(platform(), NativeLibrary::isInJar) : override;
    try {
      System.load((override == null ? extract(source) : Path.of(override).toAbsolutePath()).toString());
    } catch (IOException | LinkageError cause) {
      throw failure(source, cause.getMessage(), cause);
    }
    int version = Native.abiVersion();
    if (version != Native.ABI_VERSION) {
      throw failure(
          source, "it has version " + version + " of the interface, this jar needs " + Native.ABI_VERSION, null);
    }
    loaded = true;
  }

  /** The library for a platform, or an exception that says for which platforms there is one. */
  static String resource(String platform, Predicate<String> isInJar) {
    String resource = path(platform);
    if (!isInJar.test(resource)) {
      List<String> present = PLATFORMS.stream().filter(each -> isInJar.test(path(each))).toList();
      throw new DownbeatException(
          "DOWNBEAT_NATIVE_PLATFORM",
          Map.of(
              "platforms", present.isEmpty() ? "no platform" : String.join(" and ", present),
              "platform", platform,
              "property", PATH_PROPERTY),
          null);
    }
    return resource;
  }

  static boolean isInJar(String resource) {
    return NativeLibrary.class.getResource(resource) != null;
  }

  private static String path(String platform) {
    return "/dev/downbeat/native/" + platform + "/libdownbeat_jni.so";
  }

  private static String platform() {
    return platform(System.getProperty("os.name"), System.getProperty("os.arch"));
  }

  static String platform(String os, String arch) {
    String system = os.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9].*", "");
    return (system.equals("mac") ? "macos" : system) + "-" + (arch.equals("amd64") ? "x86_64" : arch);
  }

  private static Path extract(String resource) throws IOException {
    byte[] content;
    try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
      content = in.readAllBytes();
    }
    Path folder = folder();
    Path target = folder.resolve("libdownbeat_jni-" + hash(content) + ".so");
    if (Files.exists(target) && Arrays.equals(Files.readAllBytes(target), content)) {
      return target;
    }
    Path part = Files.createTempFile(folder, "libdownbeat_jni", ".part");
    try {
      Files.write(part, content);
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
    return target;
  }

  /** A folder that only this user can write to: what lies in it will be run. */
  private static Path folder() throws IOException {
    String user = System.getProperty("user.name").replaceAll("[^A-Za-z0-9._-]", "_");
    Path folder = Path.of(System.getProperty("java.io.tmpdir"), "downbeat-" + user);
    var onlyOwner = PosixFilePermissions.fromString("rwx------");
    try {
      return Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(onlyOwner));
    } catch (java.nio.file.FileAlreadyExistsException there) {
      boolean ours = Files.isDirectory(folder, java.nio.file.LinkOption.NOFOLLOW_LINKS)
          && Files.getOwner(folder).getName().equals(System.getProperty("user.name"))
          && Files.getPosixFilePermissions(folder).equals(onlyOwner);
      return ours ? folder : Files.createTempDirectory("downbeat-", PosixFilePermissions.asFileAttribute(onlyOwner));
    }
  }

  private static String hash(byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content), 0, 16);
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JVM has SHA-256", impossible);
    }
  }

  private static DownbeatException failure(String source, String reason, Throwable cause) {
    return new DownbeatException(
        "DOWNBEAT_NATIVE_LIBRARY",
        Map.of(
            "source", source,
            "os", System.getProperty("os.name"),
            "arch", System.getProperty("os.arch"),
            "reason", String.valueOf(reason),
            "property", PATH_PROPERTY),
        cause);
  }
}
