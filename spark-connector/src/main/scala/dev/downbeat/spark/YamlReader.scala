package dev.downbeat.spark

import java.io.StringReader

import scala.collection.immutable.ListMap
import scala.jdk.CollectionConverters._

import org.yaml.snakeyaml.{LoaderOptions, Yaml}
import org.yaml.snakeyaml.error.{MarkedYAMLException, YAMLException}
import org.yaml.snakeyaml.nodes.{MappingNode, Node, ScalarNode, SequenceNode, Tag}

/** A piece of Spark SQL, and where it stands. */
private[spark] final case class Sql(text: String, where: String)

/** Reads YAML (JSON is YAML too) and refuses what has no place in it: each error says where, in which field, and which
  * word was probably meant.
  *
  * @param refusal
  *   the error of a place and what is wrong there
  */
private[spark] abstract class YamlReader(file: String, refusal: (String, String) => Throwable) {

  /** @param begin
    *   what to write into an empty one
    */
  protected def document(text: String, begin: String): Node = {
    val root =
      try new Yaml(new LoaderOptions()).compose(new StringReader(text))
      catch {
        case cause: MarkedYAMLException =>
          throw refusal(s"$file line ${cause.getProblemMark.getLine + 1}", cause.getProblem)
        case cause: YAMLException => throw refusal(file, cause.getMessage)
      }
    if (root == null) throw refusal(file, s"it is empty; $begin")
    root
  }

  protected def checkVersion(root: Node, what: String, top: ListMap[String, Node]): Unit = {
    val version = scalar(top.getOrElse("version", throw missing(root, what, "version: 1")), "version")
    if (version != "1") throw invalid(top("version"), "version", s"this release reads version 1, not $version")
  }

  protected def mapping(node: Node, field: String, valid: Option[Seq[String]]): ListMap[String, Node] = node match {
    case map: MappingNode =>
      map.getValue.asScala.foldLeft(ListMap.empty[String, Node]) { (keys, entry) =>
        val key = scalar(entry.getKeyNode, field)
        if (keys.contains(key)) throw invalid(entry.getKeyNode, field, s"'$key' is there twice")
        valid.filterNot(_.contains(key)).foreach { words =>
          throw invalid(entry.getKeyNode, field, s"there is no key '$key'; ${Words.advice(key, words)}")
        }
        keys.updated(key, entry.getValueNode)
      }
    case other => throw invalid(other, field, "write keys and values")
  }

  protected def sequence(node: Node, field: String): Seq[Node] = node match {
    case list: SequenceNode => list.getValue.asScala.toSeq
    case other              => throw invalid(other, field, "write a list")
  }

  protected def integer(node: Node, field: String, among: Range, otherwise: String): Int =
    scalar(node, field).toIntOption.filter(among.contains(_)).getOrElse(throw invalid(node, field, otherwise))

  protected def scalar(node: Node, field: String): String = node match {
    case scalar: ScalarNode if scalar.getTag != Tag.NULL => scalar.getValue
    case other                                           => throw invalid(other, field, "write a single value")
  }

  protected def missing(node: Node, field: String, what: String): Throwable = invalid(node, field, s"it lacks $what")

  protected def invalid(node: Node, field: String, what: String): Throwable =
    refusal(at(node, field), what)

  protected def at(node: Node, field: String): String = s"$file line ${node.getStartMark.getLine + 1}, $field"
}
