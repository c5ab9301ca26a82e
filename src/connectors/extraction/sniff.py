"""What bytes are, told by the bytes alone. Names and declared media types only serve to notice a mismatch."""

from __future__ import annotations

import json
import re
import struct
import zipfile
from dataclasses import dataclass
from io import BytesIO

from connectors.extraction import charset, declared, tables

PLAIN = "text/plain"
OCTETS = "application/octet-stream"
OOXML = {
    "word": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "visio": "application/vnd.ms-visio.drawing",
}
XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
OOXML_OTHER = "application/vnd.openxmlformats-package"
ODF = "application/vnd.oasis.opendocument"
OLE = "application/x-ole-storage"
MSG = "application/vnd.ms-outlook"
JSON_LINES = "application/x-ndjson"
NOTEBOOK = "application/x-ipynb+json"
ENCRYPTED = "application/x-encrypted"

_HEADS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"PK\x07\x08PK", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"{\\rtf", "application/rtf"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x5d\x00\x00", "application/x-lzma"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"!<arch>\n", "application/x-archive"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"bplist00", "application/x-bplist"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"Obj\x01", "application/avro"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\xca\xfe\xba\xbe", "application/java-vm"),
    (b"age-encryption.org/", ENCRYPTED),
    (b"Salted__", ENCRYPTED),
    (b"-----BEGIN PGP MESSAGE-----", ENCRYPTED),
    (b"$ANSIBLE_VAULT;", ENCRYPTED),
    (b"\x03\xd9\xa2\x9a", ENCRYPTED),
)
_ENVELOPED = bytes.fromhex("06092a864886f70d010703")
"""The object identifier of enveloped data (RFC 5652, 6): an encrypted S/MIME body."""
_MAIL_FIELD = re.compile(
    rb"(?mi)^(?:received|return-path|mime-version|message-id|delivered-to|dkim-signature|x-mailer|"
    rb"from|to|subject|date|content-type|reply-to|cc):[ \t]"
)
_MBOX = re.compile(rb"From [^\n]{1,200} \d\d:\d\d[^\n]{0,60}\n[!-9;-~]{1,80}:")
_OLE_STREAMS = (
    ("EncryptedPackage", ENCRYPTED),
    ("__properties_version1.0", MSG),
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
)


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The media type of some bytes, and what is odd about what they were declared to be."""

    media_type: str
    mismatch: str = ""


def sniff(data: bytes, *, name: str = "", media_type: str = "") -> Sniffed:
    """Tell what `data` is, and whether its name or declared media type claims something else."""
    hints = f"{name} {media_type}".lower()
    found = _binary(data) or _text(data, hints) or _unknown(data)
    return Sniffed(found, declared.mismatch(found, name=name, media_type=media_type))


def signature(data: bytes) -> str:
    """Return the media type that the first bytes tell, without looking into any container."""
    return next((kind for head, kind in _HEADS if data.startswith(head)), "") or _binary_by_offset(data)


def _binary(data: bytes) -> str:
    kind = signature(data)
    if kind == "application/zip":
        return _zip(data)
    if kind == OLE:
        return _ole(data)
    if kind == "application/vnd.microsoft.portable-executable" and b"PK\x05\x06" in data[-66_000:]:
        return "application/zip"  # a self-extracting archive: zipfile skips the program in front
    return kind


def _binary_by_offset(data: bytes) -> str:
    if data[257:262] == b"ustar" or _old_tar(data):
        return "application/x-tar"
    if data[:3] == b"BZh" and data[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "application/x-bzip2"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return "image/heic" if data[8:12] in (b"heic", b"heix", b"mif1", b"avif") else "video/mp4"
    if data[:2] == b"BM" and data[6:10] == b"\0\0\0\0" and len(data) > 26:
        return "image/bmp"
    if data[:1] == b"0" and _ENVELOPED in data[:32]:
        return ENCRYPTED
    if b"%PDF-" in data[:1024]:
        return "application/pdf"
    return ""


def _old_tar(data: bytes) -> bool:
    """Say whether the first block carries the checksum of a tar header from before POSIX."""
    field = data[148:156].strip(b" \0")
    if len(data) < 512 or not field.isdigit() or not data[0]:
        return False
    try:
        stated = int(field, 8)
    except ValueError:
        return False
    return stated == sum(data[:148]) + 8 * 0x20 + sum(data[156:512])


def _zip(data: bytes) -> str:
    """Tell the document types that are zip containers apart by their parts."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
            first = archive.infolist()[0] if names else None
            if first is not None and first.filename == "mimetype" and first.file_size < 200:
                stated = archive.read(first).decode("ascii", "replace").strip()
                return stated if stated.startswith((ODF, "application/epub+zip")) else "application/zip"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError, IndexError):
        return "application/zip"
    except zipfile.zlib.error:  # type: ignore[attr-defined] # the stub hides the module that zipfile imports
        return "application/zip"
    if "[Content_Types].xml" not in names:
        return "application/zip"
    if "xl/workbook.bin" in names:
        return XLSB
    tops = {name.partition("/")[0] for name in names}
    return next((kind for top, kind in OOXML.items() if top in tops), OOXML_OTHER)


def _ole(data: bytes) -> str:
    """Tell the OLE documents apart by the streams at their top."""
    import olefile  # here because most files are no OLE container

    try:
        with olefile.OleFileIO(BytesIO(data)) as container:
            tops = {path[0] for path in container.listdir()}
    except (OSError, ValueError, IndexError, struct.error, RecursionError):
        return OLE
    return next((kind for stream, kind in _OLE_STREAMS if stream in tops), OLE)


def _text(data: bytes, hints: str) -> str:
    if not charset.is_text(data):
        return ""
    head = data[:65_536]
    if head[:1] != b"<" and (_MBOX.match(head) or _is_mail(head)):
        return "application/mbox" if _MBOX.match(head) else "message/rfc822"
    text = charset.decode(head if len(data) > len(head) else data, final=len(data) <= len(head)).lstrip()
    if text[:1] == "<":
        return _markup(text, hints)
    if text[:1] in ("{", "["):
        return _json(data, text)
    if text[:5] == "{\\rtf":
        return "application/rtf"
    delimiter = tables.delimiter(text, hinted=any(hint in hints for hint in (".csv", ".tsv", ".tab ", "text/csv")))
    return {"": PLAIN, "\t": "text/tab-separated-values"}.get(delimiter, "text/csv")


def _is_mail(head: bytes) -> bool:
    """Say whether the text opens with a block of mail header fields."""
    block = re.split(rb"\r?\n\r?\n", head[:20_000], maxsplit=1)[0]
    if not re.match(rb"[!-9;-~]+:[ \t]", block):
        return False
    fields = {match.lower() for match in _MAIL_FIELD.findall(block)}
    lines = block.splitlines()
    return len(fields) >= 3 and all(re.match(rb"[!-9;-~]+:|[ \t]", line) for line in lines[:50])


def _markup(text: str, hints: str) -> str:
    """Tell HTML, XML and plain text apart.

    A piece of HTML counts as such when it is called so or ends with the end of a tag: a README that opens with
    a picture is Markdown, where `<ann@example.test>` is text.
    """
    head = text[:4096].lower()
    if re.match(r"<!doctype html|<html|<head|<body", head) or ("<html" in head and "<?xml" in head):
        return "text/html"
    if head.startswith("<?xml") or re.match(r"<(?:!--|!doctype|[a-z_][\w.-]*:)", head):
        return "image/svg+xml" if "<svg" in head else "application/xml"
    if re.match(r"<(?:div|p|span|table|h[1-6]|ul|ol|meta|script|style|br|img)\b[^>]*>", head):
        return "text/html" if "htm" in hints or re.search(r"</\w+>\s*\Z", text[-200:]) else PLAIN
    if re.match(r"<[a-z_][\w.-]*(?:\s[^<>]*)?/?>", head):
        return "image/svg+xml" if head.startswith("<svg") else "application/xml"
    return PLAIN


def _json(data: bytes, text: str) -> str:
    """Tell JSON, JSON lines and notebooks apart; a text that merely opens like JSON is plain."""
    if '"nbformat"' in text[:65_536] or b'"nbformat"' in data[-400:]:
        return NOTEBOOK
    first, _, rest = text.partition("\n")
    if rest.lstrip()[:1] in ("{", "[") and _loads(first):
        return JSON_LINES
    if re.match(r"[{\[]\s*(?:[\"{\[\]}\d-]|true|false|null)", text):
        return "application/json"
    return PLAIN


def _loads(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _unknown(data: bytes) -> str:
    """Name bytes that we do not read, for the gap's detail."""
    import puremagic  # here because it loads a table of signatures that most files never need

    try:
        return str(puremagic.from_string(data[:65_536], mime=True)) or OCTETS
    except (puremagic.PureError, ValueError, OSError):
        return OCTETS
