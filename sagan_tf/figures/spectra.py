"""Singular values over training (Brock et al. 2018, Figure 3), with the losses and the gains of attention."""

from sagan_tf.figures import canvas
from sagan_tf.figures.records import names_of, series, spectra_of


def spectra_figure(train: list[dict], looks: list[dict]):
    """Four panels over the steps: the largest singular value of each stored kernel of G and of D, losses, gammas.

    The paper colors by depth from red to violet, here from dark to bright. train, looks: lines of train.jsonl and
    looks.jsonl.

    Raises:
      ValueError: without looks.
    """
    if not looks:
        raise ValueError(
            "spectra must have been looked at while the run trained; looks.jsonl is missing or empty. "
            "Train on with Watching.every above 0 in the run's gin file."
        )
    made, ((of_g, of_d), (losses, gains)) = canvas.figure(
        2, 2, size=(8.4, 5.6), left=0.075, right=0.99, bottom=0.085, top=0.95, wspace=0.2, hspace=0.36
    )
    for axis, network in ((of_g, "generator"), (of_d, "discriminator")):
        _draw_spectra(axis, network, spectra_of(looks, network))
    _draw_lines(losses, {name: series(train, name) for name in ("d_loss", "g_loss")}, "Losses")
    gammas = {name.removeprefix("gamma/"): series(train, name) for name in names_of(train, "gamma/*")}
    _draw_lines(gains, gammas, "Gain gamma of attention")
    if not gammas:
        gains.text(0.5, 0.5, "no attention", ha="center", transform=gains.transAxes, color="#777777")
    return made


def _draw_spectra(axis, network: str, lines: dict[str, tuple[list[int], list[float]]]) -> None:
    for (steps, values), color in zip(lines.values(), canvas.depth_colors(len(lines)), strict=True):
        axis.plot(steps, values, color=color, lw=1.1, marker="o" if len(steps) < 3 else None, ms=3)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}")
    _name(axis, f"{network.capitalize()}: largest singular values")
    for (name, (steps, values)), color in zip(lines.items(), canvas.depth_colors(len(lines)), strict=True):
        if values[-1] == max(last for _, (*_, last) in lines.values()):
            axis.annotate(
                name.removeprefix(network + "."),
                (steps[-1], values[-1]),
                xytext=(0, 4),
                color=color,
                textcoords="offset points",
                ha="right",
                fontsize=7,
            )
    for x, text, color in ((0.0, "first kernel", canvas.depth_colors(2)[0]), (0.17, "to last", "#8a9a00")):
        axis.text(x + 0.02, 0.02, text, transform=axis.transAxes, fontsize=7, color=color)


def _draw_lines(axis, lines: dict[str, tuple[list[int], list[float]]], title: str) -> None:
    for (name, (steps, values)), color in zip(lines.items(), canvas.COLORS, strict=False):
        axis.plot(steps, values, color=color, lw=1.2, label=name.replace("_", " "))
    _name(axis, title)
    if lines:
        axis.legend(frameon=False, fontsize=8)


def _name(axis, title: str) -> None:
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(which="both", labelsize=8)
