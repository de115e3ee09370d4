"""Static multipliers and the rules they come from."""

from etude.scaling.batch import linear_rule, square_root_rule
from etude.scaling.groups import layerwise_decay
from etude.scaling.momentum import effective_lr, nominal_lr

__all__ = ["effective_lr", "layerwise_decay", "linear_rule", "nominal_lr", "square_root_rule"]
