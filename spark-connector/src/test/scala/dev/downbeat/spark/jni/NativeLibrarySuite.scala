package dev.downbeat.spark.jni

import java.nio.file.{Files, Path}

import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._

import dev.downbeat.spark.DownbeatException

class NativeLibrarySuite extends AnyFunSuite {
  private val all = NativeLibrary.PLATFORMS.asScala.toSet

  private def refusal(platform: String, inJar: String => Boolean): String =
    intercept[DownbeatException](NativeLibrary.resource(platform, resource => inJar(resource))).getMessage

  test("a platform without a library gets one sentence that says which have one") {
    assert(
      refusal("macos-aarch64", _.contains("/linux-")) ===
        "[DOWNBEAT_NATIVE_PLATFORM] This jar has native libraries for linux-x86_64 and linux-aarch64, not for " +
        "macos-aarch64; build one for it, and name its file by the system property downbeat.native.path. SQLSTATE: 0A000"
    )
    val one = refusal("linux-aarch64", _.contains("/linux-x86_64/"))
    assert(one.contains("has native libraries for linux-x86_64, not for linux-aarch64;"))
    assert(refusal("linux-x86_64", _ => false).contains("has native libraries for no platform, not for linux-x86_64;"))
  }

  test("the platforms that are named are those whose library is really there") {
    val folder = Path.of(getClass.getResource("/dev/downbeat/native").toURI)
    val there = Files.list(folder).iterator.asScala.map(_.getFileName.toString).toSeq
    for (platform <- there) {
      val resource = NativeLibrary.resource(platform, NativeLibrary.isInJar(_))
      assert(resource === s"/dev/downbeat/native/$platform/libdownbeat_jni.so")
    }
    val named = refusal("windows-x86_64", NativeLibrary.isInJar(_))
    assert(all.filter(named.contains(_)) === there.toSet)
  }

  test("the release packs every platform that is known, and no other") {
    val archs = "(?m)^RELEASE_ARCHS := (.*)$".r.findFirstMatchIn(Files.readString(Path.of("../Makefile"))).get.group(1)
    assert(archs.split(' ').map("linux-" + _).toSet === all)
  }

  test("platforms are named alike whatever the JVM calls them") {
    assert(NativeLibrary.platform("Linux", "amd64") === "linux-x86_64")
    assert(NativeLibrary.platform("Linux", "aarch64") === "linux-aarch64")
    assert(NativeLibrary.platform("Mac OS X", "aarch64") === "macos-aarch64")
    assert(NativeLibrary.platform("Windows Server 2022", "amd64") === "windows-x86_64")
  }
}
