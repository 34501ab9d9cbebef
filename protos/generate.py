"""Generate what is generated from the schema.

Run `make schema` (or `python protos/generate.py`) after editing a .proto file; `--check` writes nothing and exits 1
when a generated file is not what the .proto files say. Compiling needs `grpcio-tools`, a development dependency; the
package itself needs no compiler.

The four .proto files become:

* `ctrader_twisted/wire/schema/openapi.binpb`: the compiled descriptors, without source positions;
* `ctrader_twisted/wire/schema/__init__.py`: the message classes and the enums;
* `ctrader_twisted/wire/schema/__init__.pyi`: their types, with the comments of the .proto files as docstrings;
* `ctrader_twisted/requests.py`: one typed method for each request;
* `ctrader_twisted/blocking/requests.py`, `ctrader_twisted/aio/requests.py`: the signatures of those that wait.
"""

import argparse
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

PROTOS = Path(__file__).resolve().parent
ROOT = PROTOS.parent
SCHEMA = Path("ctrader_twisted", "wire", "schema")
REQUESTS = Path("ctrader_twisted", "requests.py")
FACES = tuple(Path("ctrader_twisted", style, "requests.py") for style in ("aio", "blocking"))
REMEDY = "run `make schema`"
WIDTH = 120
HEADER = "# GENERATED from protos/*.proto by protos/generate.py. Do not edit: change those, then run `make schema`.\n"

#: The requests without an answer of their own are answered by this event.
ORDER_ANSWER = "ProtoOAExecutionEvent"
#: Every message has it, and it is fixed by the message's type: nobody has to pass it.
TYPE_FIELD = "payloadType"

F = FieldDescriptorProto
PYTHON_TYPES = {
    F.TYPE_BOOL: "bool",
    F.TYPE_BYTES: "bytes",
    F.TYPE_DOUBLE: "float",
    F.TYPE_INT32: "int",
    F.TYPE_INT64: "int",
    F.TYPE_STRING: "str",
    F.TYPE_UINT32: "int",
    F.TYPE_UINT64: "int",
}


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass
class Schema:
    """The compiled files, in the order of their dependencies, with what is said about each thing in them."""

    files: list[FileDescriptorProto]
    #: By dotted name ("ProtoOASpotEvent.bid"): the comment above it, as its lines stand in the file.
    comments: dict[str, str]

    @property
    def messages(self) -> Iterator[DescriptorProto]:
        for file in self.files:
            yield from file.message_type

    @property
    def enums(self) -> Iterator[EnumDescriptorProto]:
        for file in self.files:
            yield from file.enum_type

    @property
    def requests(self) -> Iterator[DescriptorProto]:
        return (message for message in self.messages if message.name.endswith("Req"))

    def answer(self, request: DescriptorProto) -> str:
        """Return the name of the message that a request is answered by when all goes well."""
        answer = request.name.removesuffix("Req") + "Res"
        return answer if any(message.name == answer for message in self.messages) else ORDER_ANSWER


def read() -> Schema:
    """Compile protos/*.proto."""
    # Imported here: `--help` should not need the compiler, nor a test that only wants the names below.
    from grpc_tools import protoc  # type: ignore[import-untyped, unused-ignore]

    with tempfile.TemporaryDirectory() as directory:
        compiled = Path(directory, "set.binpb")
        sources = sorted(path.name for path in PROTOS.glob("*.proto"))
        arguments = [f"-I{PROTOS}", "--include_source_info", f"--descriptor_set_out={compiled}", *sources]
        if protoc.main(["protoc", *arguments]) != 0:
            sys.exit("protoc refused protos/*.proto; what it said stands above")
        files = list(FileDescriptorSet.FromString(compiled.read_bytes()).file)
    comments: dict[str, str] = {}
    for file in files:
        comments.update(_comments(file))
        file.ClearField("source_code_info")
        for message in file.message_type:
            for field in message.field:
                # It says nothing that is not in the name, and not every release of the compiler writes it alike.
                field.ClearField("json_name")
    return Schema(_in_order(files), comments)


def _in_order(files: list[FileDescriptorProto]) -> list[FileDescriptorProto]:
    """Put each file behind those that it imports; otherwise by name."""
    ordered: list[FileDescriptorProto] = []
    waiting = sorted(files, key=lambda file: file.name)
    while waiting:
        known = {file.name for file in ordered}
        first = next(file for file in waiting if known.issuperset(file.dependency))
        waiting.remove(first)
        ordered.append(first)
    return ordered


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        if not location.leading_comments:
            continue
        # A path is alternately the number of a field of the descriptor and an index into it.
        match list(location.path):
            case [4, i]:
                name = file.message_type[i].name
            case [4, i, 2, j]:
                name = f"{file.message_type[i].name}.{file.message_type[i].field[j].name}"
            case [5, i]:
                name = file.enum_type[i].name
            case [5, i, 2, j]:
                name = f"{file.enum_type[i].name}.{file.enum_type[i].value[j].name}"
            case _:
                continue
        yield name, location.leading_comments


# --- writing text -----------------------------------------------------------------------------------------------------


def paragraphs(comment: str) -> list[str]:
    """Split a comment at its blank lines, and join the lines of each part."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", comment.strip()) if part.strip()]


def _wrap(text: str, indent: str, hanging: str = "") -> list[str]:
    lines = textwrap.wrap(
        re.sub(r"(?<=\d) (?=\d{3}\b)", "\0", text),  # 100 000 stays on one line
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


def _summarised(comment: str) -> list[str]:
    """Split a comment as `paragraphs` does, and a long first paragraph behind its first sentence."""
    first, *rest = paragraphs(comment)
    if len(first) > WIDTH - 14:
        first, *more = first.split(". ", 1)
        rest = more + rest
        first = first if not more else first + "."
    return [first, *rest]


def _docstring(parts: Sequence[str], indent: str) -> list[str]:
    """Lay out paragraphs as a docstring; a newline within one begins another line, as the entries of a list need."""
    if len(parts) == 1 and len(parts[0]) + len(indent) + 6 <= WIDTH:
        return [f'{indent}"""{parts[0]}"""']
    lines: list[str] = []
    for number, part in enumerate(parts):
        if number:
            lines.append("")
            lines += [line for entry in part.split("\n") for line in _wrap(entry, indent, _hanging(entry))]
        else:
            lines += _wrap('"""' + part, indent)
    return [*lines, f'{indent}"""']


def _hanging(entry: str) -> str:
    """Return how far the further lines of a list's entry are set in."""
    return "  " if entry.startswith("* ") else ""


def _call(head: str, arguments: Sequence[str], tail: str, indent: str) -> list[str]:
    """Lay out a call or a signature: on one line, on three, or with a line for each argument."""
    inner = indent + "    "
    one = f"{indent}{head}({', '.join(arguments)}){tail}"
    if len(one) <= WIDTH or not arguments:
        return [one]
    together = inner + ", ".join(arguments)
    if len(together) <= WIDTH:
        return [f"{indent}{head}(", together, f"{indent}){tail}"]
    return [f"{indent}{head}(", *(f"{inner}{argument}," for argument in arguments), f"{indent}){tail}"]


def _name_list(name: str, names: Sequence[str]) -> list[str]:
    return [f"{name} = [", *(f'    "{each}",' for each in names), "]"]


def _all(schema: Schema) -> list[str]:
    return sorted([message.name for message in schema.messages] + [enum.name for enum in schema.enums])


def _type(field: FieldDescriptorProto) -> str:
    """Return the Python type of one value of a field, as it is read."""
    if field.type == F.TYPE_MESSAGE:
        return field.type_name.lstrip(".")
    return "int" if field.type == F.TYPE_ENUM else PYTHON_TYPES[field.type]


def _accepted(field: FieldDescriptorProto) -> str:
    """Return the Python type of one value of a field, as it may be given."""
    return f"{field.type_name.lstrip('.')} | int | str" if field.type == F.TYPE_ENUM else _type(field)


def _repeated(field: FieldDescriptorProto) -> bool:
    return field.label == F.LABEL_REPEATED


def method_name(request: str) -> str:
    """Turn the name of a request into that of its method: ProtoOAGetTrendbarsReq → get_trendbars."""
    stem = request.removeprefix("ProtoOA").removesuffix("Req").replace("PnL", "Pnl")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", stem).lower()


# --- the files --------------------------------------------------------------------------------------------------------


def _classes(schema: Schema) -> str:
    lines = [
        *_docstring(
            [
                "The message classes and enums of the schema, in a descriptor pool of their own.",
                "The names carry no package, and a process may hold another library that registers the same ones with "
                "protobuf's default pool; in a private pool they cannot meet. "
                "Import them from `ctrader_twisted.messages`.",
            ],
            "",
        ),
        "",
        "from enum import IntEnum",
        "from pathlib import Path",
        "",
        "from google.protobuf.descriptor_pb2 import FileDescriptorSet",
        "from google.protobuf.descriptor_pool import DescriptorPool",
        "from google.protobuf.message_factory import GetMessageClass",
        "",
        *_name_list("__all__", _all(schema)),
        "",
        '_MODULE = "ctrader_twisted.messages"',
        "_pool = DescriptorPool()",
        'for _file in FileDescriptorSet.FromString(Path(__file__).with_name("openapi.binpb").read_bytes()).file:',
        "    _pool.AddSerializedFile(_file.SerializeToString())",
        "",
        "",
        "def _message(name, doc):",
        "    cls = GetMessageClass(_pool.FindMessageTypeByName(name))",
        "    cls.__module__ = _MODULE",
        "    cls.__doc__ = doc",
        "    return cls",
        "",
    ]
    for enum in schema.enums:
        lines += ["", f"class {enum.name}(IntEnum):"]
        lines += _docstring(_summarised(schema.comments.get(enum.name, enum.name)), "    ")
        lines += ["", "    __module__ = _MODULE", ""]
        lines += [f"    {value.name} = {value.number}" for value in enum.value]
        lines += [""]
    lines += [""]
    for message in schema.messages:
        doc = _docstring(_summarised(schema.comments.get(message.name, message.name)), "    ")
        lines += [f"{message.name} = _message(", f'    "{message.name}",', *doc[:-1], doc[-1] + ",", ")"]
    return "\n".join([HEADER + "\n".join(lines), ""])


def _stub(schema: Schema) -> str:
    lines = [
        "from collections.abc import Iterable",
        "from enum import IntEnum",
        "from typing import Literal",
        "",
        "from google.protobuf.descriptor import Descriptor",
        "from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer",
        "from google.protobuf.message import Message",
        "",
        *_name_list("__all__", _all(schema)),
        "",
    ]
    for enum in schema.enums:
        lines += [f"class {enum.name}(IntEnum):"]
        lines += _docstring(_summarised(schema.comments.get(enum.name, enum.name)), "    ")
        lines += [""]
        for value in enum.value:
            lines += [f"    {value.name} = {value.number}"]
            lines += _docstring(paragraphs(schema.comments.get(f"{enum.name}.{value.name}", value.name)), "    ")
        lines += [""]
    for message in schema.messages:
        lines += [f"class {message.name}(Message):"]
        lines += _docstring(_summarised(schema.comments.get(message.name, message.name)), "    ")
        lines += ["", "    DESCRIPTOR: Descriptor"]
        for field in message.field:
            lines += _attribute(schema, message, field)
        lines += _call(
            "def __init__",
            ["self", "*", *(f"{field.name}: {_given(field)} | None = None" for field in message.field)],
            " -> None: ...",
            "    ",
        )
        names = [field.name for field in message.field]
        present = [field.name for field in message.field if not _repeated(field)]
        lines += _named("HasField", present, "bool") if present else []
        lines += _named("ClearField", names, "None") if names else []
        lines += [""]
    return HEADER + "\n".join(lines)


def _attribute(schema: Schema, message: DescriptorProto, field: FieldDescriptorProto) -> list[str]:
    parts = paragraphs(schema.comments.get(f"{message.name}.{field.name}", field.name))
    if field.options.deprecated and not parts[0].startswith("Deprecated"):
        parts[0] = "Deprecated. " + parts[0]
    if not _repeated(field) and field.type != F.TYPE_MESSAGE:
        return [f"    {field.name}: {_type(field)}", *_docstring(parts, "    ")]
    # These cannot be assigned: they are changed in place.
    kind = _type(field)
    if _repeated(field):
        container = "Composite" if field.type == F.TYPE_MESSAGE else "Scalar"
        kind = f"Repeated{container}FieldContainer[{kind}]"
    return ["    @property", f"    def {field.name}(self) -> {kind}:", *_docstring(parts, "        "), ""]


def _given(field: FieldDescriptorProto) -> str:
    return f"Iterable[{_accepted(field)}]" if _repeated(field) else _accepted(field)


def _named(method: str, names: Sequence[str], result: str) -> list[str]:
    """Write the stub of a method that takes the name of a field."""
    literals = ", ".join(f'"{name}"' for name in names)
    one = f"    def {method}(self, field_name: Literal[{literals}]) -> {result}: ..."
    if len(one) <= WIDTH:
        return [one]
    lines = [f"    def {method}("]
    if len(f"        self, field_name: Literal[{literals}]") <= WIDTH:
        lines += [f"        self, field_name: Literal[{literals}]"]
    elif len(f"        field_name: Literal[{literals}],") <= WIDTH:
        lines += ["        self,", f"        field_name: Literal[{literals}],"]
    else:
        lines += ["        self,", "        field_name: Literal["]
        lines += [f'            "{name}",' for name in names]
        lines += ["        ],"]
    return [*lines, f"    ) -> {result}: ..."]


def _requests(schema: Schema) -> str:
    used: set[str] = set()
    body: list[str] = []
    for request in schema.requests:
        fields = _arguments(request)
        answer = schema.answer(request)
        used |= {request.name, answer}
        used |= {field.type_name.lstrip(".") for field in fields if field.type_name}
        arguments = ["self", "*", *map(_argument, fields), "timeout: float | None = None"]
        body += [""]
        body += _call(f"def {method_name(request.name)}", arguments, f" -> Deferred[{answer}]:", "    ")
        body += _docstring(_request_doc(schema, request, fields, answer), "        ")
        given = [f"{field.name}={field.name}" for field in fields]
        body += ["        try:"]
        body += _call(f"message = {request.name}", given, "", "            ")
        body += ["        except (TypeError, ValueError):"]
        body += [f"            raise wrong_argument({request.name}, locals()) from None"]
        body += ["        return self.request(message, timeout=timeout)"]
    lines = [
        *_docstring(
            [
                "A typed method for each request of the schema.",
                "The names follow from those of the messages (`ProtoOAGetTrendbarsReq` is `get_trendbars`) and the "
                "keywords are the schema's own field names.",
            ],
            "",
        ),
        "",
        "from abc import ABC, abstractmethod",
        "from collections.abc import Iterable",
        "from typing import Any",
        "",
        "from google.protobuf.message import Message",
        "from twisted.internet.defer import Deferred",
        "",
        "from ctrader_twisted.messages import (",
        *(f"    {name}," for name in sorted(used, key=str.lower)),
        ")",
        "from ctrader_twisted.wire.arguments import wrong_argument",
        "",
        "",
        "class RequestMethods(ABC):",
        *_docstring(
            [
                "The requests of the schema as methods, over the one `request` that sends any of them.",
                "Every method takes `timeout`, how many seconds to wait for the answer; None is the client's own "
                "default. Any other argument that is None is not sent. An argument that the message does not take "
                "raises TypeError or ValueError at once, naming it and what it would take.",
            ],
            "    ",
        ),
        "",
        "    @abstractmethod",
        "    def request(self, message: Message, *, timeout: float | None = None) -> Deferred[Any]:",
        '        """Send a request; the Deferred fires with its answer."""',
    ]
    return HEADER + "\n".join([*lines, *body, ""])


def _face(schema: Schema, path: Path) -> str:
    """Write the requests of a face of the Deferred API: signatures, which `asks` gives bodies."""
    style = path.parent.name
    awaited = style == "aio"
    used: set[str] = set()
    body: list[str] = []
    for request in schema.requests:
        fields = _arguments(request)
        answer = schema.answer(request)
        used |= {answer} | {field.type_name.lstrip(".") for field in fields if field.type_name}
        name = method_name(request.name)
        body += ["", f"    @asks(RequestMethods.{name})"]
        arguments = ["self", "*", *map(_argument, fields), "timeout: float | None = None"]
        body += _call(f"{'async ' if awaited else ''}def {name}", arguments, f" -> {answer}: ...", "    ")
    lines = [
        '"""A method for each request of the schema, which gives the answer."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import TYPE_CHECKING",
        "",
        f"from ctrader_twisted.{style}.calls import asks",
        f"from ctrader_twisted.{style}.link import Face",
        "from ctrader_twisted.requests import RequestMethods",
        "",
        "if TYPE_CHECKING:",
        "    from collections.abc import Iterable",
        "",
        "    from ctrader_twisted.messages import (",
        *(f"        {name}," for name in sorted(used, key=str.lower)),
        "    )",
        "",
        "",
        "class Requests(Face):",
        '    """The schema\'s requests, as `OpenApiClient` has them. ``help(client.get_trendbars)`` describes one."""',
    ]
    return HEADER + "\n".join([*lines, *body, ""])


def _arguments(request: DescriptorProto) -> list[FieldDescriptorProto]:
    """Return the fields that a request's method takes, the required ones first.

    They have no default, and stand together when the signature is read.
    """
    fields = [field for field in request.field if field.name != TYPE_FIELD]
    return sorted(fields, key=lambda field: field.label != F.LABEL_REQUIRED)


def _argument(field: FieldDescriptorProto) -> str:
    if _repeated(field):
        return f"{field.name}: {_given(field)} = ()"
    if field.label == F.LABEL_REQUIRED:
        return f"{field.name}: {_accepted(field)}"
    return f"{field.name}: {_accepted(field)} | None = None"


def _request_doc(
    schema: Schema, request: DescriptorProto, fields: Sequence[FieldDescriptorProto], answer: str
) -> list[str]:
    parts = _summarised(schema.comments.get(request.name, request.name))
    # What closes the request is said below in the words of a method.
    parts = [part for part in parts if not part.startswith("Closed by ")]
    entries = []
    for field in fields:
        said = " ".join(paragraphs(schema.comments.get(f"{request.name}.{field.name}", field.name)))
        entries.append(f"* {field.name}: {said}")
    if entries:
        parts.append("\n".join(entries))
    parts.append(f"Sends `{request.name}`; fires with `{answer}`. Fails with: see `OpenApiClient.request`.")
    return parts


# --- the command ------------------------------------------------------------------------------------------------------


def build() -> dict[Path, bytes]:
    """Return what each generated file should hold, by its path within the project."""
    schema = read()
    return {
        SCHEMA / "openapi.binpb": FileDescriptorSet(file=schema.files).SerializeToString(deterministic=True),
        SCHEMA / "__init__.py": _classes(schema).encode(),
        SCHEMA / "__init__.pyi": _stub(schema).encode(),
        REQUESTS: _requests(schema).encode(),
        **{path: _face(schema, path).encode() for path in FACES},
    }


def write() -> None:
    """Write the generated files."""
    for path, content in build().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_bytes(content)


def check() -> list[str]:
    """Return the generated files that are missing or are not what the .proto files say."""
    return [
        path.as_posix()
        for path, content in build().items()
        if not (ROOT / path).is_file() or (ROOT / path).read_bytes() != content
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Generate the message classes, their types and the request methods.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a generated file is stale")
    if not parser.parse_args(arguments).check:
        write()
    elif stale := check():
        sys.exit(f"stale: {', '.join(stale)}; {REMEDY}")


if __name__ == "__main__":
    main()
