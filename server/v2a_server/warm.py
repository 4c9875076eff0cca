"""Models that stay loaded: those used last, as long as they fit, and not for ever. Knows no torch."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_log = logging.getLogger(__name__)

M = TypeVar("M")


class WarmModels(Generic[M]):
    """Loads models when they are asked for, and lets go of others.

    load: by name. size_bytes: of a model's weights. released: called after models were let go.
    max_bytes: of all weights that stay loaded; a single model may be larger. unload_after_s: without use.
    """

    def __init__(
        self,
        load: Callable[[str], M],
        size_bytes: Callable[[M], int],
        released: Callable[[], None],
        max_bytes: int,
        unload_after_s: float,
    ) -> None:
        self._load, self._size_bytes, self._released = load, size_bytes, released
        self._max_bytes, self._unload_after_s = max_bytes, unload_after_s
        self._loaded: OrderedDict[str, tuple[M, float]] = OrderedDict()  # with when it was used last; latest at the end

    def __contains__(self, name: str) -> bool:
        return name in self._loaded

    def get(self, name: str) -> M:
        """A model, now or still loaded. Raises what `load` does."""
        model = self._loaded[name][0] if name in self._loaded else self._load(name)
        self._loaded[name] = (model, time.monotonic())
        self._loaded.move_to_end(name)
        n_bytes = sum(self._size_bytes(model) for model, _ in self._loaded.values())
        while n_bytes > self._max_bytes and len(self._loaded) > 1:
            oldest = next(iter(self._loaded))
            n_bytes -= self._size_bytes(self._loaded[oldest][0])
            self._drop(oldest, "others need the memory")
        return model

    @contextmanager
    def using(self, name: str) -> Iterator[M]:
        """A model for a piece of work, at whose end it was used last. Raises what `load` does."""
        model = self.get(name)
        try:
            yield model
        finally:
            if name in self._loaded:
                self._loaded[name] = (model, time.monotonic())

    def drop_others(self, name: str) -> bool:
        """Let go of all but one. False where there were no others."""
        others = [other for other in self._loaded if other != name]
        for other in others:
            self._drop(other, f"'{name}' needs the memory")
        return bool(others)

    def drop_idle(self) -> None:
        """Let go of those that were not used for so long."""
        now_s = time.monotonic()
        for name in [name for name, (_, used_s) in self._loaded.items() if now_s - used_s >= self._unload_after_s]:
            self._drop(name, f"nobody has asked for it for {self._unload_after_s:g} s")

    def _drop(self, name: str, why: str) -> None:
        _log.info("the model '%s' is unloaded: %s", name, why)
        del self._loaded[name]
        self._released()
