package dev.downbeat.spark.jni

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.execution.vectorized.{
  ConstantColumnVector,
  OffHeapColumnVector,
  OnHeapColumnVector,
  WritableColumnVector
}
import org.apache.spark.sql.types._
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}
import org.apache.spark.unsafe.types.UTF8String
import org.scalatest.BeforeAndAfterEach
import org.scalatest.funsuite.AnyFunSuite

import dev.downbeat.spark.DownbeatException
import dev.downbeat.spark.proto.aggregate.{Aggregate, Key, Kind, Measure}
import dev.downbeat.spark.proto.contract.{Column, Contract, Expr, Field, Type}

class NativeBoundarySuite extends AnyFunSuite with BeforeAndAfterEach {
  override def afterEach(): Unit = {
    assert(NativeLibrary.liveBatches() === 0)
    assert(NativeLibrary.liveReaders() === 0)
  }

  private def condition(call: => Any): String = intercept[DownbeatException](call).getCondition

  private def region(bytes: Long): Long = {
    val numbers = new Array[Long](2)
    Native.openRegion(bytes, numbers)
    numbers(0)
  }

  test("a panic becomes an exception with its message and place, and the process goes on") {
    val outside = Array(Type.BIGINT.getNumber.toLong, -1L, 0L, 0L, 0L)
    val failure = intercept[DownbeatException](Native.importRegion(region(8), 1000, outside, new Array[Long](5)))
    assert(failure.getCondition === "DOWNBEAT_NATIVE_PANIC")
    assert(failure.getMessage.contains(".rs:"), failure.getMessage)
    assert(Native.abiVersion() === Native.ABI_VERSION)
  }

  test("a handle that was given back, or never was one, is an error and no crash") {
    val handle = region(64)
    Native.closeRegion(handle)
    assert(condition(Native.closeRegion(handle)) === "DOWNBEAT_HANDLE_CLOSED")
    assert(region(64) !== handle, "its place has a new tenant")
    for (number <- Seq(0L, 1L, -1L, Long.MaxValue)) {
      assert(condition(Native.closeBatch(number)) === "DOWNBEAT_HANDLE_CLOSED")
      assert(condition(Native.nextBatch(number, 0, new Array[Long](5))) === "DOWNBEAT_HANDLE_CLOSED")
      assert(condition(Native.cancelReader(number)) === "DOWNBEAT_HANDLE_CLOSED")
      assert(condition(Native.resultSchema(number, true)) === "DOWNBEAT_HANDLE_CLOSED")
    }
    Native.closeRegion(handle + (1L << 32))
  }

  test("bytes that are no contract are refused") {
    assert(condition(NativeCleanser.open(Array[Byte](1, 2, 3), false)) === "DOWNBEAT_NATIVE_ERROR")
  }

  /** A contract that passes its one column through. */
  private def passing(of: DataType): NativeCleanser = {
    val kind = NativeCleanser.typeOf(of)
    val contract = Contract
      .newBuilder()
      .addInput(Field.newBuilder().setName("x").setType(kind))
      .addColumns(Column.newBuilder().setName("x").setInput(0).setType(kind))
      .setTimeZone("UTC")
      .build()
    NativeCleanser.open(contract.toByteArray, false)
  }

  private val rows = 70
  private def isNull(row: Int): Boolean = row % 3 == 1

  private val values: Seq[(DataType, Int => Any, (WritableColumnVector, Int, Any) => Unit)] = Seq(
    (BooleanType, row => row % 2 == 0, (v, row, x) => v.putBoolean(row, x.asInstanceOf[Boolean])),
    (IntegerType, row => row - 35, (v, row, x) => v.putInt(row, x.asInstanceOf[Int])),
    (DateType, row => row - 35, (v, row, x) => v.putInt(row, x.asInstanceOf[Int])),
    (LongType, row => Long.MinValue + row, (v, row, x) => v.putLong(row, x.asInstanceOf[Long])),
    (TimestampType, row => row * 1000000L, (v, row, x) => v.putLong(row, x.asInstanceOf[Long])),
    (DoubleType, row => row / 8.0, (v, row, x) => v.putDouble(row, x.asInstanceOf[Double])),
    (
      StringType,
      row => UTF8String.fromString("ü" * (row % 5)),
      (v, row, x) => v.putByteArray(row, x.asInstanceOf[UTF8String].getBytes)
    ),
    (
      BinaryType,
      row => Array.fill(row % 4)(row.toByte),
      (v, row, x) => v.putByteArray(row, x.asInstanceOf[Array[Byte]])
    )
  )

  private def check(result: NativeBatch, of: DataType, cleanser: NativeCleanser, expected: Int => Option[Any]): Unit =
    try {
      assert(result.rows === rows)
      val clean = result.vector(cleanser.resultType).getChild(3).getChild(0)
      for (row <- 0 until rows) expected(row) match {
        case None                     => assert(clean.isNullAt(row), s"$of row $row")
        case Some(bytes: Array[Byte]) => assert(clean.getBinary(row) === bytes)
        case Some(value) => assert(InternalRow.getAccessor(of)(oneRow(clean, row), 0) === value, s"$of row $row")
      }
    } finally result.close()

  private def oneRow(vector: ColumnVector, row: Int): InternalRow = new ColumnarBatch(Array(vector), rows).getRow(row)

  for {
    (name, allocate) <- Seq[(String, (Int, DataType) => WritableColumnVector)](
      "on-heap" -> (new OnHeapColumnVector(_, _)),
      "off-heap" -> (new OffHeapColumnVector(_, _))
    )
    (of, value, put) <- values
  } test(s"an $name vector of ${of.sql} arrives as it is") {
    val vector = allocate(rows, of)
    for (row <- 0 until rows) if (isNull(row)) vector.putNull(row) else put(vector, row, value(row))
    val cleanser = passing(of)
    try {
      val batch = new ColumnarBatch(Array[ColumnVector](vector), rows)
      val expected = (row: Int) => Option.when(!isNull(row))(value(row))
      check(cleanser.run(batch, Array(Array(0))), of, cleanser, expected)
    } finally {
      cleanser.close()
      vector.close()
    }
  }

  test("a field is null where its struct is") {
    val structs = new OnHeapColumnVector(rows, new StructType().add("a", StringType).add("x", LongType))
    for (row <- 0 until rows) {
      if (isNull(row)) structs.putNull(row)
      structs.getChild(1).asInstanceOf[WritableColumnVector].putLong(row, row.toLong)
    }
    val cleanser = passing(LongType)
    try {
      val batch = new ColumnarBatch(Array[ColumnVector](structs), rows)
      check(cleanser.run(batch, Array(Array(0, 1))), LongType, cleanser, row => Option.when(!isNull(row))(row.toLong))
    } finally cleanser.close()
  }

  test("a constant vector arrives as it is, a result can be cleansed again, and a batch may be closed twice") {
    val constant = new ConstantColumnVector(rows, StringType)
    constant.setUtf8String(UTF8String.fromString("same"))
    val cleanser = passing(StringType)
    try {
      val first =
        cleanser.run(new ColumnarBatch(Array[ColumnVector](constant), rows), Array(Array(0)))
      // The clean row inside the result is nested, so it is copied; the whole result is read where it is.
      val row = first.vector(cleanser.resultType).getChild(3)
      val again = cleanser.run(new ColumnarBatch(Array[ColumnVector](row), rows), Array(Array(0, 0)))
      check(again, StringType, cleanser, _ => Some(UTF8String.fromString("same")))
      first.close()
      first.close()
    } finally cleanser.close()
  }

  test("an empty batch gives an empty result") {
    val cleanser = passing(StringType)
    try {
      val empty = new ColumnarBatch(Array[ColumnVector](new OnHeapColumnVector(1, StringType)), 0)
      val result = cleanser.run(empty, Array(Array(0)))
      assert(result.rows === 0)
      result.close()
    } finally cleanser.close()
  }

  test("an input of another type than the contract's is refused") {
    val cleanser = passing(StringType)
    try {
      val batch = new ColumnarBatch(Array[ColumnVector](new OnHeapColumnVector(1, LongType)), 1)
      assert(condition(cleanser.run(batch, Array(Array(0)))) === "DOWNBEAT_NATIVE_ERROR")
    } finally cleanser.close()
  }

  test("groups are made of Spark's own vectors and of fields of native structs, and a closed aggregator is an error") {
    val counted = Aggregate
      .newBuilder()
      .addInput(Field.newBuilder().setName("x").setType(NativeCleanser.typeOf(StringType)))
      .addKeys(Key.newBuilder().setValue(Expr.newBuilder().setType(NativeCleanser.typeOf(StringType)).setColumn(0)))
      .addMeasures(Measure.newBuilder().setKind(Kind.COUNT))
      .build()
    val words = new OnHeapColumnVector(rows, StringType)
    for (row <- 0 until rows)
      if (isNull(row)) words.putNull(row) else words.putByteArray(row, s"${row % 2}".getBytes("UTF-8"))
    val own = new ColumnarBatch(Array[ColumnVector](words), rows)
    val cleanser = passing(StringType)
    val aggregator = NativeAggregator.open(counted.toByteArray)
    try {
      assert(aggregator.add(own, Array(Array(0))) > 0)
      val native = cleanser.run(own, Array(Array(0)))
      val result = new ColumnarBatch(Array[ColumnVector](native.vector(cleanser.resultType)), rows)
      aggregator.add(result, Array(Array(0, 3, 0)))
      native.close()
      val groups = aggregator.drain()
      val schema = new StructType().add("x", StringType).add("n", LongType)
      val columns = groups.columns(schema)
      val found = (0 until groups.rows).map { group =>
        Option(columns.column(0).getUTF8String(group)).map(_.toString) -> columns.column(1).getLong(group)
      }.toMap
      val expected = (0 until rows).groupBy(row => Option.when(!isNull(row))(s"${row % 2}")).map { case (word, of) =>
        word -> 2L * of.size
      }
      assert(found === expected)
      groups.close()
    } finally {
      cleanser.close()
      aggregator.close()
    }
    aggregator.close()
    assert(condition(aggregator.drain()) === "DOWNBEAT_HANDLE_CLOSED")
    assert(condition(NativeAggregator.open(Array[Byte](1, 2, 3))) === "DOWNBEAT_NATIVE_ERROR")
  }
}
