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
    names = dict.fromkeys(name for record in records for name in record["spectra"] if name.startswith(network + "."))
    return {
        name: (
            [record["step"] for record in records if name in record["spectra"]],
            [record["spectra"][name][0] for record in records if name in record["spectra"]],
        )
        for name in names
    }
