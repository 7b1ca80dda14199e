"""Every failure Sluice raises: what, where, how to mend it, a code; and by its type, whether a retry can help."""

from __future__ import annotations

from dataclasses import dataclass


class SluiceError(Exception):
    """The root of all of Sluice's errors; never raised itself.

    `code` is stable (people and programs search for it), `where` names a file, line, path or object,
    `mend` says what to do next.
    """

    def __init__(self, code: str, message: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        mend = f" {self.mend}" if self.mend else ""
        return f"[{self.code}] {self.message}{where}{mend}"

    def __reduce__(self) -> tuple[object, ...]:
        # Airflow carries exceptions between processes; keyword-only arguments need help to survive that.
        return (_rebuild, (type(self), self.__dict__.copy(), self.args))


def _rebuild(cls: type[SluiceError], state: dict[str, object], args: tuple[object, ...]) -> SluiceError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class TransientError(SluiceError):
    """The world was in the way (throttling, a lost connection); the same call may succeed later."""


class TerminalError(SluiceError):
    """The same call will fail again until somebody changes something."""


class BadInputError(TerminalError):
    """What the user handed in cannot be used as it is."""


class UsageError(TerminalError):
    """The command was called in a way it does not understand."""


class SourceError(TerminalError):
    """The source's data is missing, changed while it was read, or breaks a limit."""


class ChecksFailedError(TerminalError):
    """A required quality check did not hold."""


class RefusedError(TerminalError):
    """A rule of governance says no; `status` is the HTTP status that says the same, `details` are for machines."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int,
        where: str = "",
        mend: str = "",
        details: dict[str, object] | None = None,
    ) -> None:
        super().__init__(code, message, where=where, mend=mend)
        self.status = status
        self.details = details or {}


class NotApprovedError(TerminalError):
    """Something needs recorded approvals that the ledger does not hold."""


class SentBackError(TerminalError):
    """The work was overtaken: people sent the request back, or took an approval back. It is done again later."""


class ConflictError(TerminalError):
    """The object exists and belongs to somebody else."""


class StackError(TerminalError):
    """The local stack cannot be started, reached or stopped."""


class LakeUnavailableError(TransientError):
    """Object storage or the catalog did not answer, or asked us to slow down."""


class CommitConflictError(TransientError):
    """Somebody else's commit came first; nothing of ours is visible, and it can be tried on top of theirs."""


class LedgerUnavailableError(TransientError):
    """The ledger's database did not answer."""


@dataclass(frozen=True)
class Finding:
    """One thing wrong with an input. `line` counts from 1, 0 when unknown; `path` is dotted, as in the document."""

    code: str
    message: str
    file: str
    line: int = 0
    path: str = ""
    mend: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        path = f" at {self.path}" if self.path else ""
        mend = f"\n    mend: {self.mend}" if self.mend else ""
        return f"{place}: [{self.code}]{path} {self.message}{mend}"


class InvalidContractError(BadInputError):
    """A contract cannot be used; `findings` lists every reason that could be found in one reading."""

    def __init__(self, findings: list[Finding]) -> None:
        first = findings[0]
        count = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        super().__init__(
            first.code,
            f"{first.message}{count}",
            where=f"{first.file}:{first.line}" if first.line else first.file,
            mend=first.mend,
        )
        self.findings = findings
