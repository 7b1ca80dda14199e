"""Who acts, as each of Airflow's auth managers tells it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from sluice_airflow.web.people import person


@dataclass
class Named:
    name: str


@dataclass
class User:
    """A user object with whatever an auth manager gives it."""

    username: str = "sara"
    more: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["more"][name]
        except KeyError:
            raise AttributeError(name) from None

    def get_name(self) -> str:
        return self.username


def token(claims: Any) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.signature"


@pytest.mark.parametrize(
    ("more", "groups"),
    [
        ({"role": "viewer", "teams": []}, {"viewer"}),
        ({"roles": [Named("Lake security"), Named("Viewer")], "groups": [Named("stewards")]}, {"Lake security", "Viewer", "stewards"}),
        ({"access_token": token({"groups": ["/lake-security", "staff"], "realm_access": {"roles": ["user"]}})}, {"lake-security", "staff", "user"}),
        ({"access_token": token({"realm_access": "nonsense", "groups": {"a": 1}})}, set()),
        ({"access_token": token(["not", "an", "object"])}, set()),
        ({"access_token": "not.a.token"}, set()),
        ({"access_token": "é.é.é", "roles": None, "groups": "admin"}, set()),
        ({}, set()),
    ],
    ids=["simple", "fab", "keycloak", "odd claims", "no object", "no token", "broken", "nothing"],
)  # fmt: skip
def test_name_and_groups(more: dict[str, Any], groups: set[str]) -> None:
    found = person(User(more=more))
    assert (found.name, found.groups) == ("sara", groups)
