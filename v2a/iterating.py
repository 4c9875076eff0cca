"""Iterators that fail for good."""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class FailingForGood(Iterator[T], Generic[T]):
    """The same items; once they have failed, every further one fails alike.

    A generator that has raised is over: whoever asks it again is told that there is no more, and would take what came
    until then for the whole.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._failure: BaseException | None = None

    def __next__(self) -> T:
        """The next item."""
        if self._failure is not None:
            raise self._failure
        try:
            return next(self._items)
        except StopIteration:
            raise
        except BaseException as error:
            self._failure = error
            raise
