package dev.downbeat.spark.jni

import java.nio.charset.StandardCharsets.UTF_8

import org.apache.spark.sql.types._
import org.apache.spark.unsafe.Platform
import org.scalatest.funsuite.AnyFunSuite

/** Vectors over C structs written by hand, so that every offset can be tried. */
class NativeVectorSuite extends AnyFunSuite {
  private def memory(bytes: Array[Byte]): Long = {
    val address = Platform.allocateMemory(math.max(bytes.length, 1).toLong)
    Platform.copyMemory(bytes, Platform.BYTE_ARRAY_OFFSET.toLong, null, address, bytes.length.toLong)
    address
  }

  private def longs(values: Long*): Long =
    memory(values.flatMap(value => (0 to 56 by 8).map(shift => (value >> shift).toByte)).toArray)

  private def ints(values: Int*): Long =
    memory(values.flatMap(value => (0 to 24 by 8).map(shift => (value >> shift).toByte)).toArray)

  private def bits(values: Boolean*): Long =
    memory(values.grouped(8).map(_.zipWithIndex.map { case (set, i) => if (set) 1 << i else 0 }.sum.toByte).toArray)

  /** struct ArrowArray; null buffers are 0. */
  private def array(length: Int, nulls: Long, offset: Int, buffers: Seq[Long], children: Seq[Long] = Nil): Long =
    longs(length, nulls, offset, buffers.size, children.size, longs(buffers: _*), longs(children: _*), 0, 0, 0)

  private def vector(of: DataType, address: Long): NativeVector =
    new NativeVector(of, address, 0, new NativeBatch(Array(0L, address, 0L, 0L)), 0)

  private val valid = bits(true, true, true, false, true, true, true, true, true, false)

  test("an offset shifts values and validity of every flat type") {
    val booleans = vector(BooleanType, array(6, 2, 3, Seq(valid, bits((0 until 10).map(_ % 2 == 0): _*))))
    val numbers = vector(LongType, array(6, 2, 3, Seq(valid, longs((0L until 10L).map(_ * 1000): _*))))
    val times = vector(TimestampType, array(6, 2, 3, Seq(valid, longs((0L until 10L).map(_ * 1000): _*))))
    val small = vector(IntegerType, array(6, 2, 3, Seq(valid, ints((0 until 10).map(_ * 7): _*))))
    val days = vector(DateType, array(6, 2, 3, Seq(valid, ints((0 until 10).map(_ * 7): _*))))
    val doubles =
      vector(
        DoubleType,
        array(6, 2, 3, Seq(valid, longs((0 until 10).map(i => java.lang.Double.doubleToLongBits(i / 2.0)): _*)))
      )
    for (row <- 0 until 6) {
      for (column <- Seq(booleans, numbers, times, small, days, doubles)) {
        assert(column.isNullAt(row) === (row == 0), s"${column.dataType} row $row")
      }
      assert(booleans.getBoolean(row) === ((row + 3) % 2 == 0))
      assert(numbers.getLong(row) === (row + 3) * 1000)
      assert(times.getLong(row) === (row + 3) * 1000)
      assert(small.getInt(row) === (row + 3) * 7)
      assert(days.getInt(row) === (row + 3) * 7)
      assert(doubles.getDouble(row) === (row + 3) / 2.0)
    }
  }

  test("an offset shifts text and bytes") {
    val words = Seq("zero", "", "zwei", "drei", "ünf")
    val ends = words.scanLeft(0)(_ + _.getBytes(UTF_8).length)
    val address = array(3, 0, 2, Seq(0L, ints(ends: _*), memory(words.mkString.getBytes(UTF_8))))
    val text = vector(StringType, address)
    assert((0 until 3).map(text.getUTF8String(_).toString) === words.drop(2))
    assert(!text.hasNull && text.numNulls === 0)
    assert(new String(vector(BinaryType, address).getBinary(2), UTF_8) === "ünf")
  }

  test("an offset of a list, and another of its items") {
    val items = array(6, 0, 1, Seq(0L, longs(99, 10, 11, 12, 13, 14, 15)))
    val lists = vector(ArrayType(LongType), array(2, 1, 1, Seq(bits(true, true, false), ints(0, 2, 5, 5)), Seq(items)))
    assert(lists.getArray(0).toLongArray === Array(12L, 13L, 14L))
    assert(lists.isNullAt(1) && lists.getArray(1) == null)
  }

  test("an offset of a struct shifts its fields on top of their own") {
    val field = array(9, 0, 1, Seq(0L, longs((0L until 10L): _*)))
    val inner = array(8, 0, 2, Seq(0L), Seq(field))
    val outer = array(4, 0, 3, Seq(0L), Seq(inner))
    val innerType = new StructType().add("a", LongType)
    val structs = vector(new StructType().add("s", innerType), outer)
    assert((0 until 4).map(structs.getStruct(_).getStruct(0, 1).getLong(0)) === Seq(6L, 7L, 8L, 9L))
  }

  test("a null count of -1 is one that nobody has made") {
    val column = vector(LongType, array(4, -1, 0, Seq(valid, longs(0, 1, 2, 3))))
    assert(column.hasNull && column.isNullAt(3) && !column.isNullAt(2))
  }

  test("a vector is never read as another type, and there is none of a type it does not know") {
    val column = vector(LongType, array(1, 0, 0, Seq(0L, longs(1))))
    for (
      read <- Seq[NativeVector => Any](_.getInt(0), _.getBoolean(0), _.getUTF8String(0), _.getArray(0), _.getShort(0))
    ) {
      assert(intercept[UnsupportedOperationException](read(column)).getMessage.startsWith("a column of bigint"))
    }
    intercept[UnsupportedOperationException](vector(FloatType, array(1, 0, 0, Seq(0L, longs(1)))))
  }
}
