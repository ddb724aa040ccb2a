"""The papers' tables of results as plain data, for comparison with measured numbers.

A row is named after its gin file; a run in a folder of that name belongs to it.
"""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table: a metric by its name in the results.

    step: the training step, if the paper shows several.
    of_class: the class by name and by synset, for a metric with a value per class.
    """

    metric: str
    step: int | None = None
    of_class: tuple[str, str] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table of a paper.

    rows: the paper's values per row, in the order of the columns; None for a value that it doesn't give.
    protocol: how the paper's numbers were measured, as far as it says. A table marks numbers that were measured
      differently.
    unconfirmed: the values are the published ones, but couldn't be checked against the paper's text.
    may_differ: fields of the protocol that the table itself varies from row to row.
    """

    title: str
    columns: tuple[Column, ...]
    rows: dict[str, tuple[float | None, ...]]
    protocol: dict[str, str | int | None]
    unconfirmed: bool = False
    may_differ: tuple[str, ...] = ()


_INCEPTION_50K = {"extractor": "inception-2015-12-05", "n_generated": 50_000}
_IMAGENET_128 = {**_INCEPTION_50K, "resolution": 128, "truncation": None}
_FID, _IS, _IS_ONE_SPLIT = Column(metric="fid"), Column(metric="is"), Column(metric="is_one_split")

_FIGURE_6 = (
    ("goldfish", "n01443537"),
    ("indigo bunting", "n01537544"),
    ("redshank", "n02028035"),
    ("saint bernard", "n02109525"),
    ("tiger cat", "n02123159"),
    ("stone wall", "n04326547"),
    ("geyser", "n09288635"),
    ("valley", "n09468604"),
    ("coral fungus", "n12985857"),
)
_FOUR_POINTS = tuple(
    Column(metric=f"{point}_{metric}")
    for point in ("no_truncation", "best_fid", "validation_is", "best_is")
    for metric in ("fid", "is")
)

PAPER_TABLES: dict[str, PaperTable] = {
    "sagan_table1": PaperTable(
        title="Zhang et al. 2019, Table 1: attention or a residual block at feature maps of a size; 1M steps",
        columns=(_FID, _IS_ONE_SPLIT),
        protocol={**_IMAGENET_128, "step": 1_000_000},
        rows={
            "no_attention": (22.96, 42.87),
            "sagan_feat_8": (22.98, 43.15),
            "sagan_feat_16": (22.14, 45.94),
            "sagan_feat_32": (18.28, 51.43),
            "sagan_feat_64": (18.65, 52.52),
            "residual_feat_8": (42.13, 23.17),
            "residual_feat_16": (22.40, 44.49),
            "residual_feat_32": (27.33, 38.50),
            "residual_feat_64": (28.82, 38.96),
        },
    ),
    "sagan_table2": PaperTable(
        title="Zhang et al. 2019, Table 2: class-conditional models on ImageNet 128x128",
        columns=(_IS_ONE_SPLIT, Column(metric="intra_fid"), _FID),
        protocol=_IMAGENET_128,
        rows={
            "acgan_128": (28.5, 260.0, None),
            "sngan_projection_128": (36.8, 92.4, 27.62),
            "sagan_128": (52.52, 83.7, 18.65),
        },
    ),
    "sagan_figure3": PaperTable(
        title="Zhang et al. 2019, Figures 3 and 4: spectral norm and two learning rates, FID at four steps",
        columns=tuple(Column(metric="fid", step=step) for step in (10_000, 160_000, 260_000, 1_000_000)),
        protocol=_IMAGENET_128,
        rows={
            "sn_on_d": (181.84, None, None, None),
            "sn_on_g_d": (93.52, 33.39, 72.41, None),
            "sn_on_g_d_ttur": (99.04, 40.96, 34.62, 22.96),
        },
    ),
    "sagan_figure6": PaperTable(
        title="Zhang et al. 2019, Figure 6: intra-FID of nine classes, ImageNet 128x128",
        columns=tuple(Column(metric="intra_fid_by_class", of_class=of_class) for of_class in _FIGURE_6),
        protocol=_IMAGENET_128,
        rows={
            "sagan_128": (44.4, 53.0, 48.9, 35.7, 88.1, 57.5, 21.6, 39.7, 38.0),
            "sngan_projection_128": (58.1, 66.8, 60.1, 55.3, 90.2, 49.3, 19.5, 26.0, 37.2),
        },
    ),
    "biggan_table1": PaperTable(
        title="Brock et al. 2018, Table 1: batch size, width and components on ImageNet 128x128",
        columns=(_FID, _IS),
        protocol=_IMAGENET_128,
        unconfirmed=True,
        rows={
            "row_1": (18.65, 52.52),
            "row_2": (15.30, 58.77),
            "row_3": (14.88, 63.03),
            "row_4": (12.39, 76.85),
            "row_5": (9.54, 92.98),
            "row_6": (9.18, 94.94),
            "row_7": (8.73, 98.76),
            "row_8": (8.51, 99.31),
            "row_9": (10.48, 86.90),
        },
    ),
    "biggan_table2": PaperTable(
        title="Brock et al. 2018, Table 2: without truncation, at the best FID, at the IS of real validation images, "
        "at the best IS (by evaluate --truncation_curve)",
        columns=_FOUR_POINTS,
        protocol={**_INCEPTION_50K, "statistics": "standing"},
        unconfirmed=True,
        may_differ=("resolution", "reference", "reference_fingerprint", "n_real"),
        rows={
            "biggan_128": (8.7, 98.8, 7.7, 126.5, 9.6, 166.3, 25.0, 206.0),
            "biggan_256": (8.7, 142.3, 7.7, 178.0, 9.3, 233.0, 25.0, 291.0),
            "biggan_512": (8.1, 144.2, 7.6, 170.3, 10.9, 241.4, 27.0, 275.0),
        },
    ),
}
