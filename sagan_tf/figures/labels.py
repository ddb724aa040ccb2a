"""Labels of curves: readable names, which of many curves get a label, and where labels are placed."""

from collections.abc import Mapping, Sequence

_NAMES = {
    "d_loss": "D loss",
    "d_loss_real": "real images",
    "d_loss_fake": "fake images",
    "g_loss": "G loss",
    "fid": "FID",
    "is": "Inception Score",
    "shape_variety": "Variety of shape within classes",
    "overall": "all pairs",
    "shape": "shapes of one class",
    "within_class": "pairs of one class",
    "nearest": "nearest pair",
    "duplicates": "duplicates",
}
_NETWORKS = {"d_": "D ", "g_": "G ", "generator.": "G ", "discriminator.": "D "}

Curve = tuple[Sequence[float], Sequence[float]]


def readable(name: str) -> str:
    """A readable name for a scalar: "d_loss" is "D loss", "gamma/generator.attention_8" is "gamma/G attention 8"."""
    if name in _NAMES:
        return _NAMES[name]
    head, slash, rest = name.rpartition("/")
    for prefix, network in _NETWORKS.items():
        if rest.startswith(prefix):
            rest = network + rest.removeprefix(prefix)
    return head + slash + rest.replace("_", " ")


def extremes(curves: Mapping[str, Curve], most: int = 5) -> list[str]:
    """The curves to be labeled among many, in the order of their last values, greatest first.

    They are the greatest, the least, and the one that has grown most from its first to its last value, followed by the
    next greatest up to `most`. Values are not negative; growth from zero doesn't count.
    """
    last = {name: values[-1] for name, (_, values) in curves.items() if len(values)}
    falling = sorted(last, key=last.__getitem__, reverse=True)
    if len(falling) <= most:
        return falling
    fastest = max(falling, key=lambda name: last[name] / (curves[name][1][0] or last[name] or 1.0))
    wanted = dict.fromkeys([falling[0], falling[-1], fastest, *falling])
    chosen = set(list(wanted)[:most])
    return [name for name in falling if name in chosen]


def spread_apart(positions: Sequence[float], gap: float) -> list[float]:
    """Moves descending positions at least `gap` apart, so that the labels of close curves don't overlap.

    Labels that would overlap are centered around their curves as a group.
    """
    groups: list[list[float]] = []
    for position in positions:
        groups.append([position])
        while len(groups) > 1 and _ends(groups[-2], gap)[1] - _ends(groups[-1], gap)[0] < gap - 1e-12:
            groups[-2:] = [groups[-2] + groups[-1]]
    return [_ends(group, gap)[0] - gap * i for group in groups for i in range(len(group))]


def _ends(group: list[float], gap: float) -> tuple[float, float]:
    """The upper and the lower end of a group of labels around the mean of their positions."""
    middle, half = sum(group) / len(group), gap * (len(group) - 1) / 2
    return middle + half, middle - half
