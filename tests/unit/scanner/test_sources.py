"""Where sources come from: folders with patterns, and git's patches."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConfigError
from connectors.scanner import git
from connectors.scanner.model import Source
from connectors.scanner.walk import Choice, files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.py", "docs/b.md", "docs/deep/c.md", ".git/config", "vendor/lib/d.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path


def names(root: Path, *paths: Path, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    return [each.path for each in files(paths or (root,), Choice(include, exclude), root=root)]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ((), (), ["a.py", "docs/b.md", "docs/deep/c.md", "vendor/lib/d.py"]),
        (("*.md",), (), ["docs/b.md", "docs/deep/c.md"]),
        ((), ("vendor/", "docs/*.md"), ["a.py", "docs/deep/c.md"]),
        (("*.py",), ("/a.py",), ["vendor/lib/d.py"]),
    ],
)
def test_patterns_choose_files(
    tree: Path, include: tuple[str, ...], exclude: tuple[str, ...], expected: list[str]
) -> None:
    assert sorted(names(tree, include=include, exclude=exclude)) == expected


def test_a_file_that_is_named_twice_is_scanned_once_and_links_are_not_followed(tree: Path) -> None:
    (tree / "link").symlink_to(tree / "docs")
    (tree / "link.py").symlink_to(tree / "a.py")
    assert sorted(names(tree, tree, tree / "a.py")) == ["a.py", "docs/b.md", "docs/deep/c.md", "vendor/lib/d.py"]


def test_a_path_that_does_not_exist_is_an_error(tree: Path) -> None:
    with pytest.raises(FileNotFoundError):
        names(tree, tree / "nowhere")


PATCH = b"""\x00c0ffee\x00Ann <ann@acme.example>\x002026-11-01T00:00:00Z\x00
diff --git a/src/a.py b/src/a.py
index 1..2 100644
--- a/src/a.py
+++ b/src/a.py
@@ -3,0 +4,2 @@ def f():
+one
+two
@@ -9 +11 @@
-old
+++ new
diff --git "a/na\\303\\257ve \\"q\\".txt" "b/na\\303\\257ve \\"q\\".txt"
--- /dev/null
+++ "b/na\\303\\257ve \\"q\\".txt"
@@ -0,0 +1 @@
+three
\\ No newline at end of file
"""


def test_a_patch_gives_the_added_lines_with_their_numbers() -> None:
    first, second = git.parse(PATCH.splitlines(keepends=True))
    assert (first.path, first.content, first.numbers) == ("src/a.py", b"one\ntwo\n++ new\n", (4, 5, 11))
    assert (first.commit, first.author) == ("c0ffee", "Ann <ann@acme.example>")
    assert (second.path, second.content, second.numbers) == ('naïve "q".txt', b"three\n", (1,))


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_any_lines_are_read_without_a_fault(lines: list[bytes]) -> None:
    assert all(isinstance(each, Source) for each in git.parse(line.replace(b"\x00", b"") + b"\n" for line in lines))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)

    def run(*arguments: str) -> None:
        settings = ("-c", "user.name=Ann", "-c", "user.email=ann@acme.example", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *settings, *arguments], cwd=tmp_path, check=True, capture_output=True)

    run("init", "-q", "-b", "main")
    (tmp_path / "a.txt").write_text("one\n")
    run("add", "-A")
    run("commit", "-qm", "first")
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b c.txt").write_text("three\n")
    run("add", "-A")
    run("commit", "-qm", "second")
    (tmp_path / "a.txt").write_text("one\ntwo\nstaged\n")
    run("add", "-A")
    return tmp_path


def test_history_and_index_of_a_real_repository(repository: Path) -> None:
    last = {each.path: each for each in git.history("HEAD~1..HEAD", folder=repository)}
    assert {path: each.content for path, each in last.items()} == {"a.txt": b"two\n", "sub/b c.txt": b"three\n"}
    assert last["a.txt"].numbers == (2,)
    assert len(list(git.history("--all", folder=repository))) == 3
    [staged] = git.staged(folder=repository)
    assert (staged.content, staged.numbers, staged.commit) == (b"staged\n", (3,), "")


def test_only_tracked_files_when_asked(repository: Path) -> None:
    (repository / "build.log").write_text("not tracked")
    assert [each.path for each in git.tracked([repository], folder=repository)] == ["a.txt", "sub/b c.txt"]
    assert [each.path for each in git.tracked([Path("sub")], folder=repository)] == ["sub/b c.txt"]


@pytest.mark.parametrize("commits", ["nowhere..HEAD", "--output=/tmp/x"])
def test_a_range_that_git_does_not_know_is_an_error(repository: Path, commits: str) -> None:
    with pytest.raises(ConfigError):
        list(git.history(commits, folder=repository))
