"""Work beside the window: done in a thread, its answer or its error given back in the window's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.qt.threading import create_worker

from isletqc.errors import IsletQCError

Work = Any


def start(do: Callable[[], Any], answer: Callable[[Any], None]) -> Work:
    """Do something in a thread; ``answer`` gets what it gives, or the error that it raises."""

    def done() -> Any:
        try:
            return do()
        except IsletQCError as e:
            return e

    worker = create_worker(done)
    worker.returned.connect(answer)
    worker.start()
    return worker
