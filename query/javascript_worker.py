"""A process that runs scripts in JavaScript for another, which talks to it over its standard input and output.

QuickJS does not survive every script: one that runs out of memory at the wrong moment brings the process down. So scripts
run here, and a process that dies takes none of the user's with it. This file is run by its path and imports nothing of the
package; its argument is the folder that holds the library.

A message is its length in 8 bytes, then UTF-8. A question begins with a letter: `s`, the milliseconds that a script may
take, a space and the script, which begins anew, in a context of its own; or `c` and an array of arguments in JSON, to call
the function that the script gave. The answer is `v` and JSON, `f` for a function, `e` and an error of the script, or `x`
and what QuickJS said when it broke the script off.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, BinaryIO, Final

MEMORY_LIMIT: Final = 256 * 2**20
STACK_LIMIT: Final = 2**20

_HELPERS: Final = r"""
(function () {
  'use strict';
  const quote = JSON.stringify, parse = JSON.parse, isArray = Array.isArray, evaluate = eval;
  let made = null;

  class Fault {
    constructor(message) { this.message = message; }
    toString() { return this.message; }
  }

  function text(value, levels) {
    if (levels === 0) throw new Fault('Recursion limit exceeded in js_to_json (circular reference?).');
    if (value === null) return 'null';
    switch (typeof value) {
      case 'string': return quote(value);
      case 'boolean': return value ? 'true' : 'false';
      case 'number':
        if (!isFinite(value)) throw new Fault('Number return value is not finite.');
        return Object.is(value, -0) ? '-0.0' : String(value);
      case 'function': throw new Fault('Cannot convert function to ql::datum_t.');
      case 'undefined': throw new Fault('Cannot convert javascript `undefined` to ql::datum_t.');
      case 'object': break;
      default: throw new Fault('Unrecognized value type when converting to ql::datum_t.');
    }
    if (isArray(value)) {
      const items = [];
      for (let i = 0; i < value.length; i++) items[i] = text(value[i], levels - 1);
      return '[' + items.join(',') + ']';
    }
    if (value instanceof RegExp) throw new Fault('Cannot convert RegExp to ql::datum_t.');
    if (value instanceof Date) {
      return '{"$reql_type$":"TIME","epoch_time":' + text(value.getTime() / 1000, 1) + ',"timezone":"+00:00"}';
    }
    const fields = [];
    for (const name in value) fields[fields.length] = quote(name) + ':' + text(value[name], levels - 1);
    return '{' + fields.join(',') + '}';
  }

  function told(action) {
    try { return action(); } catch (error) { return 'e' + String(error); }
  }

  function revived(name, value) {
    return value !== null && value['$reql_type$'] === 'TIME' ? new Date(value.epoch_time * 1000) : value;
  }

  return function (is_call, given) {
    return told(function () {
      const found = is_call ? made.apply({}, parse(given, revived)) : evaluate(given);
      if (typeof found !== 'function') return 'v' + text(found, 500);
      if (is_call) throw new Fault('Returning functions from within `r.js` is unsupported.');
      made = found;
      return 'f';
    });
  };
})()
"""
"""Gives a function that runs a script, or calls what a script gave: `v` and JSON, `f` for a function, `e` and an error."""


def serve(questions: BinaryIO, answers: BinaryIO, quickjs: Any) -> None:
    """Answer questions until there are no more."""
    run: Callable[[bool, str], str] | None = None
    while head := questions.read(8):
        question = questions.read(int.from_bytes(head, "big")).decode("utf-8", "surrogatepass")
        kind, given = question[0], question[1:]
        try:
            if kind == "s":
                milliseconds, _, given = given.partition(" ")
                context = quickjs.Context()
                context.set_memory_limit(MEMORY_LIMIT)
                context.set_max_stack_size(STACK_LIMIT)
                run = context.eval(_HELPERS)
                context.set_time_limit(int(milliseconds) / 1000)
            assert run is not None
            answer = run(kind == "c", given)
        except quickjs.JSException as error:
            answer = f"x{error}"
        if kind == "s" and answer != "f":
            run = context = None  # it may hold much
        data = answer.encode("utf-8", "surrogatepass")
        answers.write(len(data).to_bytes(8, "big") + data)
        answers.flush()


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    import quickjs as library

    serve(sys.stdin.buffer, sys.stdout.buffer, library)
