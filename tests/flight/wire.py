"""The messages of proto/flight.proto, made from the file itself, as any client in another language would."""

import re
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = Path(__file__).parents[2] / "proto/flight.proto"
PACKAGE = "downbeat.flight.v1"
FIELD = re.compile(r"^\s*(repeated |optional )?(\w+) (\w+) = (\d+);$")
Kind = descriptor_pb2.FieldDescriptorProto


def _messages() -> dict[str, type]:
    file = descriptor_pb2.FileDescriptorProto(name="flight.proto", package=PACKAGE, syntax="proto3")
    for line in PROTO.read_text().splitlines():
        if line.startswith("message "):
            file.message_type.add(name=line.split()[1])
        elif match := FIELD.match(line):
            _add_field(file.message_type[-1], *match.groups())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = [message.name for message in file.message_type]
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in names}


def _add_field(message: descriptor_pb2.DescriptorProto, label: str | None, kind: str, name: str, number: str) -> None:
    field = message.field.add(name=name, number=int(number))
    field.label = Kind.LABEL_REPEATED if label == "repeated " else Kind.LABEL_OPTIONAL
    if kind[0].isupper():
        field.type, field.type_name = Kind.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = Kind.Type.Value(f"TYPE_{kind.upper()}")
    if label == "optional ":
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")


_MESSAGES = _messages()
BatchMetadata = _MESSAGES["BatchMetadata"]
OffsetsReply = _MESSAGES["OffsetsReply"]
OffsetsRequest = _MESSAGES["OffsetsRequest"]
ReadRange = _MESSAGES["ReadRange"]
Ticket = _MESSAGES["Ticket"]
WorldReply = _MESSAGES["WorldReply"]
