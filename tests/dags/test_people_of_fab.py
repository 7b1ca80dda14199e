"""FAB's user as it really comes: out of a session that has ended, with roles and without groups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Column, ForeignKey, Integer, String, Table, create_engine
from sqlalchemy.orm import DeclarativeBase, Session, relationship, sessionmaker

from sluice_airflow.web.people import person


class Base(DeclarativeBase):
    pass


def _between(kind: str) -> Table:
    columns = (Column("user", ForeignKey("user.id")), Column(kind, ForeignKey(f"{kind}.id")))
    return Table(f"user_{kind}", Base.metadata, *columns)


class Role(Base):
    __tablename__ = "role"
    id = Column(Integer, primary_key=True)
    name = Column(String)


class Group(Base):
    __tablename__ = "group"
    id = Column(Integer, primary_key=True)
    name = Column(String)


class User(Base):
    """With the loading of airflow.providers.fab.auth_manager.models.User 3.x."""

    __tablename__ = "user"
    id = Column(Integer, primary_key=True)
    username = Column(String)
    roles = relationship(Role, secondary=_between("role"), lazy="selectin")
    groups = relationship(Group, secondary=_between("group"))

    def get_name(self) -> str:
        return str(self.username)


def test_the_groups_of_a_user_whose_session_has_ended_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    sessions = sessionmaker(engine, expire_on_commit=False)

    @contextmanager
    def session() -> Iterator[Session]:
        with sessions() as opened:
            yield opened
            opened.commit()

    monkeypatch.setattr("airflow.utils.session.create_session", session)
    with session() as opened:
        opened.add(User(username="sara", roles=[Role(name="Viewer")], groups=[Group(name="lake-security")]))
    with session() as opened:
        user = opened.query(User).one()
    found = person(user)
    assert (found.name, found.groups) == ("sara", {"Viewer", "lake-security"})
