"""Where in a model a torch function is called, and with which weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, final

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_WEIGHTED = {"linear", "bilinear", "conv1d", "conv2d", "conv3d"}
_WEIGHTED |= {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}


@final
class Place:
    """The modules that the forward pass has entered and not left.

    Args:
        parameters: Those of the model, by name.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self.entered: list[tuple[str, nn.Module | None]] = [("", None)]
        self._names = {id(p): name.removesuffix(".weight") for name, p in parameters.items()}

    def weight(self, function: str, values: tuple[Any, ...]) -> str | None:
        """Name of the weight, matrix or kernel, that a call uses; ``None`` if it uses none.

        A parameter has its own name, without the ending ``.weight``; a weight that is computed first (by weight norm, say)
        has that of the module that calls.

        Args:
            function: Name of the torch function.
            values: Its arguments.
        """
        for value in values:
            for part in value if isinstance(value, list | tuple) else (value,):
                if isinstance(part, Tensor) and id(part) in self._names and part.dim() > 1:
                    return self._names[id(part)]
        return self.entered[-1][0] if function in _WEIGHTED else None

    def owns(self, value: Tensor) -> bool:
        """Whether a tensor is a parameter of the model."""
        return id(value) in self._names


class Listener(Protocol):
    """Hears of every call of a torch function, and changes nothing of it."""

    def before(self, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Hear of a call before it is made, while its inputs are what they are: it may work in place."""

    def after(self, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        """Hear of a call and its result."""


@final
class Listening(TorchFunctionMode):
    """A context in which a listener hears of all torch functions that are called."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self._listener.before(func, args, kwargs)
        result = func(*args, **kwargs)
        self._listener.after(func, args, kwargs, result)
        return result


@contextmanager
def followed(module: nn.Module, parameters: Mapping[str, Tensor]) -> Iterator[Place]:
    """Follow the forward pass of a module; its own hooks stay, and those that follow it go afterwards."""
    place = Place(parameters)
    with ExitStack() as stack:
        for name, part in module.named_modules():
            if not is_scripted(part):
                enter = part.register_forward_pre_hook(
                    lambda m, _, name=name: place.entered.append((name, m)), prepend=True
                )
                leave = part.register_forward_hook(lambda *_: place.entered.pop() and None, always_call=True)
                stack.callback(enter.remove)
                stack.callback(leave.remove)
        yield place


def is_scripted(part: nn.Module) -> bool:
    """Whether a module is compiled TorchScript, which takes no hooks."""
    return type(part).__module__.startswith("torch.jit")
