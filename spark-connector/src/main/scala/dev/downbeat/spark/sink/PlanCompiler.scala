package dev.downbeat.spark.sink

import scala.collection.mutable
import scala.jdk.CollectionConverters._

import org.apache.spark.sql.AnalysisException
import org.apache.spark.sql.catalyst.QueryPlanningTracker
import org.apache.spark.sql.catalyst.analysis.{MultiInstanceRelation, UnresolvedRelation}
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.catalyst.parser.ParseException
import org.apache.spark.sql.catalyst.planning.PhysicalAggregation
import org.apache.spark.sql.catalyst.plans.LeftOuter
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.trees.TreePattern
import org.apache.spark.sql.catalyst.types.DataTypeUtils
import org.apache.spark.sql.classic.SparkSession
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types.{LongType, StructType}

import dev.downbeat.spark.{DownbeatException, Errors, Sql, Words}
import dev.downbeat.spark.functions.ExpressionTranslator
import dev.downbeat.spark.jni.{NativeTable, NativeWriter}
import dev.downbeat.spark.plan.{InputPath, Inputs, NativeAggregates, NativeExpressions}
import dev.downbeat.spark.plan.NativeAggregates.Group
import dev.downbeat.spark.proto.aggregate.Kind
import dev.downbeat.spark.proto.contract.Expr
import dev.downbeat.spark.proto.lake.{Destination, Groups, Lookup, TaskPlan}
import dev.downbeat.spark.proto.query.{Output, Query, Read}

/** A table that queries join.
  *
  * @param key
  *   its column by which it is joined
  * @param version
  *   the one that is read
  */
private[sink] final case class LookupTable(
    name: String,
    key: String,
    uri: String,
    version: NativeTable.Version,
    schema: StructType
)

/** What becomes of a batch's rows, for tasks.
  *
  * @param inputs
  *   the columns of the batch that tasks read: for each its place, that of a field in it, and so on
  * @param destinations
  *   one for each query, in their order, with the columns of its result
  */
private[sink] final case class CompiledPlan(
    inputs: Seq[Seq[Int]],
    lookups: Seq[Lookup],
    destinations: Seq[(Destination, StructType)]
)

/** A leaf of queries that nobody looks behind: the optimizer knows its columns alone. */
private final case class Given(name: String, override val output: Seq[AttributeReference])
    extends LeafNode
    with MultiInstanceRelation {
  override def newInstance(): LogicalPlan = copy(output = output.map(_.newInstance()))
  override def computeStats(): Statistics = Statistics(sizeInBytes = conf.defaultSizeInBytes)
}

/** What a query does: groups, if it makes any, then conditions and columns.
  *
  * @param defined
  *   what its columns are, over those of the batch and of joined tables, or over those of groups
  */
private final case class Stages(
    groups: Option[Grouping],
    conditions: Seq[Expression],
    defined: AttributeMap[Expression]
) {
  def means(expression: Expression): Expression = NativeExpressions.substituted(expression, defined)
}

private final case class Grouping(below: Stages, keys: Seq[NamedExpression], parts: Seq[AggregateExpression]) {
  val columns: Seq[Attribute] = keys.map(_.toAttribute) ++ parts.map(_.resultAttribute)
}

/** Turns queries over a batch into what tasks run. Spark parses, analyses and optimizes them, so that they mean what
  * they mean anywhere; what comes of it, conditions, columns and groups, goes to the kernels. What they do not run is
  * refused.
  */
private[sink] final class PlanCompiler(session: SparkSession, schema: StructType, lookups: Seq[LookupTable])
    extends PredicateHelper {
  private val batch = Given(LakePlan.Batch, DataTypeUtils.toAttributes(schema))

  /** Columns of tables that are joined, and by which key of the batch. */
  private val joined = mutable.Map.empty[ExprId, (LookupTable, Expression)]

  def compile(queries: Seq[Sql]): CompiledPlan = {
    val staged = queries.map(query => (query, stages(query)))
    // What is read has its place only when all is known that is read.
    val reading = new Places
    staged.foreach { case (query, (stages, output)) => destination(query, stages, output)(reading.add) }
    val destinations = staged.map { case (query, (stages, output)) =>
      val found = destination(query, stages, output)(reading.apply)
      check(found, query)
      (found, DataTypeUtils.fromAttributes(output))
    }
    CompiledPlan(reading.inputs, reading.lookups, destinations)
  }

  private def stages(sql: Sql): (Stages, Seq[Attribute]) = {
    val parsed = PlanCompiler.parsed(session, sql, LakePlan.Batch +: lookups.map(_.name)) { name =>
      lookups.find(_.name.equalsIgnoreCase(name)) match {
        case None        => batch
        case Some(table) => Given(table.name, DataTypeUtils.toAttributes(table.schema))
      }
    }
    val analysed = PlanCompiler.analysed(session, sql, parsed)
    if (analysed.containsPattern(TreePattern.CURRENT_LIKE)) {
      val what = "it asks for the time, which tasks do not know; ask in the query of a table that has 'parts'"
      throw Errors.planInvalid(sql.where, what)
    }
    (whilePlanning(sql)(stages(optimized(analysed), sql)), analysed.output)
  }

  /** Without filters that Spark infers from others: they would stand where tasks have none. */
  private def optimized(plan: LogicalPlan): LogicalPlan = {
    val conf = session.sessionState.conf.clone()
    conf.setConf(SQLConf.CONSTRAINT_PROPAGATION_ENABLED, false)
    SQLConf.withExistingConf(conf)(session.sessionState.optimizer.execute(plan))
  }

  private def whilePlanning[T](sql: Sql)(plan: => T): T =
    try plan
    catch { case cause: NativeExpressions.Unplanned => throw Errors.planInvalid(sql.where, cause.reason) }

  private def stages(plan: LogicalPlan, sql: Sql): Stages = plan match {
    case Given(LakePlan.Batch, _) => Stages(None, Nil, AttributeMap.empty[Expression])
    case Project(list, child) =>
      val below = stages(child, sql)
      below.copy(defined = AttributeMap(list.map(column => column.toAttribute -> below.means(column))))
    case Filter(condition, child) =>
      val below = stages(child, sql)
      val means = below.means(condition)
      if (below.groups.exists(_.parts.exists(part => means.references.contains(part.resultAttribute)))) {
        val what = s"it asks for '${condition.sql}', of which each task knows a part; ask readers, who add them up"
        throw Errors.planInvalid(sql.where, what)
      }
      below.copy(conditions = below.conditions ++ splitConjunctivePredicates(means))
    case Join(left, right, LeftOuter, Some(condition), _) => join(stages(left, sql), right, condition, sql)
    case PhysicalAggregation(keys, parts, results, child) =>
      val below = stages(child, sql)
      if (below.groups.isDefined) throw Errors.planInvalid(sql.where, "it groups what is grouped already")
      if (keys.isEmpty) throw Errors.planInvalid(sql.where, "it groups by nothing; name what its parts are added up by")
      if (parts.isEmpty)
        throw Errors.planInvalid(sql.where, "it groups and adds nothing up, so a group would be there twice")
      val measured = parts.map {
        case part: AggregateExpression if !part.isDistinct => part
        case other => throw Errors.planInvalid(sql.where, s"parts of '${other.sql}' cannot be added up")
      }
      val columns =
        results.map(column => column.toAttribute -> NativeExpressions.substituted(column, AttributeMap.empty))
      Stages(Some(Grouping(below, keys, measured)), Nil, AttributeMap(columns))
    case other =>
      throw Errors.planInvalid(
        sql.where,
        s"tasks do not run ${other.nodeName}: they pick rows and columns, join tables by LEFT JOIN, and group"
      )
  }

  private def join(left: Stages, right: LogicalPlan, condition: Expression, sql: Sql): Stages = {
    def refuse(): Nothing = throw Errors.planInvalid(
      sql.where,
      s"tasks join a table of 'lookups' by LEFT JOIN … ON <a BIGINT of the batch> = <its key>, not ${condition.sql}"
    )
    // Its columns are picked: what is worked out of them would have a value where no row is found.
    def table(plan: LogicalPlan): (Given, AttributeMap[Expression]) = plan match {
      case leaf: Given => (leaf, AttributeMap.empty[Expression])
      case Project(list, child) =>
        val (leaf, defined) = table(child)
        val columns = list.map(column => column.toAttribute -> NativeExpressions.substituted(column, defined))
        if (!columns.forall(_._2.isInstanceOf[Attribute])) refuse()
        (leaf, AttributeMap(columns))
      case _ => refuse()
    }
    val (leaf, defined) = table(right)
    val found = lookups.find(_.name == leaf.name).getOrElse(refuse())
    if (left.groups.isDefined) throw Errors.planInvalid(sql.where, "tables are joined to rows, not to groups")
    val key = leaf.output.find(_.name == found.key).getOrElse(refuse())
    val other = NativeExpressions.substituted(condition, AttributeMap(left.defined.toSeq ++ defined.toSeq)) match {
      case EqualTo(one, other) if other.semanticEquals(key) => one
      case EqualTo(one, other) if one.semanticEquals(key)   => other
      case _                                                => refuse()
    }
    val by =
      new Inputs(left.defined, batch.outputSet.contains(_))
        .picked(other)
        .filter(_.dataType == LongType)
        .getOrElse(refuse())
    leaf.output.foreach(column => joined(column.exprId) = (found, by))
    left.copy(defined = AttributeMap(left.defined.toSeq ++ defined.toSeq))
  }

  private def destination(sql: Sql, stages: Stages, output: Seq[Attribute])(place: Expression => Int): Destination =
    whilePlanning(sql) {
      val built = Destination.newBuilder()
      stages.groups match {
        case None => built.setQuery(query(sql, stages, output, isRow)(place))
        case Some(grouping) =>
          val inputs = new Inputs(grouping.below.defined, isRow)
          val measures = grouping.parts.map { part =>
            NativeAggregates
              .measure(part)
              .filter(measured => !PlanCompiler.Mean.contains(measured.kind))
              .getOrElse(throw new NativeExpressions.Unplanned(s"parts of ${part.sql} cannot be added up"))
          }
          val aggregate =
            NativeAggregates.encoded(inputs, grouping.below.conditions, grouping.keys.map(Group(_)), measures) {
              translated(_, inputs, sql)
            }
          built.setGroups(
            Groups
              .newBuilder()
              .setAggregate(aggregate)
              .addAllReads(inputs.paths.map(path => Int.box(place(path))).asJava)
          )
          val columns = AttributeSet(grouping.columns)
          built.setQuery(query(sql, stages, output, columns.contains(_)) { column =>
            grouping.columns.indexWhere(_.semanticEquals(column))
          })
      }
      built.build()
    }

  /** The kernels have the last word, and have it here, not in every task. */
  private def check(destination: Destination, sql: Sql): Unit = {
    val alone = TaskPlan.newBuilder().addDestinations(destination).build()
    try new NativeWriter(alone.toByteArray).close()
    catch { case refused: DownbeatException => throw Errors.planInvalid(sql.where, refused.getMessage) }
  }

  private def isRow(column: Attribute): Boolean = batch.outputSet.contains(column) || joined.contains(column.exprId)

  private def query(sql: Sql, stages: Stages, output: Seq[Attribute], available: Attribute => Boolean)(
      place: Expression => Int
  ): Query = {
    val inputs = new Inputs(stages.defined, available)
    val conf = session.sessionState.conf
    val built = Query.newBuilder().setAnsi(conf.ansiEnabled).setTimeZone(conf.sessionLocalTimeZone)
    stages.conditions.foreach(condition => built.addConditions(translated(inputs.read(condition), inputs, sql)))
    output.foreach { column =>
      val made = Output.newBuilder().setName(column.name)
      inputs.picked(column) match {
        case Some(path) => made.setColumn(place(path))
        case None       => made.setExpression(translated(inputs.read(column), inputs, sql))
      }
      built.addOutputs(made)
    }
    inputs.columns.zip(inputs.paths).foreach { case (column, path) =>
      built.addReads(Read.newBuilder().setColumn(place(path)).setType(NativeExpressions.typeOf(column.dataType)))
    }
    built.build()
  }

  private def translated(expression: Expression, inputs: Inputs, sql: Sql): Expr =
    new ExpressionTranslator(inputs.columns).translate(expression, sql.where)

  /** Where tasks find what is read: first what comes from the batch, then the columns that lookups add. */
  private final class Places {
    private val paths = mutable.Buffer.empty[Expression]
    private val uses = mutable.Buffer.empty[(LookupTable, Expression, mutable.Buffer[String])]

    /** Notes that it is read. */
    def add(read: Expression): Int = {
      column(read) match {
        case Some((table, key, name)) =>
          add(key)
          val known = uses.find { case (other, by, _) => other == table && by.semanticEquals(key) }
          val (_, _, columns) = known.getOrElse {
            val added = (table, key, mutable.Buffer.empty[String])
            uses += added
            added
          }
          if (!columns.contains(name)) columns += name
        case None => if (!paths.exists(_.semanticEquals(read))) paths += read
      }
      0
    }

    def apply(read: Expression): Int = column(read) match {
      case None => paths.indexWhere(_.semanticEquals(read))
      case Some((table, key, name)) =>
        val at = uses.indexWhere { case (other, by, _) => other == table && by.semanticEquals(key) }
        paths.size + uses.take(at).map(_._3.size).sum + uses(at)._3.indexOf(name)
    }

    def inputs: Seq[Seq[Int]] = paths.toSeq.map(InputPath(_, batch.output).toSeq)

    def lookups: Seq[Lookup] = uses.toSeq.map { case (table, key, columns) =>
      Lookup
        .newBuilder()
        .setUri(table.uri)
        .setVersion(table.version.number)
        .setVersionTime(table.version.time)
        .setKey(table.key)
        .addAllColumns(columns.asJava)
        .setInput(apply(key))
        .build()
    }

    private def column(read: Expression): Option[(LookupTable, Expression, String)] = read match {
      case attribute: Attribute =>
        joined.get(attribute.exprId).map { case (table, key) => (table, key, attribute.name) }
      case _ => None
    }
  }
}

private[sink] object PlanCompiler {

  /** What has no parts that can be added up. */
  private val Mean = Set(Kind.AVERAGE, Kind.APPROX_COUNT_DISTINCT)

  /** A query, with what it names put in the place of the names.
    *
    * @param names
    *   those that it may name
    */
  def parsed(session: SparkSession, sql: Sql, names: Seq[String])(meant: String => LogicalPlan): LogicalPlan = {
    val plan =
      try session.sessionState.sqlParser.parsePlan(sql.text)
      catch { case cause: ParseException => throw Errors.planInvalid(sql.where, Errors.firstLine(cause)) }
    plan.transform { case relation: UnresolvedRelation =>
      val name = relation.multipartIdentifier.mkString(".")
      if (!names.exists(_.equalsIgnoreCase(name))) {
        throw Errors.planInvalid(sql.where, s"there is no '$name' here; ${Words.advice(name, names)}")
      }
      SubqueryAlias(name, meant(name))
    }
  }

  def analysed(session: SparkSession, sql: Sql, plan: LogicalPlan): LogicalPlan =
    try session.sessionState.analyzer.executeAndCheck(plan, new QueryPlanningTracker)
    catch { case cause: AnalysisException => throw Errors.planInvalid(sql.where, Errors.firstLine(cause)) }

}
