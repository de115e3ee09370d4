"""The networks that the étude trains, and the remedies that it tries."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from etude.analysis.gradients.signals import Init

WIDTH = 48
"""Units of every hidden layer: enough for theory, which is one of wide layers, and few enough for a thousand runs."""

DEPTHS = (2, 4, 8, 16)
INITS: tuple[Init, ...] = ("default", "xavier", "he", "orthogonal")
SCALED_UP = 2.0
"""σ_w of a badly scaled start: √2 times He's, so that signals and gradients of a ReLU network double every other layer."""

MAP_DEPTH = 12
SCALES = tuple(float(f"{np.sqrt(2) * 2 ** (k / 4):.4g}") for k in range(-4, 5))
"""σ_w of the map: quarter octaves around He's √2."""

TIMES = 32
"""Time steps of the recurrent network at most."""

HIDDEN = 32

CLIP_NORM, CLIP_VALUE = 1.0, 0.1
"""Where remedies clip. The norm of 1 is what practice takes; an entry of 0.1 is about a hundred times a healthy one here."""


@dataclass(frozen=True)
class Net:
    """A deep plain network.

    Attributes:
        activation: Of its hidden layers.
        depth: How many they are.
        init: How all its layers are initialized.
    """

    activation: str
    depth: int
    init: Init

    @property
    def name(self) -> str:
        """Unique among the étude's networks."""
        return f"{self.activation} {self.depth} {label(self.init)}"


@dataclass(frozen=True)
class Remedy:
    """What is done against gradients that vanish or explode.

    Attributes:
        init: Another initialization, or ``None`` for the patient's own.
        schedule: Of the learning rate.
        clip: Fields of ``RunSpec`` that clip.
    """

    init: Init | None = None
    schedule: str = "constant"
    clip: dict[str, float] = field(default_factory=dict)


def label(init: Init) -> str:
    """What the reader calls an initialization: the same in every language."""
    if isinstance(init, str):
        return {"xavier": "Xavier", "he": "He"}.get(init, init)
    return f"σ_w = {init:g}"


GRID = tuple(Net("relu", depth, init) for init in (*INITS, SCALED_UP) for depth in DEPTHS) + tuple(
    Net("tanh", depth, init) for init in INITS for depth in DEPTHS
)
"""Depth × initialization × activation. tanh saturates, so a start that is scaled up does not explode there."""

MAP = tuple(Net("relu", MAP_DEPTH, scale) for scale in SCALES)

PATIENTS = {"exploding": Net("relu", 16, SCALED_UP), "vanishing": Net("relu", 8, "default")}
"""Two networks that need a remedy."""

NORM, VALUE = f"‖g‖ ≤ {CLIP_NORM:g}", f"|g| ≤ {CLIP_VALUE:g}"
WITHOUT = "–"
"""Name of doing nothing."""

REMEDIES = {
    WITHOUT: Remedy(),
    NORM: Remedy(clip={"clip_norm": CLIP_NORM}),
    VALUE: Remedy(clip={"clip_value": CLIP_VALUE}),
    "He": Remedy(init="he"),
    "cosine": Remedy(schedule="cosine"),
    f"He + {NORM} + cosine": Remedy("he", "cosine", {"clip_norm": CLIP_NORM}),
}
"""The three remedies (clipping in both ways), and all together."""

THROUGH_TIME = {
    "default": Remedy("default"),
    f"default + {NORM}": Remedy("default", clip={"clip_norm": CLIP_NORM}),
    "orthogonal": Remedy("orthogonal"),
    f"orthogonal + {NORM}": Remedy("orthogonal", clip={"clip_norm": CLIP_NORM}),
    label(1.5): Remedy(1.5),
}
"""Starts of the recurrent matrix, and clipping."""


def recurrent_name(init: Init) -> str:
    """Name of a recurrent network."""
    return f"rnn {label(init)}"
