"""How the keys of ordered indexes are made of documents: the hot path of every build, and of every write.

What stands in a document's fields stands there in many documents: making a key costs ten times as much as remembering it,
so the keys of strings and integers are remembered, those of all indexes together. Which values have keys is said in
`ordered.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeAlias, cast

from docstore import native
from docstore.indexes.function import IndexFunction, ValueOf
from docstore.key_form import array_form
from docstore.keys import MAX_KEY_BYTES, index_key
from query.errors import ReqlError
from query.runtime import Document

KeyOf: TypeAlias = Callable[[Document], bytes | None]
KeysOf: TypeAlias = Callable[[Document], Collection[bytes]]
EntriesOf: TypeAlias = Callable[[Iterable[tuple[bytes, Document]]], list[tuple[bytes, bytes]]]

_REMEMBERED: Final = 20_000
"""Keys of each kind: some 4 MB."""


class _Texts(dict[str, bytes]):
    def __missing__(self, text: str) -> bytes:
        if len(self) >= _REMEMBERED:
            self.clear()
        key = self[text] = cast(bytes, index_key(text))
        return key


class _Integers(dict[int, bytes]):
    def __missing__(self, number: int) -> bytes:
        if len(self) >= _REMEMBERED:
            self.clear()
        key = self[number] = cast(bytes, index_key(number))
        return key


_texts: Final = _Texts()
_integers: Final = _Integers()  # asked for ints only: 1.0 and True would find the key of 1


def entries_maker(function: IndexFunction, *, multi: bool) -> EntriesOf:
    """What gives the entries of documents, in any order, for one use in one thread."""
    names = function.fields_read
    if native.AVAILABLE and names is not None and not (multi and function.compound):
        if multi:
            others = keys_maker(function)
            return lambda rows: native.making.elements_entries(rows, names[0], others)
        if function.compound:
            return lambda rows: native.making.fields_entries(rows, names, index_key)
        return lambda rows: native.making.field_entries(rows, names[0], index_key)
    if multi:
        keys_of = keys_maker(function)
        return lambda rows: [(key, member) for member, document in rows for key in keys_of(document)]
    key_of = key_maker(function)
    return lambda rows: [(key, member) for member, document in rows if (key := key_of(document)) is not None]


def key_maker(function: IndexFunction) -> KeyOf:
    """What gives the one key of a document, or None, for one use in one thread."""
    names = function.fields_read
    if names is None or not native.AVAILABLE:
        return key_maker_in_python(function)
    fields_key, field_key, name = native.making.fields_key, native.making.field_key, names[0]
    if function.compound:
        return lambda document: fields_key(document, names, index_key)
    return lambda document: field_key(document, name, index_key)


def key_maker_in_python(function: IndexFunction) -> KeyOf:
    """The same without compiled code."""
    names = function.fields_read
    if names is None:
        return _of_value(function.bind())
    return _of_fields(names) if function.compound else _of_field(names[0])


def keys_maker(function: IndexFunction) -> KeysOf:
    """The same for a multi index."""
    value_of, texts = function.bind(), _texts

    def keys_of(document: Document) -> Collection[bytes]:
        try:
            value = value_of(document)
            if type(value) is not list:
                key = index_key(value)
                return () if key is None else (key,)
            keys = {texts[item] if type(item) is str else index_key(item) for item in value}
        except ReqlError:
            return ()
        keys.discard(None)
        return cast(set[bytes], keys)

    return keys_of


def _of_value(value_of: ValueOf) -> KeyOf:
    texts, integers = _texts, _integers

    def key_of(document: Document) -> bytes | None:
        try:
            value = value_of(document)
            if type(value) is str:
                return texts[value]
            return integers[value] if type(value) is int else index_key(value)
        except ReqlError:
            return None

    return key_of


def _of_field(name: str) -> KeyOf:
    texts, integers = _texts, _integers

    def key_of(document: Document) -> bytes | None:
        value = document.get(name)
        if type(value) is str:
            return texts[value]
        return integers[value] if type(value) is int else index_key(value)

    return key_of


def _of_fields(names: tuple[str, ...]) -> KeyOf:
    texts, integers = _texts, _integers

    def key_of(document: Document) -> bytes | None:
        parts = []
        for name in names:
            value = document.get(name)
            if type(value) is str:
                parts.append(texts[value])
            elif type(value) is int:
                parts.append(integers[value])
            else:
                break
        else:
            key = array_form(parts)
            if len(key) < MAX_KEY_BYTES:  # otherwise a part may have been cut
                return key
        return index_key([document.get(name) for name in names])

    return key_of
