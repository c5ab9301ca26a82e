"""Dates, and dates of birth."""

from connectors.detection.detector import Context, Detector
from connectors.model import Confidence

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?|januar|februar|märz|mai|juni|juli|oktober|dezember)\.?"
)
_DAY = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.)?[ ](?:of[ ])?{_MONTH},?[ ]\d{{4}}|{_MONTH}[ ]\d{{1,2}}(?:st|nd|rd"
    rf"|th)?,?[ ]\d{{4}})"
)
_BORN = (
    *("born", "birth", "dob", "d.o.b", "date of birth", "birthday", "birthdate", "geboren", "geburtsdatum", "né le"),
    *(
        "née le",
        "naissance",
        "nacimiento",
        "nacido",
        "nata",
        "nato",
        "nascita",
        "nascimento",
        "geboortedatum",
        "born on",
    ),
)

DETECTORS = (
    Detector(
        id="date_of_birth",
        name="Date of birth",
        family="dob",
        category="identity",
        pattern=rf"(?<![\w.\-/])(?P<value>{_DAY})(?![\w\-/]|\.\d)",
        factors=(
            (
                r"\b(?:born|birth|birthday|birthdate|dob|d\.o\.b|geboren|geburtsdatum|naissance|nacimiento"
                r"|nacido|nascita|nat[oa]"
                r"|nascimento|geboortedatum)(?:\b|_)[^\n]{0,32}\d"
            ),
            r"\bn..?e? le \d",
        ),
        ignore_case=True,
        validators=("birth_date",),
        normalize="alnum",
        base=Confidence.LIKELY,
        context=Context(words=_BORN, window=40, required=True),
        examples=("DOB: 04/12/1985", "She was born on 2 August 1990", "geboren am 13.07.1978"),
        near_misses=("born in 1985", "released 04/12/1985", "dob: 99/99/1985"),
        aliases=("DATE_OF_BIRTH",),
        source="https://www.hhs.gov/hipaa/for-professionals/special-topics/de-identification/index.html",
    ),
    Detector(
        id="date",
        name="Date",
        family="date",
        category="identity",
        pattern=rf"(?<![\w.\-/])(?P<value>{_DAY}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}})?Z?)?)(?![\w\-/]|\.\d)",
        factors=(
            r"\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}",
            r"\b\d{1,2}[-/.]\d{1,2}[-/.]\d{2}",
            (
                r"(?:jan|feb|m.r|apr|ma[yi]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-z]{0,6}\.?,? (?:\d{1,2}(?:st"
                r"|nd|rd|th)?,? )?\d{4}"
            ),
        ),
        ignore_case=True,
        validators=("calendar_date",),
        base=Confidence.LIKELY,
        enabled=False,
        examples=("on 2024-10-11", "10/11/2024", "3rd of March, 2021", "Dec 5, 2020"),
        near_misses=("1.2.3", "2024-13-45", "version 10.11.12.13"),
        aliases=("DATE",),
        source="https://www.iso.org/iso-8601-date-and-time-format.html",
    ),
)
