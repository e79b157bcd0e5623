"""How many shards and replicas a table is asked to have: RethinkDB's options, with its checks, for a store of one server.

The one server has the tag `default`. The number of shards is noted, since `config` tells it; it changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from query.errors import ReqlOpFailedError, ReqlQueryLogicError
from query.json_text import pretty
from query.values import Value, type_name

SERVER: Final = "docstore"
"""The name of the one server that RethinkDB's answers tell of."""

TAG: Final = "default"
MAX_SHARDS: Final = 64
"""RethinkDB's number."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


def checked_shards(
    shards: Value = 1,
    replicas: Value = None,
    primary_replica_tag: Value = None,
    nonvoting_replica_tags: Value = None,
) -> int:
    """The number of shards that is asked for.

    ReqlQueryLogicError for what has no meaning, ReqlOpFailedError for what one server cannot give.
    """
    if type(shards) is not int or shards < 1:
        raise ReqlQueryLogicError("Every table must have at least one shard.")
    primary = TAG
    wanted = {TAG: 1} if replicas is None else _replicas(replicas, primary_replica_tag, nonvoting_replica_tags)
    if nonvoting_replica_tags is not None:
        _check_tags(nonvoting_replica_tags)
    if primary_replica_tag is not None:
        primary = _tag(primary_replica_tag)
    if not sum(wanted.values()):
        raise ReqlOpFailedError(
            "You must set `replicas` to at least one. `replicas` includes the primary replica; if there are zero "
            "replicas, there is nowhere to put the data."
        )
    if shards > MAX_SHARDS:
        raise ReqlOpFailedError(f"Maximum number of shards is {MAX_SHARDS}.")
    if not wanted.get(primary):
        raise ReqlOpFailedError(
            f"Can't use server tag `{primary}` for primary replicas because you specified no replicas in server tag "
            f"`{primary}`."
        )
    _check_servers(wanted)
    return shards


def _replicas(replicas: Value, primary: Value, nonvoting: Value) -> dict[str, int]:
    if type(replicas) is dict:
        if primary is None:
            raise ReqlQueryLogicError("`primary_replica_tag` must be specified when `replicas` is an OBJECT.")
        return {_tag(tag): _count(count) for tag, count in replicas.items()}
    if type(replicas) not in (int, float):
        raise ReqlQueryLogicError(
            f"Expected type OBJECT or NUMBER but found {type_name(replicas)}:\n{pretty(replicas)}"
        )
    if primary is not None:
        raise ReqlQueryLogicError("`replicas` must be an OBJECT if `primary_replica_tag` is specified.")
    if nonvoting is not None:
        raise ReqlQueryLogicError("`replicas` must be an OBJECT if `nonvoting_replica_tags` is specified.")
    return {TAG: _count(replicas)}


def _count(found: Value) -> int:
    if type(found) not in (int, float):
        raise ReqlQueryLogicError(f"Expected type NUMBER but found {type_name(found)}.")
    if found != int(found):
        raise ReqlQueryLogicError(f"Number not an integer: {found!r}")
    if found < 0:
        raise ReqlQueryLogicError("Can't have a negative number of replicas")
    return int(found)


def _check_tags(tags: Value) -> None:
    if type(tags) is not list:
        raise ReqlQueryLogicError(f"Expected type ARRAY but found {type_name(tags)}:\n{pretty(tags)}")
    for tag in tags:
        if type(tag) is not str:
            raise ReqlQueryLogicError(f"Expected type STRING but found {type_name(tag)}:\n{pretty(tag)}")
        _tag(tag)


def _tag(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ReqlQueryLogicError(f"Server tag name `{name}` invalid (Use A-Z, a-z, 0-9, _ and - only).")
    return name


def _check_servers(wanted: Mapping[str, int]) -> None:
    for tag in sorted(wanted):
        servers = 1 if tag == TAG else 0
        if wanted[tag] > servers:
            raise ReqlOpFailedError(
                f"Can't put {wanted[tag]} replicas on servers with the tag `{tag}` because there are only {servers} "
                f"servers with the tag `{tag}`. It's impossible to have more replicas of the data than there are servers."
            )
