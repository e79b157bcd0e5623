"""Chapter: packages found by what they mean.

`meaning.npz` has the embeddings, by all-MiniLM-L6-v2 in float16, of the texts `"{id}: {description}"` of the packages, and of
some phrases that a person would type.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from rich.markup import escape

from docstore.demo.queries import packages
from docstore.demo.stage import Stage, timed
from query import r

PHRASE: Final = "music player for the terminal"
SECTION: Final = "games"

CREATE: Final = """\
packages.index_create("meaning", r.row["embedding"], vector={"dimensions": 384, "measure": "cosine"}).run(db)
packages.get_nearest(phrase, index="meaning", max_results=5)"""

FILTERED: Final = """\
packages.get_nearest(phrase, index="meaning", max_results=3, filter=r.row["section"] == "games")"""

JOINED: Final = """\
packages.get_nearest(phrase, index="meaning", max_results=5)["doc"].eq_join("source", packages)"""


def find_by_meaning(stage: Stage) -> None:
    """Give the packages their embeddings, index them, and search for phrases."""
    stage.chapter(
        "Packages found by meaning",
        "An embedding is a vector of numbers that a language model makes of a text; texts that mean the same lie near each "
        "other. Here are those of the packages' descriptions, and of phrases that a person would type.",
    )
    vectors, phrases = _embeddings()
    db = stage.db
    _, seconds = timed(
        lambda: packages.insert(
            [{"id": name, "embedding": one} for name, one in vectors.items()], conflict="update"
        ).run(db)
    )
    stage.claim(packages.has_fields("embedding").count().run(db) == len(vectors), f"stored in {seconds:.2f} s")
    stage.code(CREATE)
    packages.index_create("meaning", r.row["embedding"], vector={"dimensions": 384, "measure": "cosine"}).run(db)
    _, seconds = timed(lambda: packages.index_wait("meaning").run(db))
    stage.note(f"indexed in {seconds:.2f} s")
    wrong = [text for text, vector in phrases.items() if not _is_nearest(stage, vectors, vector)]
    stage.console.print(f"[bold]{PHRASE}[/bold]")
    query = packages.get_nearest(phrases[PHRASE], index="meaning", max_results=5)
    found, seconds = timed(lambda: query.run(db))
    stage.rows(_shown(found))
    stage.note(f"{seconds * 1000:.2f} ms: {escape(dict(query.explain(db).part.details).get('searches', ''))}")
    stage.claim(not wrong, f"for {len(phrases)} phrases the same packages as numpy finds by looking at all vectors")
    _filter_and_join(stage, phrases)


def _filter_and_join(stage: Stage, phrases: dict[str, Any]) -> None:
    db, phrase = stage.db, phrases[PHRASE]
    stage.code(FILTERED)
    query = packages.get_nearest(phrase, index="meaning", max_results=3, filter=r.row["section"] == SECTION)
    found = query.run(db)
    stage.rows(_shown(found))
    stage.claim(
        len(found) == 3 and all(row["doc"]["section"] == SECTION for row in found),
        "an answer with a filter is never short: here the index on the section gives the rows",
    )
    stage.code(JOINED)
    pairs = packages.get_nearest(phrase, index="meaning", max_results=100)["doc"].eq_join("source", packages)
    joined = pairs.map(lambda pair: {"package": pair["left"]["id"], "source": pair["right"]["id"]}).limit(3).run(db)
    stage.rows(list(joined))
    stage.claim(
        all(packages.get(row["package"])["source"].run(db) == row["source"] for row in joined),
        "an answer is an array like any other: here joined with the packages that it was built from",
    )


def _is_nearest(stage: Stage, vectors: dict[str, Any], phrase: Any) -> bool:
    """Whether the five packages found are those with the largest cosines."""
    import numpy as np

    names, rows = list(vectors), np.array(list(vectors.values()), np.float32)
    cosines = rows @ phrase / np.linalg.norm(rows, axis=1)
    wanted = {names[place] for place in np.argsort(-cosines)[:5]}
    found = packages.get_nearest(phrase, index="meaning", max_results=5)["doc"]["id"].run(stage.db)
    return set(found) == wanted


def _embeddings() -> tuple[dict[str, Any], dict[str, Any]]:
    """The vectors of packages by their names, and of phrases by their texts."""
    import numpy as np

    with files("docstore.demo").joinpath("meaning.npz").open("rb") as file, np.load(file) as arrays:
        names = arrays["ids"].tobytes().decode().split("\n")
        vectors = dict(zip(names, arrays["vectors"], strict=True))
        phrases = dict(zip(arrays["phrases"].tolist(), arrays["phrase_vectors"].astype(np.float32), strict=True))
    return vectors, phrases


def _shown(found: list[Any]) -> list[dict[str, Any]]:
    return [
        {"dist": f"{row['dist']:.3f}", "id": row["doc"]["id"], "description": row["doc"]["description"]}
        for row in found
    ]
