"""Selects curves from the records of a run (train.jsonl, health.jsonl)."""

import fnmatch


def series(records: list[dict], name: str) -> tuple[list[int], list[float]]:
    """The steps and values of one scalar, from the records that have it."""
    found = [(record["step"], record[name]) for record in records if record.get(name) is not None]
    return [step for step, _ in found], [value for _, value in found]


def names_of(records: list[dict], pattern: str) -> list[str]:
    """The names of scalars that match a pattern such as "gamma/*", in order of appearance."""
    return list(dict.fromkeys(name for record in records for name in fnmatch.filter(record, pattern)))


def spectra_of(records: list[dict], network: str) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and largest singular values of each kernel of "generator" or "discriminator", in order of depth."""
    largest = [{"step": r["step"]} | {name: top[0] for name, top in r["spectra"].items()} for r in records]
    return _of_network(largest, network)


def gradient_norms_of(records: list[dict], network: str) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and gradient norms of each layer of "generator" or "discriminator", in order of depth.

    Empty for records of earlier versions, which have no gradient norms.
    """
    return _of_network([{"step": r["step"], **r.get("gradient_norms", {})} for r in records], network)


def _of_network(records: list[dict], network: str) -> dict[str, tuple[list[int], list[float]]]:
    curves = {name: series(records, name) for name in names_of(records, f"{network}.*")}
    return {name: curve for name, curve in curves.items() if curve[0]}


def part_of(records: list[dict], part: str, name: str) -> tuple[list[int], list[float]]:
    """The steps and values of one scalar of a part of health records, such as "distances", from those that have it."""
    return series([{"step": record["step"], **record.get(part, {})} for record in records], name)


def names_of_part(records: list[dict], part: str) -> list[str]:
    """The names of the scalars of a part of health records, in order of appearance; not all records have them all."""
    return list(dict.fromkeys(name for record in records for name in record.get(part, {})))
