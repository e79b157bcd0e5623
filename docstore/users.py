"""Users and what they may do, as the catalog notes it. Nothing of it is enforced.

A user is a map of `password`, whether there is one, and `permissions`: from a scope to what was granted there. A scope is
"" for everything, the id of a database, or the ids of a database and a table with a slash between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from docstore.catalog import Catalog
from query.errors import ReqlOpFailedError
from query.json_text import pretty
from query.values import Value

User: TypeAlias = Mapping[str, Any]

ADMIN: Final = "admin"
PERMISSIONS: Final = ("read", "write", "config", "connect")


def scope_of(catalog: Catalog, database: str, table: str | None = None) -> str:
    """The scope of a database, or of a table."""
    found = catalog.database(database)
    return found.id if table is None else f"{found.id}/{catalog.table(database, table).id}"


def checked_permissions(permissions: Value, *, is_global: bool) -> dict[str, bool | None]:
    """The permissions that a query gives; ReqlOpFailedError where they are none."""
    if type(permissions) is not dict:
        raise ReqlOpFailedError(f"Expected an object, got {pretty(permissions)}.")
    for name in PERMISSIONS:
        if name not in permissions:
            continue
        if name == "connect" and not is_global:
            raise ReqlOpFailedError("The `connect` permission is only valid at the global scope.")
        if type(permissions[name]) not in (bool, type(None)):
            raise ReqlOpFailedError(f"Expected a boolean or null for `{name}`, got {pretty(permissions[name])}.")
    unknown = sorted(set(permissions) - set(PERMISSIONS))
    if unknown:
        raise ReqlOpFailedError(f"Unexpected key(s) `{'`, `'.join(unknown)}`.")
    return permissions


def granted(
    users: Mapping[str, User], name: str, scope: str, permissions: Mapping[str, bool | None]
) -> tuple[dict[str, User], Value, Value]:
    """The users with what was granted, and that user's permissions in the scope before and after."""
    if name == ADMIN:
        raise ReqlOpFailedError(f"The permissions of the user `{ADMIN}` can't be modified.")
    user = users.get(name)
    if user is None:
        raise ReqlOpFailedError(f"User `{name}` not found.")
    old = user["permissions"].get(scope)
    merged = {**(old or {}), **permissions}
    new = {key: value for key, value in merged.items() if value is not None} or None
    scopes = {**user["permissions"], scope: new}
    kept = {key: value for key, value in scopes.items() if value is not None}
    return {**users, name: {**user, "permissions": kept}}, old, new
