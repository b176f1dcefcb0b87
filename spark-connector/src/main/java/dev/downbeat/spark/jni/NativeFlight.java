package dev.downbeat.spark.jni;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.downbeat.spark.proto.flight.OffsetsReply;
import dev.downbeat.spark.proto.flight.ReadRange;
import dev.downbeat.spark.proto.flight.WorldReply;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/** What a Flight server says about its streams. Each call blocks, and throws what the server or the way to it refused. */
public final class NativeFlight {
  private NativeFlight() {}

  /** Connects to whatever is served at {@code uris}, comma-separated replicas like {@code grpc://host:port}. */
  public static WorldReply world(String uris) {
    try {
      return WorldReply.parseFrom(Native.world(uris));
    } catch (InvalidProtocolBufferException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** What is held of each partition of a stream now. */
  public static OffsetsReply offsets(String uris, String world, String stream) {
    return offsets(uris, world, stream, Long.MIN_VALUE);
  }

  /** The same, and the first row that arrived at {@code atUs} or later, in microseconds since 1970 UTC. */
  public static OffsetsReply offsets(String uris, String world, String stream, long atUs) {
    try {
      return OffsetsReply.parseFrom(Native.offsets(uris, world, stream, atUs));
    } catch (InvalidProtocolBufferException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** The schema of a stream, or of the range's columns in their order. */
  public static StructType schema(String uris, ReadRange range) {
    return (StructType) DataType.fromJson(Native.schema(uris, range.toByteArray()));
  }
}
