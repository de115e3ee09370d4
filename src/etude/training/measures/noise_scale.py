"""How noisy the gradient is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.core.errors import SpecError
from etude.training.measures.inside import check_examples, look

if TYPE_CHECKING:
    from torch import nn

    from etude.core.measure import Columns, Point

BATCH_NORM_BATCH = 16
"""Examples of a gradient where they interact and one alone has none."""


@final
@dataclass(frozen=True)
class NoiseScale:
    r"""Both parts of the gradient noise scale, the batch size at which noise and signal balance.

    .. math:: B_\mathrm{simple} = \frac{\mathrm{tr}\,\Sigma}{|G|^2}

    Columns ``noise_trace`` (tr Σ) and ``noise_square`` (|G|², which may come out negative), each unbiased, and their standard
    errors ``noise_trace_error`` and ``noise_square_error``. Average each over points, then divide: the mean of the ratios is
    another, larger number. The examples are others at every point.

    Attributes:
        examples: Training examples at each point; all there are, where there are fewer.
        batch: Examples of one gradient. ``None`` takes single examples, which has the least error, and 16 where batch norm lets
            examples interact.

    Raises:
        SpecError: When ``examples`` < 2, or does not make two batches.

    References:
        McCandlish et al. (2018), An empirical model of large-batch training, appendix A.1. arXiv:1812.06162.

    Example:
        >>> NoiseScale().examples
        256
    """

    examples: int = 256
    batch: int | None = None

    def __post_init__(self) -> None:
        check_examples(self.examples, usual=256, least=2)
        if self.batch is not None and not 1 <= self.batch <= self.examples // 2:
            raise SpecError(f"needs batch in 1 … {self.examples // 2}, got {self.batch}: half the examples at most")

    def at_point(self, point: Point) -> Columns:
        """Both parts and their errors, (K,) each."""
        from etude.training.probes.noise_scale import gradient_noise
        from etude.training.probes.per_example import mixes_examples

        x, y = point.task.batch(point.seed, point.step, min(self.examples, point.task.size("train")))

        def read(module: nn.Module, _row: int) -> dict[str, float]:
            batch = self.batch or (min(BATCH_NORM_BATCH, len(x) // 2) if mixes_examples(module) else 1)
            noise = gradient_noise(module, point.task.loss, x, y, batch)
            return {
                "noise_trace": noise.trace,
                "noise_square": noise.square,
                "noise_trace_error": noise.trace_error,
                "noise_square_error": noise.square_error,
            }

        return look(point, read)
