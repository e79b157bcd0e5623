"""The tests of the compiled code, which are left out where it was not compiled or is not wanted."""

from __future__ import annotations

import pytest

from docstore import native

collect_ignore_glob = [] if native.pages is not None else ["test_*.py"]
"""Modules that import what was not compiled."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what cannot be tested."""
    if not native.AVAILABLE:
        for item in items:
            if "tests/docstore/native/" in item.path.as_posix():
                item.add_marker(pytest.mark.skip(reason="the compiled code is not there, or not wanted"))
