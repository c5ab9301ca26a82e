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
    *("born", "birth", "dob", "d.o.b", "date of birth", "birthday", "birthdate", "bday", "birth date", "born on"),
    *("geboren", "geb", "geburtsdatum", "geburtstag", "né le", "née le", "naissance", "date de naissance"),
    *("nacimiento", "nacido", "nacida", "nac", "nato il", "nata il", "nascita", "nascimento", "nascido", "nascida"),
    *("geboortedatum", "urodzenia", "urodzony", "urodzona", "född", "født", "fødselsdato", "födelsedatum"),
    *("syntymäaika", "syntynyt", "рождения", "родился", "родилась", "出生日期", "出生", "生年月日", "doğum tarihi"),
)
_WRITTEN = r"[^\W\d_]{3,12}\.?"
"""A month in letters; `birth_date` knows which ones there are."""
_BIRTH_DAY = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?=T\d|\b)|\d{1,2}[-/. ]\d{1,2}[-/. ](?:\d{4}|\d{2})|\d{4}年\d{1,2}月\d{1,2}日"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.|er)?[ \-]?(?:of[ ]|de[ ])?{_WRITTEN},?[ \-]?(?:de[ ])?\d{{4}}"
    rf"|{_WRITTEN}[ ]\d{{1,2}}(?:st|nd|rd|th)?,?[ ]\d{{4}}|\d{{8}})"
)

DETECTORS = (
    Detector(
        id="date_of_birth",
        name="Date of birth",
        family="dob",
        category="identity",
        pattern=rf"(?<![A-Za-z0-9_.\-/])(?P<value>{_BIRTH_DAY})(?:(?=T\d\d:)|(?![A-Za-z0-9_\-/]|\.\d))",
        factors=(
            r"birth[^\n]{0,40}\d",
            (
                r"\b(?:born|bday|dob|d\.o\.b|geboren|geb|geburts\w{3,5}|naissance|nac(?:imiento|ido|ida)?"
                r"|nascita|nat[oa] il"
                r"|nascimento|nascid[oa]|geboortedatum|urodz\w{3,5}|syntym.\w{4}"
                r"|syntynyt)"
                r"(?:\b|_)[^\n]{0,32}\d"
            ),
            r"\bn..?e? le \d",
            r"\bf[\xd6\xd8\xf6\xf8]d(?:[dt]|[es]\w{3,9})(?:\b|_)[^\n]{0,32}\d",
            "\\bdo\ufffdum(?:\\b|_)[^\n]{0,32}\\d",
            "\ufffd{4} \ufffd{8}[ :]{1,2}\\d|\ufffd{7,8} \\d{1,2} \ufffd{3}|\ufffd{4} ?[: ]{1,2}\\d{4}",
        ),
        ignore_case=True,
        validators=("birth_date",),
        normalize="alnum",
        base=Confidence.LIKELY,
        context=Context(words=_BORN, window=40, required=True),
        examples=(
            "DOB: 04/12/1985",
            "She was born on 2 August 1990",
            "geboren am 13.07.1978",
            '{"dob": "1985-04-12T00:00:00Z"}',
            "née le 3 mars 1980",
            "nacido el 12 de abril de 1985",
            "дата рождения: 12.04.1985",
            "родился 12 апреля 1985",
            "生年月日 1985年4月12日",
            "DOB 12-Apr-1985",
            "dob=19850412",
        ),
        near_misses=(
            "born in 1985",
            "released 04/12/1985",
            "dob: 99/99/1985",
            "born after 12 bugs 2004",
            "NATO met on 12.04.1999",
            "dob: 20251399",
            "DOB: 2199-01-01",
        ),
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
