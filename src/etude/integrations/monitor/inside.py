"""What goes on inside a model, seen in the forward and backward passes that its training makes anyway."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from etude.integrations.monitor.clock import Clock
from etude.integrations.monitor.compiled import is_compiled
from etude.integrations.monitor.rows import Numbers
from etude.training.probes.depth import DepthWatch
from etude.training.probes.places import Listening, Place, is_scripted
from etude.training.probes.units import UnitWatch

EXAMPLES = 1024
"""Examples before a unit that answered none of them is called dead; batch after batch is added up until then."""


AROUND = 2.0
"""What a reading costs in all, relative to the time spent in listening: calls are intercepted, and what was in the cache is
no longer. Measured as 1.9 on a CNN and 2.2 on an MLP."""


@final
class Inside:
    """Hooks on a model's modules, there only while a reading is open; they change no value and draw no random number.

    Only passes of the training count: those in training mode of which gradients are taken. Each begins and ends with the
    outermost module that is called, so functions that are called outside of all modules are not seen.

    Args:
        model: The model, out of its wrappers.
        names: Names of its parameters.
        clock: Times what is done here.

    Attributes:
        seconds: Spent here since the last ``rest``.
        examples: Examples seen in this reading.
        compiled: Whether the training runs compiled code, which shows nothing.
        works: Whether readings can be taken: not where that is so, of copies on several devices, or where one has failed.
    """

    def __init__(self, model: nn.Module, names: Mapping[Tensor, str], clock: Clock) -> None:
        self.seconds = 0.0
        self.examples = 0
        self.compiled = is_compiled(model)
        self.works = not self.compiled and not any(isinstance(m, nn.DataParallel) for m in model.modules())
        self._model = model
        self._parameters = {name: p for p, name in names.items()}
        self._clock = clock
        self._hooks: list[RemovableHandle] = []
        self._place = Place({})
        self._units: UnitWatch | None = None
        self._depth: DepthWatch | None = None
        self._pass: ExitStack | None = None

    @property
    def open(self) -> bool:
        """Whether a reading is being taken."""
        return bool(self._hooks)

    def begin(self) -> None:
        """Begin a reading: of the depth in the step to come, of the units from there on."""
        began = self._clock.own()
        self._place = Place(self._parameters)
        self._units, self._depth, self.examples = UnitWatch(self._place), DepthWatch(self._place), 0
        for name, part in self._model.named_modules():
            if not is_scripted(part):
                enter = partial(self._enter, name)
                self._hooks += [
                    part.register_forward_pre_hook(enter, prepend=True, with_kwargs=True),
                    part.register_forward_hook(self._leave, always_call=True),
                ]
        self.seconds += self._clock.own() - began

    def depth(self) -> Numbers:
        """What the depth profile is, once the backward pass of the first step is over; empty where no pass was seen."""
        watch, self._depth = self._depth, None
        if watch is None or not self.examples:
            return {}
        return dict(watch.profile().columns())

    def end(self) -> Numbers:
        """End the reading; shares of dead and saturated units, if enough examples were seen to tell."""
        began = self._clock.own()
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        watch, self._units, self._depth, self._pass = self._units, None, None, None
        found: Numbers = {}
        if watch is not None and self.examples >= EXAMPLES:
            layers = watch.layers()
            found = {f"dead/{name}": units.dead for name, units in layers.items()}
            found |= {f"saturated/{n}": units.saturated for n, units in layers.items() if units.saturates}
        self.seconds += self._clock.own() - began
        return found

    def before(self, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Hear of a call of a torch function before it is made."""
        if self._units is not None:
            self._sparing(partial(self._units.before, function, args, kwargs))

    def after(self, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        """Hear of its result."""
        if self._depth is not None:
            self._sparing(partial(self._depth.after, function, args, kwargs, result))
        if self._units is not None:
            self._sparing(partial(self._units.after, function, args, kwargs, result))

    def _enter(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if torch.compiler.is_compiling():
            return
        if len(self._place.entered) == 1 and module.training and torch.is_grad_enabled() and self._pass is None:
            self.examples += _examples((*args, *kwargs.values()))
            self._pass = ExitStack()
            self._pass.enter_context(Listening(self))
        self._place.entered.append((name, module))

    def _leave(self, *_: Any) -> None:
        if torch.compiler.is_compiling() or len(self._place.entered) == 1:
            return
        self._place.entered.pop()
        if len(self._place.entered) == 1 and self._pass is not None:
            self._pass.close()
            self._pass = None

    def _sparing(self, read: Callable[[], object]) -> None:
        """Read something; what cannot be read must not end the training."""
        began = self._clock.own()
        try:
            read()
        except Exception as error:  # noqa: BLE001 - whatever it is, the training goes on
            self.works = False
            self._units = self._depth = None
            warnings.warn(f"the monitor no longer looks inside the model: {error}", stacklevel=2)
        self.seconds += self._clock.own() - began


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside of what distributes it."""
    while isinstance(model, nn.parallel.DistributedDataParallel):
        model = model.module
    return model


def _examples(values: tuple[Any, ...]) -> int:
    """Examples that a module is called with: the length of the first tensor."""
    return next((len(v) for v in values if isinstance(v, Tensor) and v.dim()), 0)
