"""Which part of a user's query an error is about.

What runs is not the query that was written: its constants were taken out (`analysis.parameterize`), rules rewrote it
(`query.planner`), and an error knows the term of that tree that raised it. The tree as it was before the rules has the
shape of the query, so a path in one is a path in the other. A term is looked for in it, in this order:

1. itself, by identity; then one equal to it, for an error whose plan is gone;
2. one that is the same but for its first argument, which the compiler replaces to apply a term to groups;
3. for a term that a rule made, the smallest part that holds all that the rule kept: a rule moves arguments as they are.
"""

from __future__ import annotations

from typing import Protocol

from query.analysis import parameterize
from query.errors import ReqlCompileError, ReqlDriverError, ReqlError, ReqlRuntimeError
from query.printer import Path, path_to, steps, underline
from query.term import Argument, Term, walk


class Planned(Protocol):
    """What is asked of a plan: the query without its constants, before any rule."""

    @property
    def parameterized(self) -> Term:
        """The query with parameters in the places of its constants."""


def explain_error(error: ReqlError, root: Argument, plan: Planned | Term | None) -> None:
    """Let an error that leaves a query show the text of the query, the part that failed underlined.

    `plan` is what the query was compiled to, or its tree before the rules; without either a tree is made anew.
    """
    if error.source is not None or type(root) is not Term:
        return
    if type(error.term) is not Term:
        _show_whole(error, root)
        return
    if plan is None:
        plan = parameterize(root)
    path = locate(plan if isinstance(plan, Term) else plan.parameterized, error.term)
    error.source = underline(root, path)
    error.term = part_at(root, path)


def _show_whole(error: ReqlError, root: Term) -> None:
    """Underline all of a query for its error that no part of it raised; what is wrong with the store is not its error."""
    if isinstance(error, ReqlRuntimeError | ReqlCompileError) and not isinstance(error, ReqlDriverError):
        error.term, error.source = root, underline(root, ())


def locate(tree: Term, term: Term) -> Path:
    """The path in a query of a term that was compiled from it; that of the whole query where nothing better is known."""
    path = path_to(tree, term)
    if path is not None:
        return path
    twin = next((node for node in walk(tree) if node == term), None) or next(
        (node for node in walk(tree) if _differs_in_first(node, term)), None
    )
    if twin is not None:
        return path_to(tree, twin) or ()
    kept = _kept(tree, term)
    if len(kept) == 1:
        return kept[0][:-1]
    return _common(kept)


def part_at(root: Argument, path: Path) -> Argument:
    """The part of a query at a path, or the last one on the way that is a Term."""
    for step in path:
        if type(root) is not Term:
            break
        root = root.options[step] if isinstance(step, str) else root.args[step]
    return root


def _differs_in_first(node: Term, term: Term) -> bool:
    return (
        node.kind is term.kind
        and len(node.args) == len(term.args) > 0
        and all(one is other for one, other in zip(node.args[1:], term.args[1:], strict=True))
        and node.options.keys() == term.options.keys()
        and all(node.options[name] is arg for name, arg in term.options.items())
    )


def _kept(tree: Term, term: Term) -> list[Path]:
    """The paths of the outermost parts of a made term that stand in the query."""
    found: list[Path] = []
    for _, child in steps(term):
        if type(child) is Term:
            path = path_to(tree, child)
            found += [path] if path is not None else _kept(tree, child)
    return found


def _common(paths: list[Path]) -> Path:
    """The longest beginning that all paths share."""
    if not paths:
        return ()
    first, last = min(paths, key=_order), max(paths, key=_order)
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]


def _order(path: Path) -> tuple[str, ...]:
    return tuple(map(str, path))
