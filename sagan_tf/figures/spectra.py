"""Singular values during training (Brock et al. 2018, Figure 3), with the losses and the gains of attention."""

import math

from sagan_tf.figures import canvas
from sagan_tf.figures.labels import extremes, readable, spread_apart
from sagan_tf.figures.records import names_of, series, spectra_of
from sagan_tf.figures.svg_chart import decades, nice_ticks

_GRAY = "#b8bcc2"
_GAP = 0.062  # between two labels, as a share of the panel's height


def spectra_figure(train: list[dict], health: list[dict]):
    """Four panels over the steps: the largest singular value of every kernel of G and of D, losses, and gammas.

    The greatest, the least and the fastest growing values are drawn in color, with names at the ends of their lines;
    the others are gray.

    train, health: the records of train.jsonl and health.jsonl.

    Raises:
      ValueError: without health records.
    """
    if not health:
        raise ValueError(
            "the run must have health records; health.jsonl is missing or empty. "
            "Continue training with MonitorOptions.every above 0 in the run's gin file."
        )
    made, ((of_g, of_d), (losses, gains)) = canvas.figure(
        2, 2, size=(9.6, 6.2), left=0.05, right=0.86, bottom=0.075, top=0.95, wspace=0.52, hspace=0.34
    )
    gammas = {name: series(train, name) for name in names_of(train, "gamma/*")}
    for axis, network in ((of_g, "generator"), (of_d, "discriminator")):
        curves = {name.removeprefix(network + "."): curve for name, curve in spectra_of(health, network).items()}
        _draw_spectra(axis, curves, f"{network.capitalize()}: largest singular value of each kernel")
    _draw_lines(losses, {readable(name): series(train, name) for name in ("d_loss", "g_loss")}, "Losses")
    _draw_lines(gains, {readable(name.removeprefix("gamma/")): c for name, c in gammas.items()}, "Gain of attention")
    if not gammas:
        gains.text(0.5, 0.5, "no attention", ha="center", transform=gains.transAxes, color="#777777")
    last = max(record["step"] for record in (*train, *health))
    for axis in (of_g, of_d, losses, gains):
        axis.set_xlim(0, max(last, 1))
    return made


def _draw_spectra(axis, curves: dict[str, tuple[list[int], list[float]]], title: str) -> None:
    values = [value for _, line in curves.values() for value in line if value > 0 and math.isfinite(value)]
    named = extremes(curves)
    for name, curve in curves.items():
        if name not in named:
            _draw(axis, curve, color=_GRAY, lw=0.8)
    for name, color in zip(named, canvas.COLORS, strict=False):
        _draw(axis, curves[name], color=color, lw=1.6, label=name)
    axis.set_yscale("log")
    if values:
        ticks = decades(min(values), max(values))
        axis.set_ylim(min(values) / 1.06, max(values) * 1.1)
        low, high = axis.get_ylim()
        shown = [tick for tick in _fine(ticks) if low <= tick <= high]
        shown = shown or [tick for tick in nice_ticks(low, high, 4) if low <= tick <= high]
        axis.set_yticks(shown, [f"{tick:g}" for tick in shown])
    axis.set_yticks([], minor=True)
    _name(axis, title)
    _label_ends(axis, {name: curves[name][1][-1] for name in named})
    if len(curves) > len(named):
        axis.plot([], [], color=_GRAY, lw=0.8, label=f"{len(curves) - len(named)} other kernels")
        axis.legend(handles=axis.lines[-1:], frameon=False, fontsize=7.5, loc="upper left")


def _fine(ticks: list[float]) -> list[float]:
    """Adds ticks at 1.5, 3, 4 and 7 times a power of ten if a decade or less is shown."""
    if ticks[-1] / ticks[0] > 10:
        return ticks
    powers = {10.0 ** math.floor(math.log10(tick)) for tick in ticks}
    return sorted({round(m * power, 12) for power in powers for m in (1, 1.5, 2, 3, 4, 5, 7)})


def _label_ends(axis, last: dict[str, float]) -> None:
    """Writes names to the right of the panel, as near to the ends of their lines as there is room."""
    ends = [axis.transAxes.inverted().transform(axis.transData.transform((0, value)))[1] for value in last.values()]
    heights = [min(max(end, 0.0), 1.0) for end in ends]  # zero has no place on a logarithmic axis
    for name, height, color in zip(last, spread_apart(heights, _GAP), canvas.COLORS, strict=False):
        axis.text(1.015, height, f"{name}  {last[name]:.3g}", transform=axis.transAxes, color=color, va="center",
                  fontsize=7.5)  # fmt: skip


def _draw_lines(axis, lines: dict[str, tuple[list[int], list[float]]], title: str) -> None:
    lines = {name: curve for name, curve in lines.items() if curve[0]}
    for i, (name, curve) in enumerate(lines.items()):  # the colors return with dashes, then with dots
        color, stroke = canvas.COLORS[i % len(canvas.COLORS)], ("-", "--", ":")[i // len(canvas.COLORS) % 3]
        _draw(axis, curve, color=color, ls=stroke, lw=1.2, label=name)
    _name(axis, title)
    if lines:
        axis.legend(frameon=False, fontsize=8)


def _draw(axis, curve: tuple[list[int], list[float]], **style) -> None:
    axis.plot(*curve, marker="o" if len(curve[0]) < 3 else None, ms=3, **style)


def _name(axis, title: str) -> None:
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(which="both", labelsize=8)
