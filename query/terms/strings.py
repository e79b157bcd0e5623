"""Strings: matched against regular expressions, split, put in upper and lower case, formatted.

Regular expressions are RE2's, which takes time linear in the text whatever the pattern. What other chapters have works on
strings too: `+`, `count`, `slice` and `coerce_to`. They count code points; only the places that `match` gives are bytes
of UTF-8, as they are in RethinkDB.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final
from unicodedata import category

from query.errors import ReqlNonExistenceError, ReqlQueryLogicError
from query.json_text import compact, pretty
from query.registry import term
from query.runtime import Run
from query.values import Value

MAX_PATTERNS: Final = 1_000
"""Compiled regular expressions that are kept."""


@term(97)
def match(text: str, pattern: str) -> dict[str, Value] | None:
    """The first match of a regular expression in a string: `{str, start, end, groups}`, or null where there is none.

    The syntax is RE2's; `(?i)` at the beginning ignores case. `start` and `end` are places in the UTF-8 of the string.
    `groups` has the same for each pair of parentheses, without groups of its own; null for one that took no part. Raises
    ReqlQueryLogicError for what is no regular expression.

    >>> r.expr("name@example.com").match("@(.*)")["groups"][0]["str"].run(db)
    'example.com'
    >>> r.expr("id 17").match("[0-9]+").run(db)
    {'end': 5, 'groups': [], 'start': 3, 'str': '17'}
    """
    encoded = text.encode()
    found = _compiled(pattern).search(encoded)
    if found is None:
        return None
    start, end = found.span()
    groups = [_group(encoded, *found.span(number)) for number in range(1, found.re.groups + 1)]
    return {"end": end, "groups": groups, "start": start, "str": encoded[start:end].decode(errors="replace")}


def _group(encoded: bytes, start: int, end: int) -> Value:
    if start < 0:
        return None
    return {"end": end, "start": start, "str": encoded[start:end].decode(errors="replace")}


@lru_cache(MAX_PATTERNS)
def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        # In bytes, so that places are bytes; the characters that it matches are those of UTF-8 nonetheless.
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        (reason,) = error.args
        what = reason.decode(errors="replace").replace("unexpected )", "missing )", 1)
        raise ReqlQueryLogicError(f"Error in regexp `{pattern}` (portion `{_portion(what)}`): {what}") from None


def _portion(reason: str) -> str:
    """The part of a regular expression that RE2 complains about: what comes after its words."""
    return reason.partition(": ")[2]


@term(149)
def split(run: Run, text: str, separator: str | None = None, max_splits: int = -1) -> list[Value]:
    """Split a string: at white space, at each `separator`, or, with the empty one, into its characters.

    Without a separator, or with null, the parts have no white space around them and none is empty. After `max_splits`
    parts what is left is the last one, unsplit; -1 is no limit. A character keeps the combining marks that follow it.

    >>> r.expr("foo  bar").split().run(db)
    ['foo', 'bar']
    >>> r.expr("12,37,,22").split(",").run(db)
    ['12', '37', '', '22']
    >>> r.expr("a b c").split(None, 1).run(db)
    ['a', 'b c']
    """
    if not -1 <= max_splits < run.array_limit:
        raise ReqlQueryLogicError(f"Error: `split` size argument must be in range [-1, {run.array_limit - 1}].")
    if separator is None:
        parts = _words(text, max_splits)
    elif separator:
        parts = text.split(separator, max_splits)
    else:
        parts = _characters(text, max_splits)
    if len(parts) > run.array_limit:
        run.check_size(len(parts))
    return parts


_NOT_WHITE: Final = "\x1c\x1d\x1e\x1f"
"""What Python takes for white space, and Unicode's property of that name does not have."""

_WHITE: Final = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


def _words(text: str, most: int) -> list[str]:
    if not any(character in text for character in _NOT_WHITE):
        return text.split(None, most)
    parts: list[str] = []
    place = 0
    for space in _WHITE.finditer(text):
        if len(parts) == most:
            break
        if space.start() > place:
            parts.append(text[place : space.start()])
        place = space.end()
    if place < len(text):
        beginning = _WHITE.match(text, place)
        rest = text[beginning.end() if beginning else place :]
        parts += [rest] if rest else []
    return parts


def _characters(text: str, most: int) -> list[str]:
    if text.isascii() and most < 0:
        return list(text)
    parts: list[str] = []
    start = 0
    while start < len(text):
        if len(parts) == most:
            parts.append(text[start:])
            break
        end = start + 1
        while end < len(text) and category(text[end])[0] == "M":
            end += 1
        parts.append(text[start:end])
        start = end
    return parts


@term(141)
def upcase(text: str) -> str:
    """The string with the letters a to z in upper case; other letters are left as they are.

    >>> r.expr("Sentence about LaTeX.").upcase().run(db)
    'SENTENCE ABOUT LATEX.'
    """
    return text.upper() if text.isascii() else text.encode().upper().decode()


@term(142)
def downcase(text: str) -> str:
    """The string with the letters A to Z in lower case; other letters are left as they are.

    >>> r.expr("Sentence about LaTeX.").downcase().run(db)
    'sentence about latex.'
    """
    return text.lower() if text.isascii() else text.encode().lower().decode()


_FIELD: Final = re.compile(r"\{([^{}]+)\}")


@term(10_050, name="format", on="r")
def format_(template: str, fields: dict[str, Value]) -> str:
    """The template with each `{name}` in it replaced by that field, as a string: others than strings as JSON.

    Braces that have no name between them are left. Raises ReqlNonExistenceError for a field that is missing.

    >>> r.format("{name} loves {candy}.", {"name": "Bob", "candy": "candy floss"}).run(db)
    'Bob loves candy floss.'
    """

    def text_of(found: re.Match[str]) -> str:
        name = found[1]
        if name not in fields:
            raise ReqlNonExistenceError(lambda: f"No attribute `{name}` in object:\n{pretty(fields)}")
        value = fields[name]
        return value if isinstance(value, str) else compact(value)

    return _FIELD.sub(text_of, template)
