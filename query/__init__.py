"""ReQL in Python: the language, without a database.

`r` builds queries; `docstore` runs them.
"""

from query import errors, terms
from query.builder import Query, install, r
from query.errors import *  # noqa: F403 - the errors' own list

install()

__all__ = ["Query", "errors", "r", "terms", *errors.__all__]
