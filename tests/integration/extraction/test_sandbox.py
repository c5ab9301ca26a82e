"""The sandbox: hostile files end inside it, and the caller goes on."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from io import BytesIO

import pytest

from connectors.errors import ConfigError, NotFound, Transient
from connectors.extraction import Budget, Extraction, Text, sandbox, sniff
from connectors.model import Blob, Gap
from connectors.testing import documents

MARK = b"\x00\x01bad-type"


class Misbehaves:
    """An extractor that does what the file says."""

    media_types = ("application/octet-stream",)

    def extract(self, stream, name, budget):
        yield Text("before", "first")
        match name:
            case "crash":
                os.abort()
            case "hang":
                time.sleep(60)
            case "spin":
                while True:
                    pass
            case "hoard":
                hoard = bytearray(budget.memory * 2)
                yield Text(str(len(hoard)))
            case "call home":
                socket.create_connection(("127.0.0.1", 9))
            case "run":
                subprocess.run(["true"], check=True)
            case "write":
                with open("/tmp/escaped", "w") as file:  # noqa: PTH123
                    file.write("x")
            case "read environment":
                yield Text(",".join(sorted(os.environ)), "environment")
            case "list interfaces":
                with open("/proc/self/net/dev", encoding="ascii") as file:  # noqa: PTH123
                    names = [line.partition(":")[0].strip() for line in file if ":" in line]
                yield Text(",".join(names), "interfaces")
            case "quit":
                os._exit(0)
        yield Text("after", "last")


@pytest.fixture
def extraction():
    with Extraction(Budget(seconds=0.5, memory=256 * 2**20), extractors=[Misbehaves()]) as extraction:
        yield extraction


def run(extraction: Extraction, data: bytes, name: str = ""):
    items = list(extraction.extract_bytes(data, name))
    texts = {item.path: item.text for item in items if isinstance(item, Text)}
    return texts, [item for item in items if not isinstance(item, Text)]


def test_a_document_goes_through_and_the_process_stays(extraction):
    for _ in range(3):
        texts, gaps = run(extraction, documents.docx("hello"))
        assert texts["word/document.xml"] == "hello"
        assert not gaps
    assert len(extraction._pool._idle) == 1


@pytest.mark.parametrize(
    ("deed", "reason", "detail"),
    [
        ("crash", Gap.CORRUPT, "SIGABRT"),
        ("quit", Gap.CORRUPT, "crashed"),
        ("hang", Gap.BUDGET, "seconds"),
        ("spin", Gap.BUDGET, "seconds"),
        ("hoard", Gap.BUDGET, "memory"),
        ("call home", Gap.CORRUPT, "PermissionError"),
        ("run", Gap.CORRUPT, "PermissionError"),
        ("write", Gap.CORRUPT, "PermissionError"),
    ],
)
def test_a_bad_file_costs_only_itself(deed, reason, detail, monkeypatch):
    monkeypatch.setattr("connectors.extraction.sandbox._GRACE_SECONDS", 0.1)
    with Extraction(Budget(seconds=0.4, memory=256 * 2**20), extractors=[Misbehaves()]) as extraction:
        texts, [gap] = run(extraction, MARK, deed)
        assert texts == {"first": "before"}
        assert gap.reason is reason
        assert detail in gap.detail
        assert run(extraction, documents.odt("next"))[0] == {"content.xml": "next"}


_LEAVES_NETWORK = (
    "import ctypes, sys; c = ctypes.CDLL(None); sys.exit(bool(c.unshare(0x40000000) and c.unshare(0x50000000)))"
)


def test_native_code_has_no_network_where_the_kernel_allows_it(extraction):
    if subprocess.run([sys.executable, "-c", _LEAVES_NETWORK], check=False).returncode:
        pytest.skip("NOT PROVEN HERE: this kernel forbids network namespaces, only the audit hook guards")
    assert run(extraction, MARK, "list interfaces")[0]["interfaces"] == "lo"


def test_ocr_may_run_its_program(tmp_path, monkeypatch):
    program = tmp_path / "tesseract"
    program.write_text("#!/bin/sh\ncat >/dev/null; echo words in the picture\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with Extraction() as extraction:
        assert run(extraction, documents.png()) == ({"": "words in the picture\n"}, [])


def test_the_environment_stays_outside(extraction, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "x")
    texts, _ = run(extraction, MARK, "read environment")
    assert "DATABASE_PASSWORD" not in texts["environment"]


def test_a_caller_that_stops_reading_leaves_no_process_behind(extraction, monkeypatch):
    killed = []
    kill = sandbox._Process.kill
    monkeypatch.setattr(sandbox._Process, "kill", lambda self: (kill(self), killed.append(self._process)))
    items = extraction.extract_bytes(documents.zip_of({f"{n}.txt": "words " * 9000 for n in range(99)}))
    next(items)
    items.close()
    assert [process.poll() is not None for process in killed] == [True]


def test_a_process_that_died_while_idle_is_replaced(extraction):
    run(extraction, documents.odt("one"))
    [idle] = extraction._pool._idle
    idle._process.kill()
    idle._process.wait()
    assert run(extraction, documents.odt("two")) == ({"content.xml": "two"}, [])


def test_each_thread_has_its_own_process(extraction):
    results: list[str] = []

    def work(text: str) -> None:
        results.append(run(extraction, documents.odt(text))[0]["content.xml"])

    threads = [threading.Thread(target=work, args=(f"text {n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["text 0", "text 1", "text 2"]


def test_plain_text_needs_no_process(extraction):
    assert run(extraction, b"plain words")[0] == {"": "plain words"}
    assert not extraction._pool._idle


def test_no_container_is_opened_in_the_callers_process(extraction, monkeypatch):
    monkeypatch.setattr(sniff, "_zip", lambda _: pytest.fail("opened"))
    assert run(extraction, documents.odt("text"))[0] == {"content.xml": "text"}
    assert run(extraction, b"PK\x03\x04readable words only")[1][0].reason is Gap.CORRUPT


def test_an_extractor_that_cannot_travel_is_refused():
    class Local(Misbehaves):
        pass

    with pytest.raises(ConfigError, match="Local"):
        Extraction(extractors=[Local()])


def test_a_blob_over_its_stated_size_is_never_opened(extraction):
    [gap] = extraction.extract(Blob("big", size=2**40, open=lambda: pytest.fail("opened")))
    assert gap.reason is Gap.TOO_LARGE


def test_a_blob_that_lies_about_its_size_is_cut():
    with Extraction(Budget(bytes_in=10)) as extraction:
        items = list(extraction.extract(Blob("big", size=3, open=lambda: BytesIO(b"0123456789abc"))))
    assert isinstance(items[0], Text)
    assert items[0].text == "0123456789"
    assert items[1].reason is Gap.BUDGET


class Breaks(BytesIO):
    def read(self, size=-1):
        raise ConnectionResetError("peer said SECRET")


def test_a_broken_download_may_be_tried_again(extraction):
    with pytest.raises(Transient) as caught:
        list(extraction.extract(Blob("x", open=Breaks)))
    assert "SECRET" not in str(caught.value)


def test_the_apps_own_errors_pass_through(extraction):
    def gone():
        raise NotFound("the file is gone")

    with pytest.raises(NotFound):
        list(extraction.extract(Blob("x", open=gone)))
