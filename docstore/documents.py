"""Documents to MessagePack and back, whole or only some fields.

A stored document is one plain MessagePack map with strings as keys, which any reader of that format can read. Values are
what MessagePack has for them: nil, booleans, integers (64 bits, signed or not), 64-bit floats, UTF-8 strings, bin for
binaries, arrays, maps. An int stays an int and a float a float. Extension types, for the rest:

    1  time      10 bytes: microseconds since 1970-01-01T00:00Z (int64), offset from UTC in minutes (int16), big endian
    2  geometry  its GeoJSON object as MessagePack
    3  vector    type (1 byte: 1 float32, 2 float16, 3 int8, 4 to 11 bits, of which 0 to 7 of the last byte are not used),
                 then the numbers, packed as `query.vectors` says

`encode_document` trusts its caller, because all ways into a table are clean: `from_python` copies and checks what users
hand in, and terms make values of values. Checking again would cost more than encoding does, and msgspec itself checks
nothing that matters here: it writes sets, tuples, Decimals, UUIDs, naive datetimes, NaN and int keys without a word.
What it cannot write, lone surrogates and `MINVAL` and `MAXVAL` among it, is refused. `validate` is the walk that finds
everything that is no value, for the store's check and for tests.

A *partial document* is a plain dict with only those of the wanted top-level fields that the document has; msgspec steps
over the other ones without making objects of them. Decoders are made once for each set of names, and kept.
Any thread may call all functions here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812 - the module gives its error a variable's name
from typing import Any, Final, TypedDict, cast

import msgspec

from docstore import native
from docstore.errors import CorruptStoreError
from query.errors import ReqlInternalError, ReqlQueryLogicError, ReqlResourceLimitError
from query.geometries import PSEUDO_TYPE, Geometry
from query.values import MAX_INT, MAX_NESTING, MIN_INT, VALUE_TYPES, Bound, Time, Value, describe, is_deeper
from query.vectors import Vector, VectorType, packed_size

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "Document",
    "decode_alone",
    "decode_document",
    "encode_document",
    "field_decoder",
    "fields_decoder",
    "restricted_decoder",
    "stored_document",
    "validate",
]

Document = dict[str, Value]

MAX_DOCUMENT_BYTES: Final = 16 * 1024 * 1024
"""As large as MongoDB's: a transaction holds what it writes in memory, and a reader the whole of a document."""

_TIME: Final = 1
_GEOMETRY: Final = 2
_VECTOR: Final = 3
_BITS: Final = 4
_VECTOR_CODES: Final[dict[VectorType, int]] = {"float32": 1, "float16": 2, "int8": 3}
_VECTOR_FORMS: Final = {code: (kind, packed_size(kind, 1)) for kind, code in _VECTOR_CODES.items()}
"""The types by their codes, and the bytes of a number of each."""

_PSEUDO_TYPE_BYTES: Final = PSEUDO_TYPE.encode()

_CONTAINERS: Final = frozenset([*range(0x80, 0xA0), *range(0xDC, 0xE0)])
_NO_CONTAINER: Final = bytes(set(range(256)) - _CONTAINERS)
"""The bytes that begin no map or array. Each level needs one that does: so most documents are seen to be flat enough without
a walk."""


def _many_containers(data: bytes, levels: int) -> bool:
    return len(data.translate(None, _NO_CONTAINER)) > levels


_may_be_deep = native.keys.may_be_deep if native.AVAILABLE else _many_containers

_time_form = Struct(">qh")


def _extension_of(value: object) -> msgspec.msgpack.Ext:
    if type(value) is Time:
        return msgspec.msgpack.Ext(_TIME, _time_form.pack(value.epoch_microseconds, value.offset_minutes))
    if type(value) is Vector:
        return msgspec.msgpack.Ext(_VECTOR, pack_vector(value))
    if type(value) is Bound:
        raise ReqlQueryLogicError("`r.minval` and `r.maxval` cannot be written to disk.")
    raise ReqlInternalError(f"Expected a value to write but found {describe(value)}.")


def _value_of(code: int, data: memoryview | bytes) -> Value:
    if code == _TIME:
        return Time.at(*_time_form.unpack(data))
    if code == _GEOMETRY:
        return Geometry(_decode(bytes(data)))
    if code == _VECTOR:
        return unpack_vector(bytes(data))
    raise CorruptStoreError(f"Expected a time, a geometry or a vector but found the unknown extension type {code}.")


def pack_vector(vector: Vector) -> bytes:
    """The stored form of a vector: its type and its numbers."""
    if vector.type == "bits":
        return bytes([_BITS + -vector.dimensions % 8]) + vector.data
    return bytes([_VECTOR_CODES[vector.type]]) + vector.data


def unpack_vector(data: bytes) -> Vector:
    """What `pack_vector` wrote; CorruptStoreError where it is none."""
    code, size = (data[0], len(data) - 1) if len(data) > 1 else (0, 0)
    if _BITS <= code < _BITS + 8:
        return Vector.packed("bits", data[1:], 8 * size - (code - _BITS))
    kind, number_bytes = _VECTOR_FORMS.get(code) or (None, 1)
    if kind is None or size % number_bytes:
        raise CorruptStoreError(f"Expected a vector but found {data[:40].hex()}.")
    return Vector.packed(kind, data[1:], size // number_bytes)


_encode = msgspec.msgpack.Encoder(enc_hook=_extension_of).encode
_decode = msgspec.msgpack.Decoder(Document, ext_hook=_value_of).decode

_DECODE_ERRORS: Final = (msgspec.MsgspecError, StructError, ValueError, RecursionError, OverflowError)


stored_document: Final[Callable[[bytes], Any]] = native.documents.BytesReader() if native.AVAILABLE else bytes
"""Gives the bytes of a document as they are stored."""


def encode_in_python(document: Document) -> bytes:
    """The stored form of a document.

    ReqlResourceLimitError beyond `MAX_DOCUMENT_BYTES`; ReqlQueryLogicError for what can be no part of a document.

    >>> encode_in_python({"id": 1}).hex()
    '81a2696401'
    """
    try:
        data = _encode(document)
        if _PSEUDO_TYPE_BYTES in data:
            # msgspec writes a geometry, which is a dict, as a map.
            data = _encode(_with_extensions(document))
    except RecursionError:
        raise _nesting_error() from None
    except UnicodeEncodeError as error:
        raise ReqlQueryLogicError(
            f"Expected Unicode text but found a lone surrogate: {describe(error.object)}."
        ) from None
    if len(data) > MAX_DOCUMENT_BYTES:
        raise ReqlResourceLimitError(
            f"Document too large for disk writes (limit {MAX_DOCUMENT_BYTES:,} bytes, this one takes {len(data):,})."
        )
    if _may_be_deep(data, MAX_NESTING) and is_deeper(document, MAX_NESTING):
        raise _nesting_error()
    return data


encode_document: Final[Callable[[Document], bytes]] = (
    native.encoding.Encoder(encode_in_python).encode if native.AVAILABLE else encode_in_python
)
"""See `encode_in_python`."""


def _with_extensions(value: Value) -> Any:
    """The value with its geometries in the form in which they are stored."""
    kind = type(value)
    if kind is dict:
        return {name: _with_extensions(item) for name, item in value.items()}
    if kind is list:
        return [_with_extensions(item) for item in value]
    return msgspec.msgpack.Ext(_GEOMETRY, _encode(value.geojson)) if kind is Geometry else value


def _nesting_error() -> ReqlQueryLogicError:
    return ReqlQueryLogicError(f"Document nested too deeply for disk writes (limit {MAX_NESTING} levels).")


def decode_in_python(data: bytes) -> Document:
    """The document with this stored form; CorruptStoreError where it is none."""
    try:
        return _decode(data)
    except _DECODE_ERRORS as error:
        raise _corrupt(data, error) from None


decode_document: Callable[[bytes], Document] = (
    native.documents.DocumentReader(decode_in_python, _value_of) if native.AVAILABLE else decode_in_python
)
"""The document with this stored form; CorruptStoreError where it is none."""

decode_alone: Callable[[bytes], Document] = (
    native.documents.DocumentReader(decode_in_python, _value_of, is_for_one=True)
    if native.AVAILABLE
    else decode_in_python
)
"""The same for a document that is read alone."""


@lru_cache(maxsize=1024)
def fields_decoder(names: frozenset[str]) -> Callable[[bytes], Document]:
    """A function that decodes only the top-level fields with these names, in the order in which they are stored.

    What lies in the other fields is not looked at, so damage there goes unnoticed; with no names nothing is looked at.
    """
    if not names:
        return lambda _: {}
    slow = restricted_decoder(names)
    if native.AVAILABLE and len(names) <= native.documents.MAX_FIELDS_OF_A_READER:
        return native.documents.FieldsReader(sorted(names), slow, _value_of)
    # msgspec compares names with the UTF-8 that a str caches once it has been asked for it, and takes a str that has
    # not, and is not ASCII, for the empty name. Encoding the names asks; whether that was enough is looked at.
    probe = _encode(dict.fromkeys([*names, ""]))
    wanted: Any = TypedDict("wanted", dict.fromkeys(names, Any), total=False)  # type: ignore[misc]
    decode: Callable[[bytes], Document] = cast(Any, msgspec.msgpack.Decoder(wanted, ext_hook=_value_of)).decode
    if decode(probe) != dict.fromkeys(names):
        return slow

    def decode_fields(data: bytes) -> Document:
        try:
            return decode(data)
        except _DECODE_ERRORS as error:
            raise _corrupt(data, error) from None

    return decode_fields


def field_decoder(name: str) -> Callable[[bytes], Value]:
    """A function that decodes one top-level field; None where there is none."""
    decode = fields_decoder(frozenset({name}))
    if native.AVAILABLE:
        return native.documents.FieldReader(name, lambda data: decode(data).get(name), _value_of)
    return lambda data: decode(data).get(name)


def restricted_decoder(names: frozenset[str]) -> Callable[[bytes], Document]:
    """What `fields_decoder` does, done slowly: decode the whole document, then take what is wanted."""

    def decode_fields(data: bytes) -> Document:
        return {name: item for name, item in decode_in_python(data).items() if name in names}

    return decode_fields


def _corrupt(data: bytes, error: Exception) -> CorruptStoreError:
    return CorruptStoreError(f"Expected a document in MessagePack but found {data[:40].hex()}: {error}")


def validate(document: object) -> None:
    """Raise ReqlInternalError, which says what and where, if this is not a document or holds what is no value."""
    if type(document) is not dict:
        raise ReqlInternalError(f"Expected a document but found {describe(document)}.")
    _validate(document, "", 0)


def _validate(value: Any, where: str, depth: int) -> None:
    kind = type(value)
    if kind is dict:
        _check(depth < MAX_NESTING, value, where)
        for name, item in value.items():
            _check(type(name) is str and _is_text(name), name, where)
            _validate(item, f"{where}.{name}", depth + 1)
    elif kind is list:
        _check(depth < MAX_NESTING, value, where)
        for index, item in enumerate(value):
            _validate(item, f"{where}[{index}]", depth + 1)
    elif kind is Geometry:
        _validate(value.geojson, where, depth + 1)
    elif kind is int:
        _check(MIN_INT <= value <= MAX_INT, value, where)
    elif kind is float:
        _check(math.isfinite(value), value, where)
    elif kind is str:
        _check(_is_text(value), value, where)
    else:
        _check(kind in VALUE_TYPES, value, where)


def _is_text(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _check(is_value: bool, found: object, where: str) -> None:
    if not is_value:
        raise ReqlInternalError(f"Expected a value but found {describe(found)} at `{where}`.")
