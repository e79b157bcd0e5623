"""Every declared term: documented, numbered once, and reachable."""

from __future__ import annotations

import inspect

import pytest

from query import Query
from query.builder import R
from query.registry import BY_KIND, BY_NUMBER, TERMS, Declaration
from query.term import FUNC, IMPLICIT_VAR, MAKE_ARRAY, MAKE_OBJ, VAR

every_term = pytest.mark.parametrize("declaration", TERMS.values(), ids=TERMS.keys())


@every_term
def test_a_term_has_help_with_an_example(declaration: Declaration) -> None:
    summary, _, rest = declaration.doc.partition("\n\n")
    assert summary.endswith(".")
    assert any(line.startswith(">>> ") and "r." in line for line in rest.splitlines())


@every_term
def test_a_term_is_a_method_where_it_says(declaration: Declaration) -> None:
    assert declaration.methods
    for name in declaration.methods:
        assert (declaration.on != "r") == (name in vars(Query))
        assert (declaration.on != "chain") == (name in vars(R))


@every_term
def test_a_methods_signature_is_the_declared_one(declaration: Declaration) -> None:
    if declaration.constant:
        assert isinstance(vars(R)[declaration.name], Query)
        return
    owner, first = (R, 0) if declaration.on == "r" else (Query, 1)
    parameters = list(inspect.signature(vars(owner)[declaration.methods[0]]).parameters.values())[1:]
    names = [one.name for one in declaration.arguments[first:]]
    names += [declaration.rest.name] if declaration.rest else []
    assert [one.name for one in parameters] == [*names, *declaration.options]


@every_term
def test_a_term_that_is_no_function_has_a_hook(declaration: Declaration) -> None:
    body = inspect.getsource(declaration.function).rsplit('"""', 1)[-1].strip()
    assert body or declaration.hooks


def test_a_number_is_used_once() -> None:
    assert len(BY_NUMBER) == len(TERMS) == len(BY_KIND)
    syntax = {kind.number for kind in (FUNC, IMPLICIT_VAR, MAKE_ARRAY, MAKE_OBJ, VAR)} | {180, 181}
    assert not syntax & BY_NUMBER.keys()


def test_a_method_name_is_used_once() -> None:
    for skipped in ("r", "chain"):
        names = [name for one in TERMS.values() if one.on != skipped for name in one.methods]
        assert sorted(names) == sorted(set(names))
