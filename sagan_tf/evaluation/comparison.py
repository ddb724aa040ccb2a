"""What is known about a comparison before any image is read, which decides which metrics it allows."""

import dataclasses

import numpy as np

from sagan_tf.data.class_names import indices_in, listed
from sagan_tf.data.source import DataError
from sagan_tf.evaluation.features import Extractor, ExtractorTraits
from sagan_tf.evaluation.image_sets import ImageSet, KnownMoments


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Generated images, what they are compared with, and the extractor (or, before it is trained, its traits).

    allow_few_samples: whether FID is allowed with fewer images than features have dimensions.
    """

    generated: ImageSet
    real: ImageSet | KnownMoments
    extractor: Extractor | ExtractorTraits
    allow_few_samples: bool = False

    @property
    def real_is_images(self) -> bool:
        """Whether the reference is a set of images rather than known moments."""
        return isinstance(self.real, ImageSet)

    @property
    def counts(self) -> tuple[int, int]:
        """The number of images of the smaller and of the larger side; an unknown count is 0."""
        smaller, larger = sorted((self.generated.count, self.real.count or 0))
        return smaller, larger

    @property
    def smaller_count(self) -> int:
        """Images of the smaller side, as far as counts are known."""
        return min(self.generated.count, self.generated.count if self.real.count is None else self.real.count)

    @property
    def is_full_rank(self) -> bool:
        """Whether both sides have more images than the features have dimensions, or fewer are allowed."""
        return self.smaller_count > self.extractor.n_features or self.allow_few_samples

    @property
    def has_small_reference(self) -> bool:
        """Whether the reference has too few images for FID, and that isn't allowed."""
        count = self.real.count
        return count is not None and count <= self.extractor.n_features and not self.allow_few_samples

    @property
    def agreement_is_measured(self) -> bool:
        """Whether both sides measure how well distant parts agree."""
        return self.generated.agreement is not None and self.real.agreement is not None

    @property
    def same_classes(self) -> bool:
        """Whether both sides have the same classes in the same order."""
        return self.generated.class_names == self.real.class_names

    def class_indices(self, *, by_logits: bool, least: int) -> np.ndarray:
        """The index of each generated class among the classes that a metric compares it with: int32 (K,).

        by_logits: compared with the classes of the extractor's logits, else with the reference's.
        least: how many of these classes the metric needs.

        Raises:
          DataError: with both lists, if the classes can't be matched by name.
        """
        other = self.extractor if by_logits else self.real
        names, reference_names = self.generated.class_names, other.class_names
        if len(names) == len(reference_names) == least == 1:
            return np.zeros(1, np.int32)  # a single class on both sides holds all images, whatever its name
        if len(reference_names) < least:
            raise DataError(f"{other.name} must have {least} classes; received {listed(reference_names)}.")
        return indices_in(
            reference_names,
            names,
            of=self.generated.name,
            to=other.name,
            kind=self.generated.label_kind,
            reference_kind=other.label_kind,
        )
