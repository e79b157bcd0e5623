"""The tables of the database `rethinkdb`: what they hold is made up when it is read, and nothing of it is stored as rows.

`rows.py` makes the rows, `changes.py` does what a write to one means, `table.py` makes a table of both.
"""

from docstore.system.table import SYSTEM_TABLES, SystemTable, system_table

__all__ = ["SYSTEM_TABLES", "SystemTable", "system_table"]
