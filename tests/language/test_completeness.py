"""Every term has a case in this folder by each of its names, and by its operator."""

from __future__ import annotations

import ast

import pytest

from query.operators import OPERATORS
from query.registry import TERMS, Declaration
from tests.language.conftest import chapters


def _used() -> tuple[set[str], set[str]]:
    """The methods that the queries of the cases call, and what Python calls the operators in them."""
    names: set[str] = set()
    operators: set[str] = set()
    for _, chapter in chapters():
        sources = [*chapter.get("setup", []), *[case["query"] for case in chapter["cases"]]]
        for node in ast.walk(ast.Module([ast.parse(source).body[0] for source in sources], [])):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Subscript):
                operators.add("bracket")
            elif isinstance(node, ast.operator | ast.unaryop | ast.cmpop):
                operators.add(_TERM_OF_NODE.get(type(node), ""))
    return names, operators


_TERM_OF_NODE: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Mod: "mod",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.Invert: "not",
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
NAMES, OPERATORS_USED = _used()


@pytest.mark.parametrize("declaration", TERMS.values(), ids=TERMS.keys())
def test_every_name_of_a_term_has_a_case(declaration: Declaration) -> None:
    assert not set(declaration.methods) - NAMES


@pytest.mark.parametrize("name", sorted({*OPERATORS, "not", "bracket"}))
def test_every_operator_has_a_case(name: str) -> None:
    assert name in OPERATORS_USED
