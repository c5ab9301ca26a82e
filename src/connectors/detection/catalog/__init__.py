"""The catalog of detectors: data by area, loaded when first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from types import MappingProxyType

from connectors.detection.detector import Detector

AREAS = (
    "cloud",
    "azure",
    "hosting",
    "code_hosts",
    "ci",
    "security_tools",
    "chat",
    "social",
    "payment",
    "shops",
    "mail",
    "ai",
    "ai_tools",
    "monitoring",
    "analytics",
    "work",
    "business",
    "identity_providers",
    "maps_crypto",
    "keys",
    "databases",
    "finance",
    "identity_us",
    "identity_north_america",
    "identity_latin_america",
    "identity_britain_ireland",
    "identity_central_europe",
    "identity_southern_europe",
    "identity_northern_eastern_europe",
    "identity_south_asia_oceania",
    "identity_east_asia",
    "identity_africa_middle_east",
    "health",
    "contact",
    "network",
    "dates",
    "people",
    "generic",
    "spoken",
    "told",
    "handed",
)
"""Modules of this package; each has a tuple `DETECTORS`."""


GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "HIPAA_DEFINED_PII": (
            *("person_name", "street_address", "date_of_birth", "phone_international", "phone_north_america"),
            *("phone_national", "email_address", "us_ssn", "us_ssn_plain", "medical_record_number"),
            *("health_plan_number", "us_medicare_beneficiary", "us_health_insurance_claim", "us_bank_account"),
            *("us_driver_license", "us_vin", "imei", "mac_address", "ipv4_address", "ipv6_address"),
        ),
        "CANADA_GOVERNMENT_ID": (
            *("ca_sin", "ca_passport", "ca_drivers_license", "ca_permanent_resident", "ca_business_number"),
            *("ca_ohip", "ca_quebec_hin", "ca_bc_phn"),
        ),
    }
)
"""Names that stand for several detectors, beside the aliases that each detector lists itself."""


@lru_cache(maxsize=1)
def load() -> tuple[Detector, ...]:
    """Return every detector, in the order of `AREAS`. The first call reads the data modules."""
    return tuple(detector for area in AREAS for detector in load_area(area))


def load_area(area: str) -> tuple[Detector, ...]:
    """Return the detectors of one of `AREAS`."""
    found: tuple[Detector, ...] = import_module(f"{__name__}.{area}").DETECTORS
    return found


@lru_cache(maxsize=1)
def by_id() -> Mapping[str, Detector]:
    """Return the catalog by detector id."""
    return MappingProxyType({detector.id: detector for detector in load()})


@lru_cache(maxsize=1)
def _by_name() -> Mapping[str, tuple[Detector, ...]]:
    names: dict[str, list[Detector]] = {}
    for detector in load():
        grouped = (group for group, members in GROUPS.items() if detector.id in members)
        for name in {each.lower() for each in (detector.id, *detector.aliases, *grouped)}:
            names.setdefault(name, []).append(detector)
    return MappingProxyType({name: tuple(found) for name, found in names.items()})


def resolve(name: str) -> tuple[Detector, ...]:
    """Return the detectors that answer to an id or alias, upper or lower case.

    A name such as `API_KEY` of the developer API stands for many. Raises KeyError for a name nobody has.
    """
    return _by_name()[name.lower()]


def select(names: Iterable[str]) -> tuple[Detector, ...]:
    """Return the detectors of several names, each once, in the order of the catalog.

    Raises KeyError for a name nobody has.
    """
    wanted = {detector.id for name in names for detector in resolve(name)}
    return tuple(detector for detector in load() if detector.id in wanted)
