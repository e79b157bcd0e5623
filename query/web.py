"""One request over HTTP, as `r.http` makes it: retried, redirected, its answer read as JSON, text or binary.

What goes wrong is an HttpError in the words of RethinkDB, which are often those of curl. `requests` is imported when the
first request is made; without it that is a ReqlOpFailedError.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from query.errors import ReqlOpFailedError
from query.json_reading import JsonError, read_json
from query.values import Value

RETRIED: Final = frozenset({408, 500, 502, 503, 504})
"""Status codes that another attempt may not give."""

_CHUNK: Final = 65_536


@dataclass(slots=True)
class Request:
    """What is asked for. `auth` is the kind of authentication, the user and the password; `data` the body."""

    url: str
    method: str = "GET"
    params: dict[str, Value] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    data: bytes | None = None
    auth: tuple[str, str, str] | None = None
    result_format: str = "auto"
    timeout_ms: int = 30_000
    attempts: int = 5
    redirects: int = 1
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: its headers, their names in lower case, and the body as a value."""

    header: dict[str, Value]
    body: Value


class HttpError(Exception):
    """A request that failed, with what is known of the answer; `header` and `body` are None where there was none."""

    def __init__(self, reason: str, header: dict[str, Value] | None = None, body: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.header = header
        self.body = body


class _TemporaryError(HttpError):
    """One that another attempt may not meet."""


def library() -> Any:
    """The library `requests`; ReqlOpFailedError without it."""
    try:
        import requests
    except ImportError:
        raise ReqlOpFailedError(
            "r.http needs the library `requests`, which is not installed: pip install 'docstore[http]'."
        ) from None
    return requests


class Client:
    """Makes requests one after another; keeps cookies between them."""

    def __init__(self) -> None:
        self._session = library().Session()
        self._session.headers.clear()
        self._session.headers.update(
            {"Accept": "*/*", "Accept-Encoding": "deflate;q=1, gzip;q=0.5", "User-Agent": "docstore"}
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def perform(self, request: Request) -> Answer:
        """Make a request, as often as its `attempts` allow, within its timeout; HttpError where that fails."""
        deadline = time.monotonic() + request.timeout_ms / 1000
        problem = HttpError("could not perform, no attempts allowed")
        for _ in range(request.attempts):
            try:
                return self._attempt(request, deadline)
            except _TemporaryError as error:
                problem = error
        raise problem

    def _attempt(self, request: Request, deadline: float) -> Answer:
        requests = library()
        errors = requests.exceptions
        timed_out = HttpError(f"timed out after {request.timeout_ms // 1000}.{request.timeout_ms % 1000:03} seconds")
        left = deadline - time.monotonic()
        if left <= 0:
            raise timed_out
        self._session.max_redirects = max(request.redirects, 1)  # without any, it would refuse even to look
        try:
            response = self._session.request(
                request.method,
                full_url(request.url, request.params),
                headers={name: value.encode() for name, value in request.headers.items()},
                data=request.data,
                auth=_auth(request),
                timeout=left,
                allow_redirects=request.redirects > 0,
                verify=request.verify,
                stream=True,
            )
            with response:
                body = b"".join(_timely(response.iter_content(_CHUNK), deadline, timed_out))
        except errors.Timeout:
            raise timed_out from None
        except (errors.RequestException, ValueError) as error:
            raise _told(error, errors) from None
        return _answer(request, response, body)


def _timely(chunks: Iterator[bytes], deadline: float, timed_out: HttpError) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        if time.monotonic() > deadline:
            raise timed_out


def _auth(request: Request) -> Any:
    if request.auth is None:
        return None
    kind, user, password = request.auth
    auth = library().auth
    make = auth.HTTPDigestAuth if kind == "digest" else auth.HTTPBasicAuth
    return make(user.encode(), password.encode()) if kind == "basic" else make(user, password)


def _told(error: Exception, errors: Any) -> HttpError:
    """A failure of the library in the words of curl."""
    text = str(error)
    if isinstance(error, errors.TooManyRedirects):
        return HttpError("Number of redirects hit maximum amount")
    if isinstance(error, errors.SSLError):
        return HttpError("SSL peer certificate or SSH remote key was not OK")
    if isinstance(error, errors.InvalidSchema):
        return HttpError("Unsupported protocol")
    if isinstance(error, errors.ContentDecodingError):
        return HttpError("Unrecognized or bad HTTP Content or Transfer-Encoding")
    if isinstance(error, errors.ConnectionError | errors.ChunkedEncodingError):
        if any(word in text for word in ("Name or service", "getaddrinfo", "NameResolution", "resolve")):
            return HttpError("Couldn't resolve host name")
        if "timed out" in text:
            return HttpError("Timeout was reached")
        if "RemoteDisconnected" in text:
            return HttpError("Server returned nothing (no headers, no data)")
        if "NewConnectionError" in text or "refused" in text:
            return _TemporaryError("could not connect to server")
        return _TemporaryError("error when receiving data")
    return HttpError("URL using bad/illegal format or missing URL")


# The address


def full_url(url: str, params: Mapping[str, Value]) -> str:
    """The address with parameters behind those that it has; `http://` where it names no protocol.

    >>> full_url("example.com/a?b=1", {"c": "d e", "f": None})
    'http://example.com/a?b=1&c=d%20e&f='
    """
    full = url if "://" in url else f"http://{url}"
    encoded = encoded_fields(params)
    if not encoded:
        return full
    question, slash = url.rfind("?"), url.rfind("/")
    if question < 0 and slash < 0:
        full += "/"
    if question < 0 or slash > question:
        return f"{full}?{encoded}"
    return f"{full}&{encoded}" if not full.endswith(("?", "&")) else full + encoded


def encoded_fields(fields: Mapping[str, Value]) -> str:
    """Fields of strings, numbers and nulls as the text of a form."""
    return "&".join([f"{quote(name, safe='')}={quote(_text(fields[name]), safe='')}" for name in sorted(fields)])


def _text(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:.20g}" if isinstance(value, float) else str(value)


# The answer


def _answer(request: Request, response: Any, body: bytes) -> Answer:
    status = response.status_code
    header = _header(response.raw.headers.items())
    if not 200 <= status < 300:
        kind = _TemporaryError if status in RETRIED else HttpError
        raise kind(f"status code {status}", header, _decoded(body) if body else None)
    if request.method == "HEAD":
        return Answer(header, None)
    try:
        return Answer(header, _body(request.result_format, str(header.get("content-type", "")).lower(), body))
    except JsonError as error:
        raise HttpError(str(error), header, _decoded(body)) from None


def _decoded(body: bytes) -> str:
    return body.decode(errors="replace")


_JSONP_TYPES: Final = ("text/javascript", "application/json-p", "text/json-p")
_BINARY_TYPES: Final = ("audio/", "image/", "video/", "application/octet-stream")


def _body(result_format: str, content_type: str, body: bytes) -> Value:
    if result_format == "binary" or (result_format == "auto" and content_type.startswith(_BINARY_TYPES)):
        return body
    text = _decoded(body)
    if result_format == "auto" and content_type.startswith(_JSONP_TYPES):
        for read in (_json, _jsonp):
            try:
                return read(text)
            except JsonError:
                pass
        return text
    if result_format == "json" or (result_format == "auto" and content_type.startswith("application/json")):
        return _json(text)
    return _jsonp(text) if result_format == "jsonp" else text


def _json(text: str) -> Value:
    try:
        return read_json(text)
    except JsonError as error:
        raise JsonError(f"failed to parse JSON response: {error}") from None


_NAME: Final = (
    r"\s*[$_\p{Ll}\p{Lt}\p{Lu}\p{Lm}\p{Lo}\p{Nl}][$_\p{Ll}\p{Lt}\p{Lu}\p{Lm}\p{Lo}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*\s*"
)
_JSONP: Final = rf"""{_NAME}(?:\.{_NAME}|\[\s*['"].*['"]\s*\]\s*)?\(((?s).*)\)\s*;?\s*"""
_LINK: Final = r"^\s*<([^>]*)>\s*(?:;\s*([^,]+)\s*(?:,|$))"


def _jsonp(text: str) -> Value:
    import re2  # linear in the text, which a stranger wrote

    found = re2.fullmatch(_JSONP, text)
    if found is None:
        raise JsonError("failed to parse JSONP response")
    return _json(found[1])


def _header(lines: Iterator[tuple[str, str]]) -> dict[str, Value]:
    """The headers of an answer; the links of `Link` by their parameter, as `rel="next"`."""
    header: dict[str, Value] = {}
    links: dict[str, Value] = {}
    for name, value in lines:
        lower = name.lower()
        if lower == "link":
            links.update(_links(value))
        else:
            header[lower] = _decoded(value.encode("latin-1"))
    if links:
        header["link"] = links
    return header


def _links(line: str) -> dict[str, Value]:
    import re2

    links: dict[str, Value] = {}
    rest = line
    while rest:
        found = re2.match(_LINK, rest)
        if found is None:
            raise HttpError(f"failed to parse link header line: '{line}'")
        links[found[2]] = found[1]
        rest = rest[found.end() :]
    return links
