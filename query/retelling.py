"""Errors that show a document show all of it.

A scan decodes only the fields that a query looks at, so what an error can show of a document that lacks one is what is
left: `No attribute `a` in object: {}`. When such an error leaves a query that only reads, the query is run once more, up
to that error, with whole documents. That costs as much as the query did, once, and nothing where there is no error. A
query that asks a server is not run again.
"""

from __future__ import annotations

from query.determinism import asks_servers
from query.errors import ReqlError, ReqlNonExistenceError
from query.evaluate import Compiler
from query.locate import explain_error
from query.planner import make_plan
from query.runtime import Run, Stream
from query.term import Argument, Term


def retold(error: ReqlError, root: Argument, run: Run) -> ReqlError:
    """The error with the document whole; itself where documents were whole, or where it does not come again."""
    if type(error) is not ReqlNonExistenceError or type(root) is not Term or asks_servers(root):
        return error
    compiler = Compiler(1 + len(root.constants), whole=True)
    plan = make_plan(root, run, compiler=compiler)
    if not compiler.is_widened:
        return error
    try:
        found = plan.execute(run, root.constants)
        if type(found) is Stream:
            for _ in found.rows():
                pass
    except ReqlNonExistenceError as again:
        explain_error(again, root, plan)
        return again
    except ReqlError:
        pass
    return error
