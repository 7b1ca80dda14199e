"""What catalogs raise, as Sluice's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sluice.errors import LakeUnavailableError, TerminalError

REFUSED = ("AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "403")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Translate what the SDKs raise; FileNotFoundError and what is Sluice's own passes."""
    from botocore.exceptions import BotoCoreError, ClientError
    from pyiceberg.exceptions import CommitStateUnknownException, NoSuchNamespaceError, NoSuchTableError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (NoSuchTableError, NoSuchNamespaceError) as error:
        raise TerminalError("NOT_REGISTERED", "the catalog has no such table", where=where,
                            mend="Somebody removed it. Raise the contract's version and ask again: it is made anew.") from error  # fmt: skip
    except CommitStateUnknownException as error:
        raise LakeUnavailableError(
            "COMMIT_UNKNOWN", "the catalog did not say whether the commit happened", where=where
        ) from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in REFUSED:
            raise TerminalError(
                "ACCESS_DENIED", f"AWS refused: {code}", where=where, mend="Grant the worker's role Glue access."
            ) from error
        raise LakeUnavailableError("CATALOG_UNAVAILABLE", f"the catalog answered {code}", where=where) from error
    except SQLAlchemyError as error:
        # Its text repeats the statement and, for some, the address with its password.
        raise LakeUnavailableError(
            "CATALOG_UNAVAILABLE", f"the catalog's database failed: {type(error).__name__}", where=where,
            mend="`sluice doctor` says how it is.",
        ) from error  # fmt: skip
    except (BotoCoreError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise LakeUnavailableError(
            "CATALOG_UNAVAILABLE", f"the catalog could not be reached: {error}", where=where
        ) from error
