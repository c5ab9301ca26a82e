"""Where CockroachDB keeps the rows of each residency, and when it deletes them by itself.

A profile names the regions of each residency. From it come super regions (which confine every replica, from 26.2 on),
a home region that the database computes from `residency` (so that no gateway can home a row wrongly), and rows that
live in their home region. `ttl` comes with it. Nothing here runs on PostgreSQL or SQLite: there each residency has a
database of its own, and the purge job deletes.

https://www.cockroachlabs.com/docs/stable/multiregion-overview,
https://www.cockroachlabs.com/docs/stable/data-domiciling and https://www.cockroachlabs.com/docs/stable/row-level-ttl.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import sqlalchemy as sa
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.errors import ConfigError
from connectors.store.tables import metadata

RegionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")]
ResidencyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]

WITHOUT_CONTENT = ("alembic_version",)
"""Tables that every region reads and that super regions do not confine: they may hold nothing of a tenant."""

HOME = "home_region"

TTL = "ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly'"


class ResidencyRegions(BaseModel):
    """The regions in which one residency's rows may be. `home` is where they are written and read first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: RegionName
    regions: tuple[RegionName, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _home_is_one_of_them(self) -> ResidencyRegions:
        if self.home not in self.regions:
            raise ValueError("`home` must be one of `regions`")
        return self


class Profile(BaseModel):
    """The regions of an installation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    primary: RegionName
    survive: Literal["zone", "region"] = "zone"
    residencies: dict[ResidencyName, ResidencyRegions] = Field(min_length=1)

    @model_validator(mode="after")
    def _hold_together(self) -> Profile:
        every = [region for each in self.residencies.values() for region in each.regions]
        if len(set(every)) != len(every):
            raise ValueError("a region can belong to one residency only")
        if self.primary not in every:
            raise ValueError("`primary` must be a region of one of the residencies")
        if self.survive == "region" and any(len(set(each.regions)) < 3 for each in self.residencies.values()):
            raise ValueError("to survive the loss of a region, every residency needs three regions or more")
        return self

    @property
    def regions(self) -> tuple[str, ...]:
        """Return every region, the primary first."""
        others = {region for each in self.residencies.values() for region in each.regions} - {self.primary}
        return (self.primary, *sorted(others))


@dataclass(frozen=True)
class State:
    """What the cluster has already. `localities` and `ttl` are by table."""

    database: str
    cluster_regions: frozenset[str] = frozenset()
    primary: str = ""
    regions: frozenset[str] = frozenset()
    survive: str = "zone"
    super_regions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    localities: Mapping[str, str] = field(default_factory=dict)
    ttl: frozenset[str] = frozenset()


def load_profile(path: Path) -> Profile:
    """Read a profile. Raises `ConfigError` that says what is wrong in it."""
    try:
        return Profile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError:
        raise ConfigError(f"{path} is not YAML") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {place + ': ' if place else ''}{first['msg']}") from None


def statements(profile: Profile, state: State) -> Iterator[str]:
    """Yield what is still to be done, in order. Applied to a database that has it all, nothing is yielded."""
    database = _quoted(state.database)
    if state.primary != profile.primary:
        yield f"ALTER DATABASE {database} SET PRIMARY REGION {_quoted(profile.primary)}"
    for region in profile.regions[1:]:
        if region not in state.regions:
            yield f"ALTER DATABASE {database} ADD REGION IF NOT EXISTS {_quoted(region)}"
    if state.survive != profile.survive:
        yield f"ALTER DATABASE {database} SURVIVE {profile.survive.upper()} FAILURE"
    for name, each in sorted(profile.residencies.items()):
        wanted = frozenset(each.regions)
        listed = ", ".join(_quoted(region) for region in each.regions)
        if name not in state.super_regions:
            yield f"ALTER DATABASE {database} ADD SUPER REGION {_quoted(name)} VALUES {listed}"
        elif state.super_regions[name] != wanted:
            yield f"ALTER DATABASE {database} ALTER SUPER REGION {_quoted(name)} VALUES {listed}"
    for name in WITHOUT_CONTENT:
        if state.localities.get(name) != "GLOBAL":
            yield from _unlocked(name, f"ALTER TABLE {_quoted(name)} SET LOCALITY GLOBAL")
    for table in metadata.sorted_tables:
        yield from _table_statements(profile, state, table)


def _table_statements(profile: Profile, state: State, table: sa.Table) -> Iterator[str]:
    name = _quoted(table.name)
    changes = []
    if state.localities.get(table.name) != f"REGIONAL BY ROW AS {HOME}":
        changes += [
            (
                f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {HOME} crdb_internal_region NOT NULL "
                f"AS ({_home(profile)}) STORED"
            ),
            f"ALTER TABLE {name} SET LOCALITY REGIONAL BY ROW AS {HOME}",
        ]
    if "expires_at" in table.c and table.name not in state.ttl:
        changes.append(f"ALTER TABLE {name} SET ({TTL})")
    if changes:
        yield from _unlocked(table.name, *changes)


def _home(profile: Profile) -> str:
    """Return the home region as an expression. A residency that the profile does not name is refused by NOT NULL."""
    cases = " ".join(
        f"WHEN '{name}' THEN '{each.home}'::crdb_internal_region" for name, each in sorted(profile.residencies.items())
    )
    return f"CASE residency {cases} END"


def _unlocked(table: str, *changes: str) -> Iterator[str]:
    """Yield changes of a table's schema between unlocking it, which newer versions do not do for these, and locking."""
    yield f"ALTER TABLE {_quoted(table)} SET (schema_locked = false)"
    yield from changes
    yield f"ALTER TABLE {_quoted(table)} SET (schema_locked = true)"


def read_state(connection: sa.Connection) -> State:
    """Return what the cluster has. Only on CockroachDB."""
    rows = connection.exec_driver_sql
    database = str(rows("SELECT current_database()").scalar_one())
    quoted = _quoted(database)
    regions = [row._asdict() for row in rows(f"SHOW REGIONS FROM DATABASE {quoted}")]
    supers = [row._asdict() for row in rows(f"SHOW SUPER REGIONS FROM DATABASE {quoted}")] if regions else []
    survival = rows(f"SHOW SURVIVAL GOAL FROM DATABASE {quoted}").first() if regions else None
    tables = [row._asdict() for row in rows("SHOW TABLES")]
    names = [table.name for table in metadata.sorted_tables if "expires_at" in table.c]
    present = {str(row["table_name"]) for row in tables}
    made = {name: str(rows(f"SHOW CREATE TABLE {_quoted(name)}").one()[1]) for name in names if name in present}
    return State(
        database=database,
        cluster_regions=frozenset(str(row[0]) for row in rows("SHOW REGIONS FROM CLUSTER")),
        primary=next((str(row["region"]) for row in regions if row["primary"]), ""),
        regions=frozenset(str(row["region"]) for row in regions),
        survive=str(survival[1]) if survival else "zone",
        super_regions={str(row["super_region_name"]): _members(row["regions"]) for row in supers},
        localities={str(row["table_name"]): str(row["locality"] or "") for row in tables},
        ttl=frozenset(name for name, text in made.items() if "ttl_expiration_expression" in text),
    )


def _members(value: object) -> frozenset[str]:
    """Return an array of names, which drivers give as a list or as its text."""
    if isinstance(value, str):
        return frozenset(re.findall(r"[A-Za-z0-9-]+", value))
    return frozenset(str(each) for each in value) if isinstance(value, list | tuple) else frozenset()


def problems(profile: Profile, state: State, residencies: tuple[str, ...]) -> list[str]:
    """Say what keeps a profile from being applied."""
    found = [
        f"the cluster has no region {region!r}" for region in profile.regions if region not in state.cluster_regions
    ]
    found += [f"the profile has no residency {name!r}" for name in residencies if name not in profile.residencies]
    return found


def apply(connection: sa.Connection, profile: Profile, residencies: tuple[str, ...]) -> list[str]:
    """Do what is still to be done, on a connection that commits each statement; return the statements.

    Raises `ConfigError` before anything is changed when the cluster or the profile lacks a region or residency.
    """
    state = read_state(connection)
    lacking = problems(profile, state, residencies)
    if lacking:
        raise ConfigError("the locality profile cannot be applied", problems=tuple(lacking))
    done = list(statements(profile, state))
    for statement in done:
        connection.exec_driver_sql(statement)
    return done


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
