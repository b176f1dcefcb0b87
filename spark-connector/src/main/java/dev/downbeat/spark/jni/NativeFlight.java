package dev.downbeat.spark.jni;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.downbeat.spark.proto.flight.Endpoints;
import dev.downbeat.spark.proto.flight.OffsetsReply;
import dev.downbeat.spark.proto.flight.OffsetsRequest;
import dev.downbeat.spark.proto.flight.Query;
import dev.downbeat.spark.proto.flight.ReadRange;
import dev.downbeat.spark.proto.flight.WorldReply;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/** What a Flight server says about its streams and results. Each call blocks, and throws what the server or the way to it refused. */
public final class NativeFlight {
  private NativeFlight() {}

  /** Connects to whatever is served there. Here and below, {@code connection} is an encoded {@code Connection}. */
  public static WorldReply world(byte[] connection) {
    try {
      return WorldReply.parseFrom(Native.world(connection));
    } catch (InvalidProtocolBufferException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** What is held of each partition of a stream now, and what else the request asks. */
  public static OffsetsReply offsets(byte[] connection, OffsetsRequest request) {
    try {
      return OffsetsReply.parseFrom(Native.offsets(connection, request.toByteArray()));
    } catch (InvalidProtocolBufferException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** The schema of a stream, or of the range's columns in their order. */
  public static StructType schema(byte[] connection, ReadRange range) {
    return (StructType) DataType.fromJson(Native.schema(connection, range.toByteArray()));
  }

  /** The schema of a result of any Flight server. */
  public static StructType querySchema(byte[] connection, Query query) {
    return (StructType) DataType.fromJson(Native.querySchema(connection, query.toByteArray()));
  }

  /** Its parts, each to be read on its own. */
  public static Endpoints endpoints(byte[] connection, Query query) {
    try {
      return Endpoints.parseFrom(Native.endpoints(connection, query.toByteArray()));
    } catch (InvalidProtocolBufferException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
