"""What every pool has in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox.jobs import Job, Reply, check_size
from hashmatch.examine.sandbox.limits import WorkerLimits
from hashmatch.examine.sandbox.protection import Sandbox, require_walls, sandbox_notice
from hashmatch.files import Closing
from hashmatch.options import ExamineOptions


class AnyPool(Closing):
    """Examines open files, several at a time.

    Attributes:
        protection: what contains hostile files, once the pool is configured.
        window: 0 if the caller opens each file before it submits a job. An examiner elsewhere opens
            files itself: jobs name their items, and this many may be under way.
        checks: whether another machine checks some answers, which ``settle`` waits for.
    """

    window = 0
    checks = False

    def __init__(self, jobs: int, limits: WorkerLimits = WorkerLimits()) -> None:  # frozen
        self.protection: dict[str, Any] = {}
        self._limits = limits
        self._size = check_size(jobs)
        self._options: ExamineOptions | None = None

    def configure(self, options: ExamineOptions) -> Self:
        """Say what to examine, and start the workers. Call it again only when idle.

        Raises:
            SettingsError: the pool is busy or was configured for something else, or the sandbox is
                strict and lacks a wall.
            HashmatchError: the workers cannot be started.
        """
        if self._options is None:
            self._options = options
            self._begin(options)
            self._check_sandbox()
        elif self.busy or self._options != options:
            raise SettingsError(
                "this pool is busy with another scan, or was made for another matcher: make"
                " one pool for each"
            )
        return self

    def _check_sandbox(self) -> None:
        if self._limits.sandbox == Sandbox.STRICT:
            require_walls(self.protection)
        notice = sandbox_notice(self._limits.sandbox, self.protection)
        if notice is not None and self._limits.notify is not None:
            self._limits.notify(notice)

    @abstractmethod
    def _begin(self, options: ExamineOptions) -> None:
        """Start the workers."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Queue a job. Its descriptor must stay open until its last reply."""

    @property
    @abstractmethod
    def hungry(self) -> bool:
        """Whether another job would soon be started."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether any job has not ended yet."""

    @property
    def liars(self) -> frozenset[str]:
        """The machines that are known to have given a false answer."""
        return frozenset()

    def settle(self) -> None:  # only an examiner elsewhere has its answers checked
        """Wait until the answers have been checked; call it once all replies are there."""

    @abstractmethod
    def poll(self, timeout: float) -> list[Reply]:
        """Wait up to ``timeout`` seconds for replies, and return those that have come."""
