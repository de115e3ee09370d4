"""Group scales from the place of a layer in its network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from etude.core.errors import SpecError
from etude.scaling import checks


def layerwise_decay(names: Sequence[str], decay: float) -> tuple[tuple[str, float], ...]:
    r"""Smaller learning rates for layers nearer the input.

    .. math:: \eta_l = \eta \, d^{L - l}, \quad l = 1 \dots L

    with d = ``decay`` and L layers counted from the input, so the last layer trains at η itself. Known as
    discriminative fine-tuning (there d = 1/2.6) and as layer-wise learning-rate decay.

    Args:
        names: Module names of the layers from input to output, as in ``model.named_modules()``; none lies inside
            another, else their scales would multiply.
        decay: d [1 = one learning rate for all], 0 < d <= 1.

    Returns:
        One pair (pattern, scale) per layer, for ``RunSpec.group_scales``. A pattern matches all parameters below the
        layer; parameters in no named layer keep the scale 1.

    Raises:
        SpecError: When ``decay`` is out of its range, or names are missing, repeated or nested.

    References:
        Howard & Ruder (2018), Universal language model fine-tuning for text classification, section 3.2.
        arXiv:1801.06146.
        Clark et al. (2020), ELECTRA: pre-training text encoders as discriminators rather than generators, appendix.
        arXiv:2003.10555.

    Example:
        >>> layerwise_decay(["embedding", "encoder", "head"], decay=0.5)
        (('embedding.*', 0.25), ('encoder.*', 0.5), ('head.*', 1.0))
    """
    checks.positive(decay, "decay")
    if decay > 1:
        raise SpecError(f"needs decay <= 1, got {decay}: layers nearer the input get the smaller learning rates")
    if not names or not all(names):
        raise SpecError(f"needs the names of the layers, got {list(names)}: pass those of model.named_children()")
    for outer, inner in permutations(names, 2):
        if f"{inner}.".startswith(f"{outer}."):
            raise SpecError(f"layer '{inner}' lies inside '{outer}' or repeats it: name each parameter's layer once")
    last = len(names) - 1
    return tuple((f"{name}.*", float(decay) ** (last - place)) for place, name in enumerate(names))
