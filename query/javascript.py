"""JavaScript, as `r.js` runs it: a script in a context of its own, its value as one of ours, its functions to be called.

QuickJS runs it, without access to anything outside, within a time and a memory limit; it is imported when the first
script is run. Values pass as JSON: times are Dates, numbers doubles. A context belongs to the thread that made it, so a
function that is called in another thread is made there once more.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from query.errors import ReqlOpFailedError, ReqlQueryLogicError
from query.json_reading import JsonError, read_json
from query.json_text import compact
from query.values import Bound, Value

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


def library() -> Any:
    """The library `quickjs`; ReqlOpFailedError without it."""
    try:
        import quickjs
    except ImportError:
        raise ReqlOpFailedError(
            "r.js needs the library `quickjs`, which is not installed: pip install 'docstore[js]'."
        ) from None
    return quickjs


class Script:
    """One script, run once; what it gives may be a function, which can be called."""

    def __init__(self, source: str, timeout_ms: int) -> None:
        self.source = source
        self.timeout_ms = timeout_ms
        self.value: Value = None
        self.is_function = False
        self._run: Any = None
        self._thread = 0
        self._start()

    def call(self, *args: Value) -> Value:
        """What the function gives for arguments."""
        if self._thread != threading.get_ident():
            self._start()
        for arg in args:
            _check_passable(arg)
        return self._told(True, f"[{','.join(map(compact, args))}]")

    def _start(self) -> None:
        context = library().Context()
        context.set_memory_limit(MEMORY_LIMIT)
        context.set_max_stack_size(STACK_LIMIT)
        run = context.eval(_HELPERS)
        context.set_time_limit(max(self.timeout_ms, 1) / 1000)
        self._run, self._thread = run, threading.get_ident()
        self.value = self._told(False, self.source)

    def _told(self, is_call: bool, given: str) -> Value:
        try:
            found = self._run(is_call, given)
        except library().JSException as error:
            raise self._failure(str(error)) from None
        if found[0] == "e":
            raise ReqlQueryLogicError(found[1:])
        self.is_function = self.is_function or found == "f"
        try:
            return None if found == "f" else read_json(found[1:])
        except JsonError as error:
            raise ReqlQueryLogicError(f"Cannot convert what the script gave: {error}") from None

    def _failure(self, reason: str) -> ReqlQueryLogicError:
        """What no script can catch: its time was over, or its memory."""
        if "interrupted" in reason:
            seconds = f"{self.timeout_ms // 1000}.{self.timeout_ms % 1000:03}"
            return ReqlQueryLogicError(f"JavaScript query `{self.source}` timed out after {seconds} seconds.")
        if reason.startswith("InternalError: stack overflow"):
            return ReqlQueryLogicError("InternalError: stack overflow")
        return ReqlQueryLogicError(f"Javascript query `{self.source}` caused a crash in a worker process.")


def _check_passable(value: Value) -> None:
    kind = type(value)
    if kind is bytes:
        raise ReqlQueryLogicError("`r.binary` data cannot be used in `r.js`.")
    if kind is Bound:
        raise ReqlQueryLogicError(f"`{value!r}` cannot be passed to `r.js`.")
    if kind is list or kind is dict:
        for item in value if kind is list else value.values():
            _check_passable(item)
