"""Vector indexes: the nearest vectors of a table, by lists of packed blocks kept in the store.

`arguments.py` says what `index_create` takes, `records.py` what is on the disk, `reading.py` which documents have vectors,
`lists.py` how lists are read, `editing.py` how they are written, `balance.py` how they split and merge, `scoring.py` how
near a vector is, `filtering.py` what is known of a filter, `answers.py` how vectors become answers, `search.py` how the
nearest are found, `index.py` is the index itself. numpy is imported here, so nobody
imports these modules before there is a vector index to work on.
"""
