"""The documents that the benchmarks run on, and what is asked of them.

Documents are real ones: packages of Debian, one JSON object a line, gzipped. They come from `--data`, from the file that the
environment variable DOCSTORE_BENCH_DATA names, or from the slice that the demonstration ships. Where these are fewer than
asked for, they are repeated under new ids and with other sizes, so that keys and indexes are as varied as of real ones.

What is asked (keys, index values, bounds) is drawn from the documents with a fixed seed: the same documents give the same
questions.
"""

from __future__ import annotations

import gzip
import os
import random
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import msgspec

Document: TypeAlias = dict[str, Any]

SHIPPED: Final = Path(__file__).parent.parent / "docstore" / "demo" / "packages.jsonl.gz"
VARIABLE: Final = "DOCSTORE_BENCH_DATA"


def load(count: int, path: Path | None = None) -> list[Document]:
    """`count` documents, each with an id of its own."""
    source = path or Path(os.environ.get(VARIABLE, SHIPPED))
    documents: list[Document] = []
    with gzip.open(source, "rb") as lines:
        for line in lines:
            documents.append(msgspec.json.decode(line))
            if len(documents) == count:
                break
    if not documents:
        raise SystemExit(f"{source} holds no documents.")
    copies = (_copy(document, number) for number in range(1, count) for document in documents[:])
    return documents + [next(copies) for _ in range(count - len(documents))]


def _copy(document: Document, number: int) -> Document:
    """The document again, as another one."""
    copy = {
        **document,
        "id": f"{document['id']}~{number}",
        "installed_size": document["installed_size"] + number * 7,
        "size": document["size"] + number * 4099,
    }
    if "source" in document:
        copy["source"] = f"{document['source']}~{number}"
    return copy


@dataclass(frozen=True, slots=True)
class Sample:
    """What is asked of a store that holds `documents`."""

    documents: list[Document]
    keys: list[str]
    sections: list[str]
    dependencies: list[str]
    repeats: int
    """How often a query that takes constant time is asked, so that there is something to measure."""
    joined: int

    @classmethod
    def of(cls, documents: list[Document]) -> Self:
        """Questions that fit these documents: common values, but none of the few that most documents share."""
        sections = Counter(document["section"] for document in documents)
        dependencies = Counter(name for document in documents for name in set(document["depends"]))
        draw = random.Random(2_026)
        return cls(
            documents=documents,
            keys=draw.sample([document["id"] for document in documents], min(2_000, len(documents) // 3 + 1)),
            sections=_ranked(sections, 14, 4),
            dependencies=_ranked(dependencies, 12, 8),
            repeats=200,
            joined=min(1_000, len(documents)),
        )

    def count(self) -> int:
        """How many documents there are."""
        return len(self.documents)

    def in_sections(self) -> int:
        """How many documents the sections hold."""
        wanted = set(self.sections)
        return sum(document["section"] in wanted for document in self.documents)

    def within(self, low: int, high: int) -> int:
        """How many of these have an `installed_size` within bounds, as long as no workload has changed it."""
        wanted = set(self.sections)
        return sum(
            document["section"] in wanted and low <= document["installed_size"] < high for document in self.documents
        )

    def with_dependencies(self) -> int:
        """How many documents come out when each of the dependencies is asked for."""
        wanted = set(self.dependencies)
        return sum(len(wanted.intersection(document["depends"])) for document in self.documents)

    def cut(self, queries: int) -> Sample:
        """The same for a store that is too slow to be asked everything."""
        return replace(
            self, keys=self.keys[:queries], sections=self.sections[:1], dependencies=self.dependencies[:1], repeats=1
        )


def _ranked(counts: Counter[str], first: int, number: int) -> list[str]:
    """Some values, beginning with the `first` most frequent one, every third."""
    names = sorted(counts, key=lambda name: (-counts[name], name))
    return names[first : first + number * 3 : 3]
