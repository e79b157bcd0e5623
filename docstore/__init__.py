"""An embedded document database, queried in ReQL.

    import docstore
    from query import r

    with docstore.connect("app.db") as db:  # docstore.connect() is a store in memory
        r.table_create("posts").run(db)
        r.table("posts").index_create("author").run(db)
        r.table("posts").insert([{"author": "ann", "title": "Hello"}, {"author": "bob", "title": "Hi"}]).run(db)
        posts = r.table("posts").get_all("ann", index="author").run(db)

        with db.transaction():  # all or nothing, over any tables
            ...

The language is in the package `query`. The errors of a store are here, those of the language in `query`; all of them are
`query.ReqlError`s.
"""

from docstore import errors
from docstore.check import Report, check
from docstore.connection import Connection, connect
from docstore.cursor import Cursor
from docstore.errors import *  # noqa: F403 - the errors' own list
from docstore.prepared import PreparedQuery

__all__ = ["Connection", "Cursor", "PreparedQuery", "Report", "check", "connect", "errors", *errors.__all__]

__version__ = "0.1.0"
