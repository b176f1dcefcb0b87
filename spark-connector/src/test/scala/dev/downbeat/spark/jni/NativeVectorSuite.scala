package dev.downbeat.spark.jni

import java.nio.charset.StandardCharsets.UTF_8

import org.apache.spark.sql.types._
import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.types.CalendarInterval
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
    new NativeVector(of, address, 0, new NativeBatch(Array(0L, address, 0L, 0L, 0L)), 0)

  private val valid = bits(true, true, true, false, true, true, true, true, true, false)

  test("an offset shifts values and validity of every flat type") {
    val booleans = vector(BooleanType, array(6, 2, 3, Seq(valid, bits((0 until 10).map(_ % 2 == 0): _*))))
    val numbers = vector(LongType, array(6, 2, 3, Seq(valid, longs((0L until 10L).map(_ * 1000): _*))))
    val times = vector(TimestampType, array(6, 2, 3, Seq(valid, longs((0L until 10L).map(_ * 1000): _*))))
    val small = vector(IntegerType, array(6, 2, 3, Seq(valid, ints((0 until 10).map(_ * 7): _*))))
    val days = vector(DateType, array(6, 2, 3, Seq(valid, ints((0 until 10).map(_ * 7): _*))))
    val shorts = vector(ShortType, array(2, 0, 1, Seq(0L, memory(Array[Byte](9, 9, -1, -1, 0, 1)))))
    assert((0 until 2).map(shorts.getShort) === Seq[Short](-1, 256))
    val bytes = vector(ByteType, array(2, 0, 1, Seq(0L, memory(Array[Byte](9, -1, 7)))))
    assert((0 until 2).map(bytes.getByte) === Seq[Byte](-1, 7))
    val floats = vector(FloatType, array(1, 0, 1, Seq(0L, ints(0, java.lang.Float.floatToIntBits(0.1f)))))
    assert(floats.getFloat(0) === 0.1f)
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

  test("an offset of a map shifts its keys and values, and that of its entries on top") {
    val keys = array(5, 0, 0, Seq(0L, longs(99, 1, 2, 3, 4)))
    val values = array(5, 0, 0, Seq(0L, memory(Array[Byte](99, 10, 20, 30, 40))))
    val entries = array(4, 0, 1, Seq(0L), Seq(keys, values))
    val maps = vector(MapType(LongType, ByteType), array(2, 0, 1, Seq(0L, ints(0, 1, 3, 4)), Seq(entries)))
    assert((0 until 2).map(maps.getMap(_).keyArray.toLongArray.toSeq) === Seq(Seq(2L, 3L), Seq(4L)))
    assert((0 until 2).map(maps.getMap(_).valueArray.toByteArray.toSeq) === Seq(Seq[Byte](20, 30), Seq[Byte](40)))
  }

  test("a decimal is read in all its 16 bytes, below zero too") {
    val ten = BigInt(10)
    val numbers = Seq(BigInt(7), BigInt(-1), ten.pow(38) - 1, -ten.pow(38) + 1, BigInt(Long.MinValue), BigInt(1) << 63)
    val words = numbers.flatMap(number => Seq(number.toLong, (number >> 64).toLong))
    val long = vector(DecimalType(38, 2), array(5, 0, 1, Seq(0L, longs(words: _*))))
    assert((0 until 5).map(long.getDecimal(_, 38, 2).toBigDecimal) === numbers.drop(1).map(BigDecimal(_, 2)))
    val short = vector(DecimalType(9, 2), array(2, 0, 0, Seq(0L, longs(words: _*))))
    assert((0 until 2).map(short.getDecimal(_, 9, 2).toBigDecimal) === numbers.take(2).map(BigDecimal(_, 2)))
  }

  test("nothing but nulls has neither buffers nor values, and a calendar interval has three parts") {
    val nothing = vector(NullType, array(4, 4, 0, Nil))
    assert(nothing.hasNull && nothing.numNulls === 4 && nothing.isNullAt(3))
    val parts = Seq(ints(99, 1, -2), ints(99, 3, 4), longs(99, 5, 6)).map(values => array(3, 0, 0, Seq(0L, values)))
    val intervals = vector(CalendarIntervalType, array(2, 0, 1, Seq(0L), parts))
    assert(intervals.getInterval(1) === new CalendarInterval(-2, 4, 6))
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
    intercept[UnsupportedOperationException](vector(VariantType, array(1, 0, 0, Seq(0L, longs(1)))))
  }
}
