"""Administration: the settings and the state of databases and tables, and what RethinkDB's clusters have beside.

A store is one server, whose tables are always ready. So these terms give RethinkDB's answers, with its checks, and have
little to do; what `config` gives can be updated, and what is set there holds.
"""

from __future__ import annotations

from query.closures import as_value
from query.errors import ReqlQueryLogicError
from query.registry import term
from query.runtime import Database, Row, Run, Table
from query.tables import text_of, whole_table
from query.values import Value

_READINESS = ("ready_for_outdated_reads", "ready_for_reads", "ready_for_writes", "all_replicas_ready")


@term(174, deterministic=False)
def config(run: Run, target: object) -> object:
    """The settings of a table or of a database, as a document that can be updated.

    Of a table, `name`, `db`, `durability`, `write_acks`, `flush_interval`, `shards` and `data` can be changed; of a
    database, `name`. It is a row of the system table `table_config` or `db_config`.

    The system tables, `r.db("rethinkdb").table(name)`, are `db_config`, `table_config` and `users`, which can be written;
    `table_status`, `server_status`, `stats`, `current_issues`, `jobs`, `logs`, `server_config`, `cluster_config` and
    `permissions`.

    >>> r.table("posts").config()["primary_key"].run(db)
    'id'
    >>> r.table("posts").config().update({"name": "articles"}).run(db)["replaced"]
    1
    """
    assert run.store is not None
    if type(target) is Database:
        return _row(run, run.store.administer(run, "db_config", target.name), "db_config")
    return _row(run, whole_table(target).administer(run, "config"), "table_config")


@term(175, deterministic=False)
def status(run: Run, table: object) -> object:
    """Whether a table can be read and written: here it always can. A row of the system table `table_status`.

    >>> r.table("posts").status()["status"]["ready_for_writes"].run(db)
    True
    """
    return _row(run, whole_table(table).administer(run, "status"), "table_status")


def _row(run: Run, document: dict[str, Value], name: str) -> Row:
    assert run.store is not None
    return Row(run.store.table(run, "rethinkdb", name), document["id"], document)


@term(177, on="both", deterministic=False)
def wait(
    run: Run, target: object = None, *, wait_for: str | None = None, timeout: int | None = None
) -> dict[str, Value]:
    """Wait until a table, or all tables of a database, can be read and written: here they always can.

    `wait_for` is one of `"ready_for_outdated_reads"`, `"ready_for_reads"`, `"ready_for_writes"` and
    `"all_replicas_ready"`, `timeout` a whole number of seconds.

    >>> r.table("posts").wait().run(db)
    {'ready': 1}
    """
    found = _target(target, "wait")
    if wait_for is not None and wait_for not in _READINESS:
        *most, last = [f"'{one}'" for one in _READINESS]
        raise ReqlQueryLogicError(
            f"Unknown table readiness state: '{wait_for}', must be one of {', '.join(most)}, or {last}"
        )
    return _administered(run, found, "wait")


@term(176, on="both", writes=True, deterministic=False)
def reconfigure(
    run: Run,
    target: object = None,
    *,
    shards: int | None = None,
    replicas: int | dict[str, Value] | None = None,
    primary_replica_tag: str | None = None,
    nonvoting_replica_tags: list[Value] | None = None,
    dry_run: bool = False,
    emergency_repair: str | None = None,
) -> dict[str, Value]:
    """Set the number of shards and replicas of a table, or of all tables of a database.

    There is one server, so that there can be one replica; the number of `shards` is noted in `config` and means nothing.
    `dry_run=True` only tells what would change. `emergency_repair` is refused: there is nothing to be repaired.

    >>> r.table("posts").reconfigure(shards=2, replicas=1, dry_run=True).run(db)["reconfigured"]
    0
    """
    found = _target(target, "reconfigure")
    placement = {
        "shards": shards,
        "replicas": replicas,
        "primary_replica_tag": primary_replica_tag,
        "nonvoting_replica_tags": nonvoting_replica_tags,
    }
    if emergency_repair is not None:
        _check_repair(emergency_repair, found, any(value is not None for value in placement.values()))
        return _administered(run, found, "emergency_repair")
    for name in ("shards", "replicas"):
        if placement[name] is None:
            raise ReqlQueryLogicError(f"Missing required argument `{name}`.")
    return _administered(run, found, "reconfigure", dry_run=dry_run, **placement)


def _check_repair(mode: str, target: Database | Table, has_placement: bool) -> None:
    if mode not in ("unsafe_rollback", "unsafe_rollback_or_erase", "_debug_recommit"):
        raise ReqlQueryLogicError('`emergency_repair` should be "unsafe_rollback" or "unsafe_rollback_or_erase"')
    if has_placement:
        raise ReqlQueryLogicError("In emergency repair mode, you can't specify shards, replicas, etc.")
    if type(target) is Database:
        raise ReqlQueryLogicError(
            "Can't emergency repair an entire database at once; instead you should run `reconfigure()` on each table "
            "individually."
        )


@term(179, on="both", deterministic=False)
def rebalance(run: Run, target: object = None) -> dict[str, Value]:
    """Spread the documents of a table, or of all tables of a database, evenly over the shards: here they always are.

    >>> r.table("posts").rebalance()["rebalanced"].run(db)
    1
    """
    return _administered(run, _target(target, "rebalance"), "rebalance")


@term(138, deterministic=False)
def sync(run: Run, table: object) -> dict[str, Value]:
    """Return when everything written to a table is on the disk, what was written with soft durability too.

    >>> r.table("posts").sync().run(db)
    {'synced': 1}
    """
    return whole_table(table).sync(run)


@term(188, on="both", writes=True, deterministic=False, arity=(2, 3))
def grant(run: Run, *arguments: object) -> dict[str, Value]:
    """Note what a user may do: `r.grant(user, permissions)`, or on `r.db(name)` or a table.

    `permissions` is an object with `read`, `write`, `config` and, for all databases, `connect`: True, False or None. The
    user must be in the system table `users`. A store is a file: whoever can open it may do everything. So permissions are
    recorded, in the system table `permissions`, and not enforced, which the answer's `warnings` say.

    >>> r.db("rethinkdb").table("users").insert({"id": "ann", "password": False}).run(db)["inserted"]
    1
    >>> r.db("test").grant("ann", {"read": True}).run(db)["granted"]
    1
    """
    *scope, user, permissions = arguments
    user, permissions = text_of(as_value(user)), as_value(permissions)
    if not scope:
        assert run.store is not None
        return run.store.administer(run, "grant", None, user, permissions)  # type: ignore[no-any-return]
    found = scope[0] if type(scope[0]) is Database else whole_table(scope[0])
    return _administered(run, found, "grant", user, permissions)


# Parts


def _target(found: object, name: str) -> Database | Table:
    if found is None:
        raise ReqlQueryLogicError(f"`{name}` can only be called on a table or database.")
    return found if type(found) is Database else whole_table(found)


def _administered(
    run: Run, target: Database | Table, command: str, *arguments: object, **options: Value
) -> dict[str, Value]:
    """The answer of a command on a database, or on a table."""
    if type(target) is Database:
        assert run.store is not None
        return run.store.administer(run, f"db_{command}", target.name, *arguments, **options)  # type: ignore[no-any-return]
    return target.administer(run, command, *arguments, **options)  # type: ignore[no-any-return, union-attr]
