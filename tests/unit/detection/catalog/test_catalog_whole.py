"""The catalog as a whole: its size, its names, and all of it in one engine."""

from __future__ import annotations

import pytest

from connectors.detection import catalog
from connectors.detection.cache import user_cache
from connectors.detection.engine import Engine, load_engine

_NAMES = """
AMERICAN_BANKERS_CUSIP_ID API_KEY CANADA_BC_PHN CANADA_BANK_ACCOUNT CANADA_DRIVERS_LICENSE_NUMBER CANADA_GOVERNMENT_ID
CANADA_OHIP CANADA_PASSPORT CANADA_PERMANENT_RESIDENT_NUMBER CANADA_QUEBEC_HIN CANADA_SOCIAL_INSURANCE_NUMBER
CREDIT_CARD_NUMBER CRYPTOGRAPHIC_KEY DATABASE_CONNECTION_STRING DATE DATE_OF_BIRTH EMAIL_ADDRESS FDA_NATIONAL_DRUG_NAME
FRANCE_CNI FRANCE_INSEE FRANCE_PASSPORT GERMANY_IDENTITY_NUMBER GERMANY_PASSPORT GCP_CREDENTIALS HIPAA_DEFINED_PII
IBAN_CODE ICD10_CODE ICD10_DIAGNOSIS_DESCRIPTION ICD9_CODE ICD9_DIAGNOSIS_DESCRIPTION IMEI_HARDWARE_ID IP_ADDRESS
IRELAND_PASSPORT IRELAND_PPSN LOCATION MAC_ADDRESS PASSWORD_IN_CODE PERSON_NAME PHONE_NUMBER
PROTECTED_HEALTH_INFORMATION
RANDOMLY_GENERATED_TOKEN SCOTLAND_COMMUNITY_HEALTH_INDEX_NUMBER STREET_ADDRESS SWIFT_CODE UK_ELECTORAL_ROLL_NUMBER
UK_DRIVERS_LICENSE_NUMBER UK_NATIONAL_HEALTH_SERVICE_NUMBER UK_NATIONAL_INSURANCE_NUMBER UK_PASSPORT
UK_TAXPAYER_REFERENCE US_BANK_ROUTING_MICR US_DRIVERS_LICENSE_NUMBER US_EMPLOYER_IDENTIFICATION_NUMBER US_HEALTHCARE_NPI
US_HEALTH_INSURANCE_CLAIM_NUMBER US_INDIVIDUAL_TAXPAYER_IDENTIFICATION_NUMBER US_MEDICARE_BENEFICIARY_IDENTIFIER
US_PASSPORT US_SOCIAL_SECURITY_NUMBER US_VEHICLE_IDENTIFICATION_NUMBER BRAZIL_CPF_NUMBER
BRAZIL_BUSINESS_TAX_ID_NUMBER
"""
DEVELOPER_API_NAMES = _NAMES.split()


@pytest.fixture(scope="module")
def engine():
    return Engine.build([detector for detector in catalog.load() if detector.factors])


def test_size():
    detectors = catalog.load()
    credentials = [detector for detector in detectors if detector.family == "secret"]
    assert len(detectors) >= 700
    assert len({detector.vendor for detector in credentials if detector.vendor}) >= 300
    assert len({detector.country for detector in detectors if detector.country}) >= 60


@pytest.mark.parametrize("name", DEVELOPER_API_NAMES)
def test_every_name_of_the_developer_api_stands_for_detectors(name):
    assert catalog.resolve(name)


def test_groups_name_detectors_that_are_there():
    assert not {member for group in catalog.GROUPS.values() for member in group} - set(catalog.by_id())


def test_one_engine_finds_every_example(engine):
    missed = [
        (detector.id, text)
        for detector in catalog.load()
        for text in detector.examples
        if detector.factors and detector.family not in {match.family for match in engine.scan(text)}
    ]
    assert not missed


def test_names_and_addresses_are_found_when_asked_for():
    engine = load_engine(include=("person_name", "street_address"), cache=user_cache())
    for detector in catalog.load():
        if not detector.factors:
            assert detector.id in {match.detector for text in detector.examples for match in engine.scan(text)}
            assert not [match for text in detector.near_misses for match in engine.scan(text)]


def test_plain_prose_and_code_are_clean(engine):
    quiet = (
        "The release on 2024-10-11 went out at 15:30, see ABC-123 and version 10.2.31; no errors in 250 requests.",
        "def token(key: str, *, secret: bytes = b'') -> str:\n    return hmac.new(secret, key.encode()).hexdigest()",
        "password = os.environ['DB_PASSWORD']\napi_key = settings.API_KEY\ntoken: str | None = None",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad fixes #1234 (PR 5678)",
    )
    seen = {
        text: [m.detector for m in engine.scan(text) if m.detector not in ("date", "uuid", "web_address")]
        for text in quiet
    }
    assert not {text: found for text, found in seen.items() if found}
