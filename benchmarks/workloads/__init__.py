"""All workloads, each declared once."""

from __future__ import annotations

from typing import Final

from benchmarks.workloads.reading import READING
from benchmarks.workloads.workload import Answer, Workload
from benchmarks.workloads.writing import WRITING

__all__ = ["WORKLOADS", "Answer", "Workload"]

WORKLOADS: Final = READING + WRITING
