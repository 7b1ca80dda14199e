"""Who acts: the Airflow user, and the groups that the auth manager says the user is in."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any

from sluice.approval import Person


def person(user: Any) -> Person:
    """The user as the policy knows people: the name, and every role, group and team the auth manager tells of.

    SimpleAuthManager has one `role`, FAB `roles` and `groups` (objects with a name), Keycloak only its access token,
    which Airflow has verified before anybody comes here.
    """
    names = {user.role} if isinstance(getattr(user, "role", None), str) else set()
    for attribute in ("roles", "groups", "teams"):
        names |= set(_names(_of(user, attribute)))
    return Person(str(user.get_name()), frozenset(names | set(_claims(getattr(user, "access_token", None)))))


def _of(user: Any, attribute: str) -> Any:
    """What the user has there. FAB's user comes out of a database session that has ended, without its groups."""
    from sqlalchemy.orm.exc import DetachedInstanceError

    try:
        return getattr(user, attribute, None)
    except DetachedInstanceError:
        from airflow.utils.session import create_session

        with create_session() as session:
            return [item.name for item in getattr(session.merge(user, load=False), attribute)]


def _names(found: Any) -> Iterable[str]:
    if isinstance(found, (list, tuple, set, frozenset)):
        for item in found:
            name = item if isinstance(item, str) else getattr(item, "name", None)
            if isinstance(name, str):
                yield name.lstrip("/")


def _claims(token: Any) -> Iterable[str]:
    """Groups and realm roles in a Keycloak access token (RFC 7519); nothing where there is none."""
    if not isinstance(token, str) or token.count(".") != 2:
        return
    body = token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error):
        return
    if isinstance(claims, Mapping):
        yield from _names(claims.get("groups"))
        realm = claims.get("realm_access")
        yield from _names(realm.get("roles") if isinstance(realm, Mapping) else None)
