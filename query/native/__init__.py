"""Compiled code of the language, which has a twin in Python each; see `docstore.native`, whose rules hold here too.

`copying` copies and checks what users hand in, as `query.values.from_python` does, which was half of the time of a bulk
insert; and copies what parts of a result share, as `query.sharing` does.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import Final

try:
    from query.native import copying
except ImportError:  # installed without a compiler
    copying = None  # type: ignore[assignment]

WANTED: Final = (
    os.environ.get("DOCSTORE_NATIVE", "1") != "0" and sys.byteorder == "little" and struct.calcsize("P") == 8
)
"""Whether compiled code may be used, here and in `docstore`: it is written for the machines that there are."""

AVAILABLE: Final = copying is not None and WANTED

__all__ = ["AVAILABLE", "WANTED", "copying"]
