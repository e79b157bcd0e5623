"""`r.http` against a server of this process: what is asked, how the answer is read, redirects, attempts, pages, errors."""

from __future__ import annotations

import base64
import gzip
import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

import docstore
from docstore import Connection
from query import ReqlError, ReqlNonExistenceError, ReqlPermissionsError, ReqlQueryLogicError, r

pytest.importorskip("requests")

ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/json": (200, {"Content-Type": "application/json; charset=utf-8"}, b'{"a": [1, 2.5, "\xc3\xa9"]}'),
    "/bad-json": (200, {"Content-Type": "application/json"}, b"{bad}"),
    "/text": (200, {"Content-Type": "text/plain"}, "grüße".encode()),
    "/json-as-text": (200, {"Content-Type": "text/plain"}, b"[1]"),
    "/jsonp": (200, {"Content-Type": "text/javascript"}, b'callback({"a": 1});'),
    "/jsonp-dotted": (200, {"Content-Type": "application/json-p"}, b" a.b ([1]) "),
    "/jsonp-bracket": (200, {"Content-Type": "text/json-p"}, b'a["b"](2);'),
    "/javascript-json": (200, {"Content-Type": "text/javascript"}, b"[3]"),
    "/javascript": (200, {"Content-Type": "text/javascript"}, b"var a = 1"),
    "/png": (200, {"Content-Type": "image/png"}, b"\x89PNG"),
    "/octets": (200, {"Content-Type": "application/octet-stream"}, b"\x00\xff"),
    "/untyped": (200, {}, b"[1]"),
    "/gzip": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"packed")),
    "/empty": (204, {}, b""),
    "/404": (404, {"X-Reason": "none"}, b"gone"),
    "/bare-404": (404, {}, b""),
    "/redirect": (302, {"Location": "/json"}, b""),
    "/redirect-twice": (302, {"Location": "/redirect"}, b""),
    "/redirect-ftp": (302, {"Location": "ftp://localhost/"}, b""),
    "/page1": (200, {"Content-Type": "application/json", "Link": '<{}/page2>; rel="next"'}, b"[1, 2]"),
    "/page2": (
        200,
        {"Content-Type": "application/json", "Link": '<{}/page3>; rel="next", <{}/page1>; rel="prev"'},
        b"[3]",
    ),
    "/page3": (200, {"Content-Type": "application/json"}, b'{"last": true}'),
    "/bad-link": (200, {"Link": "nonsense"}, b""),
}


class Handler(BaseHTTPRequestHandler):
    """Answers from the table above; `/echo` tells what was asked."""

    asked: dict[str, int] = {}  # noqa: RUF012 - one count for all requests

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.asked[path] = self.asked.get(path, 0) + 1
        if path == "/echo":
            self._send(200, {"Content-Type": "application/json"}, json.dumps(self._told()).encode())
        elif path == "/slow":
            time.sleep(0.5)
            self._send(200, {}, b"late")
        elif path == "/flaky":
            self._send(503 if self.asked[path] < 3 else 200, {}, b"up")
        elif path == "/broken":
            self.wfile.write(b"")
            self.close_connection = True
        elif path == "/basic":
            known = self.headers.get("Authorization") == "Basic " + base64.b64encode(b"ann:pw").decode()
            self._send(200 if known else 401, {"WWW-Authenticate": 'Basic realm="x"'}, b"in" if known else b"out")
        elif path == "/digest":
            known = self.headers.get("Authorization", "").startswith('Digest username="ann"')
            challenge = {"WWW-Authenticate": 'Digest realm="x", nonce="n", qop="auth"'}
            self._send(200 if known else 401, {} if known else challenge, b"in" if known else b"out")
        elif path == "/cookies":
            self._send(
                200,
                {"Content-Type": "application/json", "Set-Cookie": "seen=1"},
                json.dumps(self.headers.get("Cookie")).encode(),
            )
        else:
            self._send(*ANSWERS.get(path, (404, {}, b"no such path")))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def _told(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        return {
            "method": self.command,
            "path": self.path,
            "params": dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)),
            "header": {name.lower(): value for name, value in self.headers.items()},
            "data": self.rfile.read(length).decode(),
        }

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value.replace("{}", f"http://{self.headers['Host']}"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def db() -> Iterator[Connection]:
    Handler.asked.clear()
    with docstore.connect(allow_http=True) as connection:
        yield connection


def asked(db: Connection, url: str, **options: Any) -> Any:
    return r.http(url, **options).run(db)


def error_of(db: Connection, url: str, **options: Any) -> ReqlError:
    with pytest.raises(ReqlError) as caught:
        found = r.http(url, **options).run(db)
        if isinstance(found, docstore.Cursor):
            list(found)
    return caught.value


# How an answer is read


@pytest.mark.parametrize(
    ("path", "result_format", "wanted"),
    [
        ("/json", "auto", {"a": [1, 2.5, "é"]}),
        ("/json", "text", '{"a": [1, 2.5, "é"]}'),
        ("/json", "binary", b'{"a": [1, 2.5, "\xc3\xa9"]}'),
        ("/text", "auto", "grüße"),
        ("/json-as-text", "auto", "[1]"),
        ("/json-as-text", "json", [1]),
        ("/jsonp", "auto", {"a": 1}),
        ("/jsonp", "jsonp", {"a": 1}),
        ("/jsonp-dotted", "auto", [1]),
        ("/jsonp-bracket", "auto", 2),
        ("/javascript-json", "auto", [3]),
        ("/javascript", "auto", "var a = 1"),
        ("/png", "auto", b"\x89PNG"),
        ("/octets", "auto", b"\x00\xff"),
        ("/untyped", "auto", "[1]"),
        ("/gzip", "auto", "packed"),
        ("/empty", "auto", ""),
    ],
)
def test_an_answer_is_read_by_its_type_or_as_asked_for(
    db: Connection, site: str, path: str, result_format: str, wanted: Any
) -> None:
    assert asked(db, site + path, result_format=result_format) == wanted
    if result_format == "auto":
        assert asked(db, site + path) == wanted


def test_an_answer_that_is_no_json(db: Connection, site: str) -> None:
    error = error_of(db, site + "/bad-json")
    assert type(error) is ReqlNonExistenceError
    reason = "failed to parse JSON response: Missing a name for object member.."
    assert error.message.startswith(f"Error in HTTP GET of `{site}/bad-json`: {reason}\nheader:\n{{")
    assert error.message.endswith('\nbody:\n"{bad}"')
    assert "failed to parse JSONP response." in error_of(db, site + "/javascript", result_format="jsonp").message


def test_a_head_request_gives_null(db: Connection, site: str) -> None:
    assert asked(db, site + "/json", method="HEAD") is None


# What is asked


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_methods(db: Connection, site: str, method: str) -> None:
    assert asked(db, site + "/echo", method=method)["method"] == method


def test_parameters_are_put_behind_the_address(db: Connection, site: str) -> None:
    params = {"b": "x y&z=ä", "a": 1, "c": None, "d": 1.5}
    told = asked(db, site + "/echo", params=params)
    assert told["path"] == "/echo?a=1&b=x%20y%26z%3D%C3%A4&c=&d=1.5"
    assert asked(db, site + "/echo?z=0", params={"a": 1})["params"] == {"z": "0", "a": "1"}


def test_an_address_without_a_protocol_is_one_of_http(db: Connection, site: str) -> None:
    assert asked(db, site.removeprefix("http://") + "/json") == {"a": [1, 2.5, "é"]}


def test_headers(db: Connection, site: str) -> None:
    header = asked(db, site + "/echo")["header"]
    assert header["user-agent"] == "docstore"
    assert header["accept-encoding"] == "deflate;q=1, gzip;q=0.5"
    header = asked(db, site + "/echo", header={"X-A": "1", "x-null": None, "User-Agent": "me"})["header"]
    assert (header["x-a"], header["user-agent"]) == ("1", "me")
    assert "x-null" not in header
    assert asked(db, site + "/echo", header=["X-A: 1", "X-B:2"])["header"]["x-b"] == "2"


def test_data(db: Connection, site: str) -> None:
    url = site + "/echo"
    told = asked(db, url, method="POST", data={"b": "x y", "a": 1, "c": None})
    assert told["data"] == "a=1&b=x%20y&c="
    assert told["header"]["content-type"] == "application/x-www-form-urlencoded"
    assert asked(db, url, method="POST", data="as it is")["data"] == "as it is"
    for method in ("PUT", "PATCH", "DELETE"):
        told = asked(db, url, method=method, data={"a": [1, None]})
        assert told["data"] == '{"a":[1,null]}'
        assert told["header"]["content-type"] == "application/json"
        told = asked(db, url, method=method, data="text", header={"content-type": "text/x"})
        assert (told["data"], told["header"]["content-type"]) == ("text", "text/x")


def test_authentication(db: Connection, site: str) -> None:
    auth = {"user": "ann", "pass": "pw"}
    assert asked(db, site + "/basic", auth=auth) == "in"
    assert asked(db, site + "/basic", auth={**auth, "type": "basic"}) == "in"
    assert asked(db, site + "/digest", auth={**auth, "type": "digest"}) == "in"
    assert "status code 401." in error_of(db, site + "/basic", auth={**auth, "pass": "no"}).message


# Within queries


def test_the_address_may_be_reckoned(db: Connection, site: str) -> None:
    query = r.expr([1, 2]).map(lambda i: r.http(site + "/echo", params={"i": i})["params"]["i"])
    assert query.run(db) == ["1", "2"]
    assert r.http(r.format(site + "/{name}", {"name": "json"}))["a"][0].run(db) == 1
    r.table_create("t").run(db)
    assert r.table("t").insert(r.http(site + "/json").merge({"id": 1})).run(db)["inserted"] == 1
    assert Handler.asked["/json"] == 2


def test_a_failure_is_something_missing(db: Connection, site: str) -> None:
    assert r.http(site + "/404").default("none").run(db) == "none"
    error = error_of(db, site + "/404")
    assert error.message.startswith(f'Error in HTTP GET of `{site}/404`: status code 404.\nheader:\n{{\n\t"')
    assert error.message.endswith('\nbody:\n"gone"')
    assert "\nbody:" not in error_of(db, site + "/bare-404").message


def test_a_failure_is_not_asked_for_twice(db: Connection, site: str) -> None:
    r.table_create("t").run(db)
    r.table("t").insert({"id": 1, "a": 1, "b": 2}).run(db)
    with pytest.raises(ReqlNonExistenceError):
        list(r.table("t").map(lambda row: r.http(site + "/404", params={"a": row["a"]})).run(db))
    assert Handler.asked["/404"] == 1


# Redirects, attempts, timeouts


def test_redirects(db: Connection, site: str) -> None:
    assert asked(db, site + "/redirect")["a"][0] == 1
    assert "status code 302." in error_of(db, site + "/redirect", redirects=0).message
    assert "Number of redirects hit maximum amount." in error_of(db, site + "/redirect-twice").message
    assert asked(db, site + "/redirect-twice", redirects=2)["a"][0] == 1
    assert "Unsupported protocol." in error_of(db, site + "/redirect-ftp").message


def test_attempts(db: Connection, site: str) -> None:
    assert "status code 503." in error_of(db, site + "/flaky", attempts=2).message
    assert Handler.asked["/flaky"] == 2
    assert asked(db, site + "/flaky") == "up"
    assert error_of(db, site + "/404").message
    assert Handler.asked["/404"] == 1
    assert "could not perform, no attempts allowed." in error_of(db, site + "/json", attempts=0).message


def test_timeouts(db: Connection, site: str) -> None:
    assert "timed out after 0.100 seconds." in error_of(db, site + "/slow", timeout=0.1).message
    assert "timed out after 0.000 seconds." in error_of(db, site + "/json", timeout=0).message
    assert asked(db, site + "/slow", timeout=10) == "late"


def test_nobody_there(db: Connection, site: str) -> None:
    assert "could not connect to server." in error_of(db, "http://127.0.0.1:1/", attempts=2).message
    assert "Unsupported protocol." in error_of(db, "ftp://127.0.0.1/").message
    assert "Server returned nothing (no headers, no data)." in error_of(db, site + "/broken").message
    assert "URL using bad/illegal format or missing URL." in error_of(db, "http://").message
    assert "Couldn't resolve host name." in error_of(db, "http://nowhere.invalid/").message
    assert asked(db, site + "/json", verify=False)


# Pages


def test_pages_by_links(db: Connection, site: str) -> None:
    pages = r.http(site + "/page1", page="link-next", page_limit=10)
    assert list(pages.run(db)) == [1, 2, 3, {"last": True}]
    assert pages.count().run(db) == 4
    assert list(r.http(site + "/page1", page="link-next", page_limit=2).run(db)) == [1, 2, 3]
    assert list(r.http(site + "/page1", page="link-next", page_limit=-1).run(db)) == [1, 2, 3, {"last": True}]
    assert list(r.http(site + "/page1", page="link-next", page_limit=0).run(db)) == []
    assert pages.type_of().run(db) == "STREAM"


def test_only_as_many_pages_are_asked_for_as_are_read(db: Connection, site: str) -> None:
    assert list(r.http(site + "/page1", page="link-next", page_limit=10).limit(1).run(db)) == [1]
    assert "/page3" not in Handler.asked


def test_pages_by_a_function(db: Connection, site: str) -> None:
    url = site + "/echo"

    def more(info: Any) -> Any:
        i = info["params"]["i"]
        return r.branch(i < 3, {"params": {"i": i + 1}}, None)

    rows = list(r.http(url, params={"i": 1, "j": 0}, page=more, page_limit=9).run(db))
    assert [row["params"] for row in rows] == [{"i": str(i), "j": "0"} for i in (1, 2, 3)]
    to_url = r.http(url, page=lambda info: r.branch(info["body"]["path"] == "/echo", url + "?last", None), page_limit=9)
    assert [row["path"] for row in to_url.run(db)] == ["/echo", "/echo?last"]
    by_object = r.http(url, page=lambda info: {"url": None}, page_limit=9)
    assert by_object.count().run(db) == 1
    of_header = r.http(site + "/page1", page=r.row["header"]["link"]['rel="next"'].default(None), page_limit=9)
    assert of_header.count().run(db) == 4
    assert r.http(url, page=None).run(db)["method"] == "GET"


def test_pages_keep_cookies(db: Connection, site: str) -> None:
    again = r.http(site + "/cookies", page=lambda info: site + "/cookies", page_limit=2)
    assert list(again.run(db)) == [None, "seen=1"]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (lambda info: 1, "Expected `page` to return an OBJECT, but found NUMBER.."),
        (lambda info: {}, "OBJECT returned by `page` must contain `url` and/or `params` fields.."),
        (
            lambda info: {"url": 1},
            "Expected `url` in OBJECT returned by `page` to be a STRING or NULL, but found NUMBER..",
        ),
        (lambda info: {"params": 1}, "Expected `params` to be an OBJECT, but found NUMBER:\n1."),
        (lambda info: info["none"], "No attribute `none` in object:"),
    ],
)
def test_a_function_that_gives_no_page(db: Connection, site: str, page: Any, message: str) -> None:
    error = error_of(db, site + "/json", page=page, page_limit=2)
    assert error.message.startswith(f"Error in HTTP GET of `{site}/json`: {message}")
    assert "\nError occurred during `page` called with:\n{" in error.message


def test_a_link_header_that_is_none(db: Connection, site: str) -> None:
    assert "failed to parse link header line: 'nonsense'." in error_of(db, site + "/bad-link").message


# Options that cannot be


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"method": "TRACE"},
            "`method` (TRACE) is not recognized (GET, HEAD, POST, PUT, PATCH and DELETE are allowed).",
        ),
        ({"method": "get"}, "`method` (get) is not recognized"),
        ({"method": 1}, "Expected type STRING but found NUMBER."),
        ({"params": 1}, "Expected `params` to be an OBJECT, but found NUMBER:\n1"),
        ({"params": {"a": [1]}}, "Expected `params.a` to be a NUMBER, STRING or NULL, but found ARRAY:\n[\n\t1\n]"),
        ({"header": 1}, "Expected `header` to be an ARRAY or OBJECT, but found NUMBER."),
        ({"header": {"a": 1}}, "Expected `header.a` to be a STRING or NULL, but found NUMBER."),
        ({"header": ["a: 1", 2]}, "Expected `header[1]` to be a STRING, but found NUMBER."),
        ({"header": {"a": "b\r\nc: d"}}, "A `header` item contains newline characters."),
        ({"data": "x"}, "`data` should only be specified on a PUT, POST, PATCH, or DELETE request.  If you want URL"),
        ({"method": "POST", "data": 1}, "Expected `data` to be a STRING or OBJECT, but found NUMBER."),
        ({"method": "POST", "data": {"a": []}}, "Expected `data.a` to be a NUMBER, STRING or NULL, but found ARRAY."),
        ({"auth": 1}, "Expected `auth` to be an OBJECT, but found NUMBER."),
        ({"auth": {"user": "a"}}, "`auth.pass` not found in the auth object."),
        ({"auth": {"pass": "a"}}, "`auth.user` not found in the auth object."),
        ({"auth": {"user": 1, "pass": "a"}}, "Expected `auth.user` to be a STRING, but found NUMBER."),
        ({"auth": {"type": 1, "user": "a", "pass": "b"}}, "Expected `auth.type` to be a STRING, but found NUMBER."),
        (
            {"auth": {"type": "ntlm", "user": "a", "pass": "b"}},
            "`auth.type` is not recognized ('basic', and 'digest' are allowed).",
        ),
        ({"result_format": "xml"}, "`result_format` (xml) is not recognized, ('auto', 'json', 'jsonp', 'text', and"),
        ({"timeout": -1}, "`timeout` may not be negative."),
        ({"timeout": "1"}, "Expected type NUMBER but found STRING."),
        ({"attempts": 1.5}, "Number not an integer: 1.5"),
        ({"attempts": -1}, "Integer too large: -1"),
        ({"redirects": 2**32}, "Integer too large: 4294967296"),
        ({"params": None}, "Expected `params` to be an OBJECT, but found NULL:\nnull"),
        ({"header": None}, "Expected `header` to be an ARRAY or OBJECT, but found NULL."),
        ({"method": "POST", "data": None}, "Expected `data` to be a STRING or OBJECT, but found NULL."),
        ({"page": 1, "page_limit": 1}, "Expected type STRING but found NUMBER."),
        ({"page": "link-next", "page_limit": None}, "Expected type NUMBER but found NULL."),
        ({"page": "link-next"}, "Cannot use `page` without specifying `page_limit`"),
        ({"page": "link-next", "page_limit": -2}, "`page_limit` should be greater than or equal to -1."),
        ({"page": "next", "page_limit": 1}, "`page` method 'next' not recognized, only 'link-next' is available."),
    ],
)
def test_options_that_cannot_be(db: Connection, options: dict[str, Any], message: str) -> None:
    # Given as queries: a constant of the wrong type is refused before the query runs.
    given = {name: value if callable(value) else r.expr([value])[0] for name, value in options.items()}
    error = error_of(db, "http://127.0.0.1:1/", **given)
    assert isinstance(error, ReqlQueryLogicError)
    assert message in error.message
    assert "r.http" in str(error)


def test_an_option_that_there_is_not(db: Connection) -> None:
    assert "Unrecognized optional argument `retries`." in error_of(db, "localhost", retries=1).message


# Where it is allowed


def test_it_is_off_unless_the_connection_allows_it(site: str) -> None:
    with docstore.connect() as db:
        error = error_of(db, site + "/json")
        assert type(error) is ReqlPermissionsError
        assert "docstore.connect(path, allow_http=True)" in error.message
    with pytest.raises(ReqlError, match="allow_http"):
        docstore.connect(allow_http="yes")  # type: ignore[arg-type]


def test_it_is_never_in_what_is_stored(db: Connection, site: str) -> None:
    r.table_create("t").run(db)
    with pytest.raises(ReqlQueryLogicError, match="Could not prove function deterministic"):
        r.table("t").index_create("i", lambda row: r.http(site + "/json")).run(db)
    r.table("t").insert({"id": 1}).run(db)
    with pytest.raises(ReqlQueryLogicError, match="Could not prove argument deterministic"):
        r.table("t").update(lambda row: {"a": r.http(site + "/json")}).run(db)
    changed = r.table("t").update(lambda row: {"a": r.http(site + "/json")["a"][0]}, non_atomic=True).run(db)
    assert changed["replaced"] == 1


def test_without_the_library_the_error_says_what_to_install(db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    assert "pip install 'docstore[http]'" in error_of(db, "localhost").message
