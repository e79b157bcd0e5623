"""`r.http`: what a server on the network says, within a query.

Allowed only on a connection that says so, `docstore.connect(path, allow_http=True)`: the addresses may come from documents
that somebody else wrote. Never in what is stored, such as index functions, which have to be deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias

from query.closures import Closure, Env, located
from query.errors import ReqlError, ReqlNonExistenceError, ReqlPermissionsError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.json_text import pretty
from query.merge import merge
from query.registry import term
from query.runtime import Function, Run, Stream, type_error
from query.term import FUNC, Term
from query.values import Value, type_name
from query.web import Answer, Client, HttpError, Request
from query.web_options import checked_params, request_of, whole_count


@term(153, on="r", deterministic=False)
def http(
    url: str,
    *,
    method: str = "GET",
    params: Value = None,
    header: Value = None,
    data: Value = None,
    auth: Value = None,
    result_format: str = "auto",
    timeout: int | float = 30,
    attempts: int = 5,
    redirects: int = 1,
    verify: bool = True,
    page: str | Function | None = None,
    page_limit: int | None = None,
) -> object:
    """What a server answers to a request; with `page`, a stream of what it answers to several.

    - `method`: `"GET"`, `"HEAD"` (gives null), `"POST"`, `"PUT"`, `"PATCH"` or `"DELETE"`.
    - `params`: an object of what is put behind the address, as `?name=value`.
    - `header`: more headers, an object or an array of lines. `auth`: `{type, user, pass}`, the type `"basic"` or `"digest"`.
    - `data`: the body; an object is sent as a form by POST, by others anything but a string is sent as JSON.
    - `result_format`: `"text"`, `"json"`, `"jsonp"`, `"binary"`, or `"auto"`, by the type that the server tells.
    - `timeout` in seconds, `attempts` when the failure may pass, `redirects` that are followed at most, `verify=False` to
      accept any certificate.
    - `page`: what to ask for after each answer: `"link-next"`, the link that the server gives, or a function of
      `{params, header, body}` that gives the next address, an object of `url` and `params`, or null for the end.
      `page_limit` is needed with it: requests to make, -1 for no limit. An array is taken apart into its elements.

    Raises ReqlPermissionsError where the connection does not allow it, ReqlNonExistenceError, which `default` catches, for
    a request that fails.

    >>> query = r.http("localhost:1/nobody-listens", attempts=1).default("no answer")
    >>> with connect(allow_http=True) as allowed:
    ...     query.run(allowed)
    'no answer'
    """


_LINK_NEXT: Final = 'rel="next"'

NextPage: TypeAlias = Callable[[dict[str, Value]], Value]


@http.streams
def _(compiler: Compiler, node: Term) -> bool:
    page = node.options.get("page")
    return type(page) is Term and page.kind is FUNC


@http.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    url = compiler.value(node.args[0])
    options = {name: compiler.value(arg) for name, arg in node.options.items() if name != "page"}
    page_of = _page(compiler, node)

    def ask(env: Env) -> Any:
        try:
            _check_allowed(env[0])
            request = request_of(url(env), {name: value(env) for name, value in options.items()})
            page = page_of(env)
            if page is not None:
                limit = _page_limit(env, options.get("page_limit"))
                return Stream(lambda: _pages(request, page, limit, node))
            with Client() as client:
                return _perform(client, request).body
        except ReqlError as error:
            raise located(error, node) from None

    return ask


def _check_allowed(run: Run) -> None:
    if run.options.get("allow_http") is not True:
        raise ReqlPermissionsError(
            "r.http is not allowed on this connection: open it with docstore.connect(path, allow_http=True)."
        )


def _perform(client: Client, request: Request) -> Answer:
    try:
        return client.perform(request)
    except HttpError as error:
        text = f"Error in HTTP {request.method} of `{request.url}`: {error.reason}."
        if error.header is not None:
            text += f"\nheader:\n{pretty(error.header)}"
        if error.body is not None:
            text += f"\nbody:\n{pretty(error.body)}"
        raise ReqlNonExistenceError(text) from None


# Pages


def _page(compiler: Compiler, node: Term) -> Callable[[Env], NextPage | None]:
    """What makes the function that gives the next page, within one execution; None for a single answer."""
    arg = node.options.get("page")
    if type(arg) is Term and arg.kind is FUNC:
        return compiler.function(arg, 1).bind
    value = compiler.any(arg)

    def page(env: Env) -> NextPage | None:
        found = value(env)
        if found is None:
            return None
        if type(found) is Function:
            return found.call
        if type(found) is not str:
            raise type_error("STRING", found)
        if found != "link-next":
            raise ReqlQueryLogicError(f"`page` method '{found}' not recognized, only 'link-next' is available.")
        return _next_link

    return page


def _next_link(info: dict[str, Value]) -> Value:
    return info["header"].get("link", {}).get(_LINK_NEXT)


def _page_limit(env: Env, value: Closure | None) -> int:
    if value is None:
        raise ReqlQueryLogicError(
            "Cannot use `page` without specifying `page_limit` "
            "(a positive number performs that many requests, -1 is unlimited)."
        )
    found = value(env)
    if type(found) is int and found < -1:
        raise ReqlQueryLogicError("`page_limit` should be greater than or equal to -1.")
    return -1 if found == -1 else whole_count(found, 63)


def _pages(request: Request, page: NextPage, limit: int, node: Term) -> Iterator[Value]:
    """The answers, page by page, one request after another as they are asked for."""
    request = replace(request)
    with Client() as client:
        while limit != 0:
            limit -= 1
            try:
                answer = _perform(client, request)
                last = limit == 0 or not _advance(request, answer, page)
            except ReqlError as error:
                raise located(error, node) from None
            if type(answer.body) is list:
                yield from answer.body
            else:
                yield answer.body
            if last:
                return


def _advance(request: Request, answer: Answer, page: NextPage) -> bool:
    """Make the request that of the next page; False where there is none."""
    info = {"params": request.params, "header": answer.header, "body": answer.body}
    try:
        return _follow(request, page(info))
    except ReqlError as error:
        raise type(error)(
            f"Error in HTTP {request.method} of `{request.url}`: {error.message}.\n"
            f"Error occurred during `page` called with:\n{pretty(info)}\n"
        ) from None


def _follow(request: Request, found: Value) -> bool:
    if type(found) is not dict:
        if found is not None and type(found) is not str:
            raise ReqlQueryLogicError(f"Expected `page` to return an OBJECT, but found {type_name(found)}.")
        return _go_to(request, found)
    if not {"url", "params"} & found.keys():
        raise ReqlQueryLogicError("OBJECT returned by `page` must contain `url` and/or `params` fields.")
    if "params" in found:
        request.params = merge(request.params, checked_params(found["params"]))
    return _go_to(request, found["url"]) if "url" in found else True


def _go_to(request: Request, url: Value) -> bool:
    if url is None:
        return False
    if type(url) is not str:
        raise ReqlQueryLogicError(
            f"Expected `url` in OBJECT returned by `page` to be a STRING or NULL, but found {type_name(url)}."
        )
    request.url = url
    return True
