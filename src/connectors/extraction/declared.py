"""What a file claims to be by its name and by the app's word, compared with what it is."""

from __future__ import annotations

from functools import cache

_TEXT = "text"
_FAMILIES: dict[str, str] = {
    "pdf": "application/pdf",
    "doc dot": "application/msword",
    "xls xlt": "application/vnd.ms-excel",
    "ppt pps pot": "application/vnd.ms-powerpoint",
    "docx docm dotx dotm": "word",
    "xlsx xlsm xltx xltm xlsb": "sheet",
    "pptx pptm potx potm ppsx ppsm": "slides",
    "odt ott ods ots odp otp odg": "odf",
    "rtf": "application/rtf",
    "msg": "application/vnd.ms-outlook",
    "zip jar war apk": "application/zip",
    "gz tgz": "application/gzip",
    "bz2 tbz2": "application/x-bzip2",
    "xz txz": "application/x-xz",
    "7z": "application/x-7z-compressed",
    "rar": "application/vnd.rar",
    "tar": "application/x-tar",
    "png": "image/png",
    "jpg jpeg": "image/jpeg",
    "gif": "image/gif",
    "tif tiff": "image/tiff",
    "bmp": "image/bmp",
    "webp": "image/webp",
    "mp3 mp4 mov avi wav mkv": "media",
    "exe dll": "application/vnd.microsoft.portable-executable",
    "txt md csv tsv json jsonl yaml yml xml html htm log ini cfg toml py js ts java c h cpp go rs rb sh sql "
    "eml ics vcf svg ipynb": _TEXT,
}
_TEXT_TYPES = (
    "application/json",
    "application/xml",
    "application/x-ndjson",
    "application/x-ipynb+json",
    "application/mbox",
    "application/javascript",
    "application/yaml",
    "application/x-yaml",
    "application/x-sh",
    "application/sql",
    "application/toml",
    "message/rfc822",
    "image/svg+xml",
)
_OFFICE = (
    ("wordprocessingml", "word"),
    ("ms-word.", "word"),
    ("spreadsheetml", "sheet"),
    ("ms-excel.", "sheet"),
    ("presentationml", "slides"),
    ("ms-powerpoint.", "slides"),
    ("opendocument", "odf"),
)
_SAME = {"application/x-rar-compressed": "application/vnd.rar", "application/x-gzip": "application/gzip",
         "application/x-zip-compressed": "application/zip", "text/rtf": "application/rtf",
         "image/jpg": "image/jpeg"}  # fmt: skip
_LOOSE = frozenset({"application/msword", "application/vnd.ms-outlook"})
_SAYS_NOTHING = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown"})


def mismatch(found: str, *, name: str = "", media_type: str = "") -> str:
    """Say in words how the name or the declared media type contradicts the content; empty when they agree."""
    is_family = family(found)
    declared_type = media_type.partition(";")[0].strip().lower()
    for word, claim in (("named as", _by_extension(name)), ("declared as", family(declared_type))):
        if claim and is_family and claim != is_family and not _excusable(claim, found):
            return f"{word} {claim}, is {found}"
    return ""


def family(media_type: str) -> str:
    """Map a media type to the family that is compared; empty when it says nothing."""
    if media_type in _SAYS_NOTHING:
        return ""
    media_type = _SAME.get(media_type, media_type)
    if media_type.startswith(("text/", "application/x-python")) or media_type in _TEXT_TYPES:
        return _TEXT
    if media_type.startswith(("audio/", "video/")):
        return "media"
    return next((family for part, family in _OFFICE if part in media_type), media_type)


def _excusable(claim: str, found: str) -> bool:
    """Say whether a difference is everyday: text named .doc or .msg, an encrypted file, a ZIP with its own name."""
    is_named_loosely = family(found) == _TEXT and claim in _LOOSE
    is_own_zip = claim == "application/zip" and found.startswith("application/vnd.")
    return found == "application/x-encrypted" or is_named_loosely or is_own_zip


def _by_extension(name: str) -> str:
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return _extensions().get(extension, "")


@cache
def _extensions() -> dict[str, str]:
    return {word: family for words, family in _FAMILIES.items() for word in words.split()}
