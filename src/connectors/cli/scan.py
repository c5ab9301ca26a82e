"""`connectors scan`: files, folders, archives, standard input, git history. Needs no configuration."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from connectors.errors import ConfigError
from connectors.model import FAULTS, Confidence

if TYPE_CHECKING:
    from connectors.scanner.model import Skipped, Source
    from connectors.scanner.walk import Choice

LEVELS = [name.lower().replace("_", "-") for name in Confidence.__members__]


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--stdin", is_flag=True, help="Scan standard input.")
@click.option(
    "--git", "commits", metavar="RANGE", help="Scan what the commits of a range add: main..HEAD, HEAD, --all."
)
@click.option("--staged", is_flag=True, help="Scan what the index adds: for a pre-commit hook.")
@click.option("--tracked", is_flag=True, help="Of PATHS, scan only what git tracks.")
@click.option(
    "--detect",
    multiple=True,
    metavar="WHAT",
    help="Category, detector, `all` or `none`; secrets, cards and ids if not given.",
)
@click.option("--leave", multiple=True, metavar="DETECTOR", help="Leave a detector out.")
@click.option(
    "--rules", multiple=True, type=click.Path(exists=True, dir_okay=False),
    help="Your own detectors (YAML), or a gitleaks.toml.",
)  # fmt: skip
@click.option(
    "--min-confidence", type=click.Choice(LEVELS), default="likely", show_default=True, help="Report from here on."
)
@click.option("--include", multiple=True, metavar="PATTERN", help="Scan only these, written as in a .gitignore.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave these out, written as in a .gitignore.")
@click.option(
    "--allow", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="What may stand in which paths; .connectors-allow, if it is here.",
)  # fmt: skip
@click.option("--baseline", type=click.Path(path_type=Path, dir_okay=False), help="Leave out what this file knows.")
@click.option(
    "--write-baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what is found now, and exit with 0.",
)
@click.option(
    "--format", "kind", type=click.Choice(["text", "json", "sarif", "junit"]), default="text", show_default=True
)
@click.option("--json", "kind", flag_value="json", help="The same as --format json.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the report here.")
@click.option("--images", is_flag=True, help="Read images too: metadata, and text where tesseract is installed.")
@click.option(
    "--processes", type=click.IntRange(0, 256), default=0, help="Processes to scan with; one per core if not given."
)
@click.option("--strict", is_flag=True, help="Exit with 2 when something could not be read.")
@click.option("--no-progress", is_flag=True, help="Show no progress on a terminal.")
def scan(
    paths: Sequence[Path],
    *,
    stdin: bool,
    commits: str | None,
    staged: bool,
    tracked: bool,
    detect: Sequence[str],
    leave: Sequence[str],
    rules: Sequence[str],
    min_confidence: str,
    include: Sequence[str],
    exclude: Sequence[str],
    allow: Path | None,
    baseline: Path | None,
    write_baseline: Path | None,
    kind: str,
    output: Path | None,
    images: bool,
    processes: int,
    strict: bool,
    no_progress: bool,
) -> None:
    """Find secrets and personal data in PATHS, standard input or git history.

    Exits with 0 when nothing is found, 1 when something is, 2 when the scan could not be done.
    """
    from connectors.scanner import allow as allowed
    from connectors.scanner import baseline as known
    from connectors.scanner.report import WRITERS
    from connectors.scanner.rules import QUIET, Setup, cache_folder
    from connectors.scanner.scan import scan as run
    from connectors.scanner.walk import Choice

    asked = [bool(paths), stdin, commits is not None, staged]
    if sum(asked) != 1 or (tracked and not paths):
        raise click.UsageError("give paths, or one of --stdin, --git and --staged")
    here = Path(allowed.FILE)
    file = allow or (here if here.is_file() else None)
    rules_of_paths = allowed.load(file) if file is not None else ()
    setup = Setup(
        detect=tuple(detect) or QUIET,
        leave=tuple(leave),
        least=Confidence[min_confidence.upper().replace("-", "_")],
        rule_files=tuple(rules),
        images=images,
        cache=cache_folder(),
        allowed=rules_of_paths,
    )
    stored = known.load(baseline) if baseline is not None else None
    started = time.perf_counter()
    choice = Choice(include, (*exclude, *(rule.pattern for rule in rules_of_paths if not rule.names)))
    found = _sources(paths, choice, stdin=stdin, commits=commits, staged=staged, tracked=tracked)
    # Files are counted for the bar; a history is read as it comes.
    sources = list(found) if paths else found
    with _progress(len(sources) if isinstance(sources, list) else None, shown=not no_progress) as advance:
        report = run(sources, setup, processes=processes, progress=advance)
    if write_baseline is not None:
        count = known.write(write_baseline, report.found)
        click.echo(f"{count} findings written to {write_baseline}", err=True)
        return
    if stored is not None:
        new = known.without_known(report.found, stored)
        report.known, report.found = len(report.found) - len(new), new
    report.seconds = time.perf_counter() - started
    with _stream(output) as stream:
        WRITERS[kind](report, stream)
    faults = [each for each in report.skipped if each.reason in FAULTS]
    if strict and faults:
        sys.exit(2)
    sys.exit(1 if report.found else 0)


def _sources(
    paths: Sequence[Path], choice: Choice, *, stdin: bool, commits: str | None, staged: bool, tracked: bool
) -> Iterator[Source | Skipped]:
    from connectors.scanner import git, walk
    from connectors.scanner.model import Source

    here = Path.cwd()
    if stdin:
        yield Source("stdin", content=sys.stdin.buffer.read())
    elif tracked:
        yield from (source for source in git.tracked(paths, folder=here) if choice.takes(source.path))
    elif paths:
        try:
            yield from walk.files(paths, choice, root=here)
        except FileNotFoundError as error:
            raise ConfigError(f"{error.args[0]} does not exist") from None
    else:
        added = git.staged(folder=here) if staged else git.history(commits or "HEAD", folder=here)
        yield from (source for source in added if choice.takes(source.path))


@contextmanager
def _progress(total: int | None, *, shown: bool) -> Iterator[Callable[[int], None] | None]:
    """Show a bar on a terminal; nothing when piped."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("scanning"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def _stream(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with output.open("w", encoding="utf-8") as stream:
        yield stream
