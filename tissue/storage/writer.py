"""Background writer: output is written while the next steps run."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Self

Job = Callable[[], object]
"""Function that writes one piece of output."""

log = logging.getLogger(__name__)


class Writer:
    """Thread that runs jobs in order; use it as a context manager.

    One job runs and at most `waiting` more wait; adding another one blocks until a job is done, so
    that a slow disk costs time and no memory. One thread is enough: HDF5 serves one caller at a
    time, and the cores are needed by the steps.

    All jobs are done when the block is left, however it ends, and the thread has ended. After an
    error no further job runs: the files on disk have no gap.
    """

    def __init__(self, waiting: int = 1) -> None:
        """Starts the thread.

        Args:
            waiting: number of jobs that may wait while one runs.
        """
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._slots = waiting + 1
        self._free = threading.Semaphore(self._slots)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="tissue-writer")
        self._thread.start()

    def put(self, make: Callable[[], Job]) -> None:
        """Adds a job, after waiting for a free slot.

        Args:
            make: makes the job, whose data must not change later; called once a slot is free, so
                that a job takes memory only from then on.

        Raises:
            BaseException: the error of an earlier job.
        """
        self.check()
        try:
            self._free.acquire()
        finally:
            # also after an interrupt: output that was due is written
            self._jobs.put(make())

    def wait(self) -> None:
        """Waits until all jobs are done.

        Raises:
            BaseException: the error of a job.
        """
        for _ in range(self._slots):
            self._free.acquire()
        self._free.release(self._slots)
        self.check()

    @property
    def failure(self) -> BaseException | None:
        """Error of a job; None while there was none."""
        return self._error

    def check(self) -> None:
        """Raises the error of a job, if there was one."""
        if self._error:
            raise self._error

    def close(self) -> None:
        """Waits until all jobs are done and the thread has ended."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                if not self._error:
                    job()
            except BaseException as error:  # raised again in the thread that added the job
                self._error = error
            # a finished job must not take memory until the next one comes
            del job
            self._free.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if error is None:
            self.check()
        elif self._error and self._error is not error:
            log.warning(f"not all output could be written either: {self._error}")
