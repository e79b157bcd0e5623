"""The queries that the demonstration shows, each with the same in plain Python, which proves its answer.

A query is a function; its docstring is its title and what it returns is shown as it is written here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from statistics import fmean
from typing import Any, Final, TypeAlias

from query import Query, r

Package: TypeAlias = dict[str, Any]

packages = r.table("packages")
archive = r.table("archive")


def one_document() -> Query:
    """A document by its primary key"""
    return packages.get("emacs").pluck("id", "version", "section", "installed_size")


def largest_games() -> Query:
    """The largest games: a simple index, then a sort"""
    return (
        packages.get_all("games", index="section")
        .order_by(r.desc("installed_size"))
        .limit(3)
        .pluck("id", "installed_size", "description")
    )


def large_sound_packages() -> Query:
    """A range of a compound index, in its order"""
    return (
        packages.between(["sound", 4000], ["sound", r.maxval], index="section_size")
        .order_by(index="section_size")
        .pluck("id", "section", "installed_size")
    )


def terminal_games() -> Query:
    """A multi index finds a document by any of its tags"""
    return (
        packages.get_all("uitoolkit::ncurses", index="tags")
        .filter(r.row["tags"].contains("use::gameplaying"))
        .pluck("id", "description")
    )


def most_dependencies() -> Query:
    """The order of a function's index, from its end"""
    return (
        packages.order_by(index=r.desc("dependencies"))
        .limit(3)
        .map(lambda package: {"id": package["id"], "dependencies": package["depends"].count()})
    )


def heaviest_sections() -> Query:
    """Groups and their averages"""
    return packages.group("section").avg("installed_size").ungroup().order_by(r.desc("reduction")).limit(3)


def what_games_need() -> Query:
    """A join: packages that games depend on"""
    return (
        packages.get_all("games", index="section")
        .concat_map(lambda game: game["depends"].map(lambda name: {"game": game["id"], "needs": name}))
        .eq_join("needs", packages)
        .map(lambda pair: pair["left"].merge({"size": pair["right"]["size"]}))
        .order_by(r.desc("size"), "game")
        .limit(3)
    )


def most_wanted() -> Query:
    """What most packages depend on: a map to many, grouped by itself"""
    return (
        packages.concat_map(lambda package: package["depends"])
        .group(lambda name: name)
        .count()
        .ungroup()
        .order_by(r.desc("reduction"))
        .limit(3)
    )


def number_of_programs() -> Query:
    """A count on an index takes no longer where there is more to count"""
    return archive.get_all("role::program", index="tags").count()


def large_editors() -> Query:
    """A filter that an index can answer uses it unasked"""
    return packages.filter((r.row["section"] == "editors") & (r.row["installed_size"] > 5000)).count()


# The same in plain Python, from all packages and the number of copies in the archive


def _pluck(package: Package, *names: str) -> Package:
    return {name: package[name] for name in names}


def _in_section(all_packages: list[Package], name: str) -> list[Package]:
    return [package for package in all_packages if package["section"] == name]


def _one_document(all_packages: list[Package], copies: int) -> Any:
    emacs = next(package for package in all_packages if package["id"] == "emacs")
    return _pluck(emacs, "id", "version", "section", "installed_size")


def _largest_games(all_packages: list[Package], copies: int) -> Any:
    games = sorted(_in_section(all_packages, "games"), key=lambda package: -package["installed_size"])
    return [_pluck(game, "id", "installed_size", "description") for game in games[:3]]


def _large_sound_packages(all_packages: list[Package], copies: int) -> Any:
    large = [package for package in _in_section(all_packages, "sound") if package["installed_size"] >= 4000]
    ordered = sorted(large, key=lambda package: package["installed_size"])
    return [_pluck(package, "id", "section", "installed_size") for package in ordered]


def _terminal_games(all_packages: list[Package], copies: int) -> Any:
    wanted = {"uitoolkit::ncurses", "use::gameplaying"}
    found = [package for package in all_packages if wanted <= set(package["tags"])]
    return [_pluck(package, "id", "description") for package in found]


def _most_dependencies(all_packages: list[Package], copies: int) -> Any:
    ordered = sorted(all_packages, key=lambda package: -len(package["depends"]))
    return [{"id": package["id"], "dependencies": len(package["depends"])} for package in ordered[:3]]


def _heaviest_sections(all_packages: list[Package], copies: int) -> Any:
    sizes = defaultdict(list)
    for package in all_packages:
        sizes[package["section"]].append(package["installed_size"])
    averages = [{"group": section, "reduction": fmean(found)} for section, found in sizes.items()]
    return sorted(averages, key=lambda row: -row["reduction"])[:3]


def _what_games_need(all_packages: list[Package], copies: int) -> Any:
    size_of = {package["id"]: package["size"] for package in all_packages}
    pairs = [(game["id"], name) for game in _in_section(all_packages, "games") for name in game["depends"]]
    rows = [{"game": game, "needs": name, "size": size_of[name]} for game, name in pairs if name in size_of]
    return sorted(rows, key=lambda row: (-row["size"], row["game"]))[:3]


def _most_wanted(all_packages: list[Package], copies: int) -> Any:
    counts = Counter(name for package in all_packages for name in package["depends"])
    return [{"group": name, "reduction": number} for name, number in counts.most_common(3)]


def _number_of_programs(all_packages: list[Package], copies: int) -> Any:
    return copies * sum("role::program" in package["tags"] for package in all_packages)


def _large_editors(all_packages: list[Package], copies: int) -> Any:
    return sum(package["installed_size"] > 5000 for package in _in_section(all_packages, "editors"))


QUERIES: Final[tuple[tuple[Callable[[], Query], Callable[[list[Package], int], Any]], ...]] = (
    (one_document, _one_document),
    (largest_games, _largest_games),
    (large_sound_packages, _large_sound_packages),
    (terminal_games, _terminal_games),
    (most_dependencies, _most_dependencies),
    (heaviest_sections, _heaviest_sections),
    (what_games_need, _what_games_need),
    (most_wanted, _most_wanted),
    (number_of_programs, _number_of_programs),
    (large_editors, _large_editors),
)
"""Each query with the same in plain Python."""
