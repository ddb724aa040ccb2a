"""What a run wrote while it trained and was evaluated, as lists of lines."""

import fnmatch


def series(records: list[dict], name: str) -> tuple[list[int], list[float]]:
    """Steps and values of one scalar, where it was written."""
    found = [(record["step"], record[name]) for record in records if record.get(name) is not None]
    return [step for step, _ in found], [value for _, value in found]


def names_of(records: list[dict], pattern: str) -> list[str]:
    """The scalars whose names match, such as "gamma/*", in order of appearance."""
    return list(dict.fromkeys(name for record in records for name in fnmatch.filter(record, pattern)))


def spectra_of(records: list[dict], network: str) -> dict[str, tuple[list[int], list[float]]]:
    """The first singular value of each kernel of "generator" or "discriminator" over the steps, in order of depth."""
    names = dict.fromkeys(name for record in records for name in record["spectra"] if name.startswith(network + "."))
    return {
        name: (
            [record["step"] for record in records if name in record["spectra"]],
            [record["spectra"][name][0] for record in records if name in record["spectra"]],
        )
        for name in names
    }
