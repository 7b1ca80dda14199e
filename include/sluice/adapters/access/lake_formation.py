"""Tags and grants in AWS Lake Formation; retries of a call are botocore's alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from sluice.access import Grant
from sluice.adapters import aws
from sluice.contract.model import CLASSIFICATIONS
from sluice.errors import ConflictError, LakeUnavailableError, TerminalError

_COLUMNS_AT_ONCE = 500
_REFUSED = ("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException")


@contextmanager
def _translated(where: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _REFUSED:
            raise TerminalError("ACCESS_DENIED", f"AWS refused: {code}", where=where,
                                mend="Make the worker's role a Lake Formation administrator of this database.") from error  # fmt: skip
        if code in ("InvalidInputException", "EntityNotFoundException"):
            what = error.response.get("Error", {}).get("Message", code)
            raise TerminalError("ACCESS_REFUSED", f"Lake Formation does not take it: {what}", where=where,
                                mend="Check that the role exists and is spelled as in IAM.") from error  # fmt: skip
        raise LakeUnavailableError("ACCESS_UNAVAILABLE", f"Lake Formation answered {code}", where=where) from error
    except BotoCoreError as error:
        raise LakeUnavailableError(
            "ACCESS_UNAVAILABLE", f"Lake Formation could not be reached: {error}", where=where
        ) from error


class LakeFormation:
    """See sluice.access.AccessControl for every method."""

    enforced = True
    note = "AWS Lake Formation decides who reads what."

    @cached_property
    def _client(self) -> Any:
        return self._open("lakeformation")

    def _open(self, service: str) -> Any:
        from botocore.config import Config

        config = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=60)
        with _translated(service):
            return aws.client(service, config)

    @cached_property
    def _account(self) -> str:
        with _translated("sts"):
            return str(self._open("sts").get_caller_identity()["Account"])

    def principal(self, role: str) -> str:
        return role if role.startswith("arn:") else f"arn:aws:iam::{self._account}:role/{role}"

    def tag(self, identifier: str, tags: Mapping[str, Any]) -> None:
        database, table = identifier.split(".")
        key = str(tags["key"])
        self._ensure_tag(key)
        self._tag({"Database": {"Name": database}}, key, tags["database"], database)
        self._tag({"Table": {"DatabaseName": database, "Name": table}}, key, tags["table"], identifier)
        wanted = dict(tags["columns"])
        # A column that had a tag of its own and now has the table's says so: taking a tag away is another right.
        wanted |= {name: tags["table"] for name in self._own(identifier, tags["of"], key) if name not in wanted}
        by_value: dict[str, list[str]] = defaultdict(list)
        for name, value in wanted.items():
            by_value[value].append(name)
        for value, names in by_value.items():
            for i in range(0, len(names), _COLUMNS_AT_ONCE):
                here = {"DatabaseName": database, "Name": table, "ColumnNames": names[i : i + _COLUMNS_AT_ONCE]}
                self._tag({"TableWithColumns": here}, key, value, identifier)

    def _ensure_tag(self, key: str) -> None:
        from botocore.exceptions import ClientError

        with _translated(f"tag {key}"):
            there = {t["TagKey"]: t["TagValues"] for page in self._pages("list_lf_tags") for t in page["LFTags"]}
            if key not in there:
                try:
                    self._client.create_lf_tag(TagKey=key, TagValues=list(CLASSIFICATIONS))
                    return
                except ClientError as error:
                    if error.response.get("Error", {}).get("Code") != "AlreadyExistsException":
                        raise
                there[key] = self._client.get_lf_tag(TagKey=key)["TagValues"]
            if missing := [v for v in CLASSIFICATIONS if v not in there[key]]:
                self._client.update_lf_tag(TagKey=key, TagValuesToAdd=missing)

    def _pages(self, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        token = None
        while True:
            more: dict[str, Any] = {"NextToken": token} if token else {}
            page = getattr(self._client, operation)(**arguments, **more)
            yield page
            token = page.get("NextToken")
            if not token:
                return

    def _tag(self, resource: Any, key: str, value: str, where: str) -> None:
        with _translated(where):
            answer = self._client.add_lf_tags_to_resource(
                Resource=resource, LFTags=[{"TagKey": key, "TagValues": [value]}]
            )
        if failures := answer.get("Failures"):
            raise ConflictError("NOT_TAGGED", f"Lake Formation did not set {key}={value}: {failures[0].get('Error')}",
                                where=where, mend="Grant the worker's role the right to assign this tag.")  # fmt: skip

    def _own(self, identifier: str, columns: Sequence[str], key: str) -> dict[str, str]:
        database, table = identifier.split(".")
        found: dict[str, str] = {}
        for i in range(0, len(columns), _COLUMNS_AT_ONCE):
            names = list(columns[i : i + _COLUMNS_AT_ONCE])
            with _translated(identifier):
                answer = self._client.get_resource_lf_tags(
                    Resource={"TableWithColumns": {"DatabaseName": database, "Name": table, "ColumnNames": names}},
                    ShowAssignedLFTags=True,
                )
            for column in answer.get("LFTagsOnColumns") or ():
                for tag in column["LFTags"]:
                    if tag["TagKey"] == key:
                        found[column["Name"]] = tag["TagValues"][0]
        return found

    def tags(self, identifier: str, columns: Sequence[str]) -> dict[str, str]:
        from sluice.registration import TAG

        database, table = identifier.split(".")
        with _translated(identifier):
            answer = self._client.get_resource_lf_tags(Resource={"Table": {"DatabaseName": database, "Name": table}})
        own = [t["TagValues"][0] for t in answer.get("LFTagsOnTable") or () if t["TagKey"] == TAG]
        inherited = [t["TagValues"][0] for t in answer.get("LFTagOnDatabase") or () if t["TagKey"] == TAG]
        here = (own or inherited or [""])[0]
        return {**dict.fromkeys(columns, here), **self._own(identifier, columns, TAG)}

    def grant(self, grant: Grant) -> None:
        for resource, permissions in _parts(grant):
            with _translated(f"{grant.identifier} for {grant.principal}"):
                self._client.grant_permissions(
                    Principal={"DataLakePrincipalIdentifier": grant.principal},
                    Resource=resource,
                    Permissions=permissions,
                )

    def revoke(self, grant: Grant) -> None:
        from botocore.exceptions import ClientError

        for resource, permissions in _parts(grant):
            with _translated(f"{grant.identifier} for {grant.principal}"):
                try:
                    self._client.revoke_permissions(
                        Principal={"DataLakePrincipalIdentifier": grant.principal},
                        Resource=resource,
                        Permissions=permissions,
                    )
                except ClientError as error:
                    # There is nothing to revoke, or the table is gone and its grants with it.
                    if error.response.get("Error", {}).get("Code") not in (
                        "InvalidInputException",
                        "EntityNotFoundException",
                    ):
                        raise

    def granted(self, identifier: str) -> list[Grant]:
        database, table = identifier.split(".")
        found: dict[tuple[str, tuple[str, ...] | None], set[str]] = defaultdict(set)
        # Not asked for one table: what is granted on columns is then left out by some implementations.
        with _translated(identifier):
            for page in self._pages("list_permissions", ResourceType="TABLE"):
                for entry in page["PrincipalResourcePermissions"]:
                    resource = entry["Resource"]
                    place = resource.get("Table") or resource.get("TableWithColumns") or {}
                    if (place.get("DatabaseName"), place.get("Name")) != (database, table):
                        continue
                    columns = resource.get("TableWithColumns", {}).get("ColumnNames")
                    who = entry["Principal"]["DataLakePrincipalIdentifier"]
                    found[(who, tuple(sorted(columns)) if columns else None)] |= set(entry["Permissions"])
        return [
            Grant(who, identifier, tuple(sorted(permissions)), columns)
            for (who, columns), permissions in sorted(found.items(), key=lambda f: (f[0][0], f[0][1] or ()))
        ]


def _parts(grant: Grant) -> Iterator[tuple[Any, Any]]:
    """The grant as Lake Formation takes it: of columns only SELECT can be granted."""
    database, table = grant.identifier.split(".")
    whole = {"Table": {"DatabaseName": database, "Name": table}}
    if grant.columns is None:
        yield whole, list(grant.permissions)
        return
    part = {"DatabaseName": database, "Name": table, "ColumnNames": list(grant.columns)}
    if "SELECT" in grant.permissions:
        yield {"TableWithColumns": part}, ["SELECT"]
    if rest := [p for p in grant.permissions if p != "SELECT"]:
        yield whole, rest
