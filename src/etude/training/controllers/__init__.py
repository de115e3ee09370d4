"""Controllers: learning rates that answer to what is measured. State machines over lanes, in NumPy, without torch."""

from etude.training.controllers.hypergradient import Hypergradient
from etude.training.controllers.plateau import Plateau
from etude.training.controllers.polyak import Polyak

__all__ = ["Hypergradient", "Plateau", "Polyak"]
