"""Whether code that torch compiled runs in a training: hooks and listeners have to keep away from it.

What is compiled runs no Python, so nothing of its inside can be seen. To try does harm, too. A compiled function is guarded by
the listeners that were there when it was compiled: under another one it is compiled again, or raises an error (``fullgraph``).
Hooks that a module has while it is compiled become a guard, so that it is compiled again when they have gone; hooks that come
later are passed over (``torch._dynamo.config.skip_nnmodule_hook_guards``). Which functions a model calls cannot be told from
the model, so one step is watched first, without touching it.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, final

from torch import nn

_ENTRANCE = ("compile_wrapper", "torch._dynamo.eval_frame")
"""Name and module of the Python function by which all compiled code is entered."""


@final
class Lookout:
    """Watches Python's own calls for some steps, to tell whether compiled code is among them.

    It uses the interpreter's hook for profilers of this thread, if that is free, and leaves it alone once the answer is known.

    Attributes:
        open: Whether it watches.
        ran: Whether compiled code ran, ``None`` as long as that is not known.

    Example:
        >>> lookout = Lookout()
        >>> lookout.begin()
        >>> lookout.end()
        >>> lookout.ran
        False
    """

    def __init__(self) -> None:
        self.open = False
        self.ran: bool | None = None
        self._own = self._called  # one object, that it is known by

    def begin(self) -> None:
        """Begin to watch, unless a profiler is at work; then nothing is known at the end."""
        self.ran, self.open = None, True
        if sys.getprofile() is None:
            sys.setprofile(self._own)

    def end(self) -> None:
        """End it; a profiler that took the place meanwhile stays there."""
        if self.open and sys.getprofile() is self._own:
            sys.setprofile(None)
            self.ran = False
        self.open = False

    def _called(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name == _ENTRANCE[0] and frame.f_globals["__name__"] == _ENTRANCE[1]:
            self.ran = True
            sys.setprofile(None)


def may_run_compiled() -> bool:
    """Whether this process has called ``torch.compile``, which imports what nothing else does."""
    return "torch._inductor.compiler_bisector" in sys.modules


def is_compiled(model: nn.Module) -> bool:
    """Whether the model, or a part of it, is known to run as compiled code."""
    return any(hasattr(part, "_orig_mod") or part._compiled_call_impl is not None for part in model.modules())
