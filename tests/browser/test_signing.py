"""Who comes in, and who does not: set-up, lockout, second factor, an identity provider; and a sync that is watched."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.dashboard import announce
from connectors.dashboard.secrets import STEP, hash_password, totp
from connectors.dashboard.signing import one_time_link
from connectors.store.dashboard import pages, users
from connectors.store.dashboard.users import User
from connectors.testing.installation import Installation
from connectors.testing.town import Town

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Any]

PASSWORD = "correct horse battery"
HASHED = hash_password(PASSWORD)
KEY = ec.generate_private_key(ec.SECP256R1())
OIDC = """
dashboard:
  oidc: {{issuer: '{issuer}', client_id: us, client_secret: quiet, roles: {{security: analyst}}}}
"""


class Provider(BaseHTTPRequestHandler):
    """A small OpenID Connect provider: whoever comes is asked in whose name they want to be."""

    issuer = ""
    asked: dict[str, dict[str, str]] = {}  # noqa: RUF012 (one provider per test run)
    groups = ("security",)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def answer(self, body: str, kind: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            at = {name: f"{self.issuer}/{path}" for name, path in names.items()}
            self.answer(json.dumps({"issuer": self.issuer, **at}))
        elif parts.path == "/keys":
            public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
            self.answer(json.dumps({"keys": [{**public, "kid": "k1", "alg": "ES256", "use": "sig"}]}))
        elif parts.path == "/authorize":
            given = {name: values[0] for name, values in parse_qs(parts.query).items()}
            code = f"code-{len(self.asked)}"
            self.asked[code] = given
            back = f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}"
            self.answer(f'<!doctype html><title>Id</title><a href="{back}">Go on as eve</a>', "text/html")
        else:
            self.answer("", "text/html")

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        given = self.asked.pop(form["code"])
        hashed = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        assert hashed == given["code_challenge"]
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": given["client_id"], "sub": "1", "iat": now, "exp": now + 60,
            "nonce": given["nonce"], "email": "eve@example.com", "groups": list(type(self).groups),
        }  # fmt: skip
        token = jwt.encode(claims, KEY, algorithm="ES256", headers={"kid": "k1"})
        self.answer(json.dumps({"access_token": "x", "token_type": "Bearer", "id_token": token}))


@pytest.fixture(scope="module")
def provider() -> Iterator[type[Provider]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    Provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Provider
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def site(browser: Any, provider: type[Provider], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The invented company before its first start: no user, nothing read, no worker yet."""
    folder = tmp_path_factory.mktemp("gate")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Town().running() as town:
        config = re.sub(r"public_url: \S+", f"public_url: http://127.0.0.1:{port}", town.config(folder))
        installation = Installation(config + OIDC.format(issuer=provider.issuer), folder, port=port)
        with installation.running(worker=False):
            yield SimpleNamespace(url=installation.url, installation=installation)


@pytest.fixture
def add(site: Any) -> Callable[..., None]:
    """Make a user with the tests' password."""
    runtime = site.installation.runtime
    home = runtime.config.residency

    def made(name: str, role: str = "viewer") -> None:
        user = User(users.user_id(home, name), name, role, HASHED)
        database = runtime.databases.of(home)
        database.run(lambda c: users.put(database, c, home, user, now=runtime.now()))

    return made


def sign_in(page: Any, name: str, password: str = PASSWORD) -> None:
    page.goto("/signin")
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("button:text-is('Sign in')")


def attempts(site: Any, name: str) -> list[str]:
    """Return how the attempts of a name to sign in ended, the latest first."""
    runtime = site.installation.runtime
    home = runtime.config.residency
    rows = runtime.databases.of(home).read(lambda c: pages.audit_page(c, home, [""]))
    return [row["result"] for row in rows if row["subject"] == f"user:{name}"]


def test_the_first_start_prints_a_link_that_makes_the_first_admin(
    open_page: OpenPage, site: Any, capsys: pytest.CaptureFixture[str], axe: Callable[[Any], list[str]]
) -> None:
    link = announce(site.installation.runtime)
    assert link is not None
    assert link in capsys.readouterr().err
    page = open_page("")
    page.goto(link)
    assert axe(page) == []
    page.fill("#name", "root")
    page.fill("#password", PASSWORD)
    page.fill("#again", "something else entirely")
    page.click("button:text-is('Save')")
    page.wait_for_selector("[role=alert]:has-text('differ')")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("button:text-is('Save')")
    page.wait_for_selector("nav >> text=Users")
    assert page.goto(link).status == 403
    assert "used before" in page.locator("[role=alert]").inner_text()
    assert announce(site.installation.runtime) is None


def test_wrong_passwords_lock_a_name_even_for_the_right_one(open_page: OpenPage, site: Any, add: Any) -> None:
    add("lou")
    page = open_page("")
    for _ in range(users.ALLOWED_FAILURES):
        sign_in(page, "lou", "not the password")
        page.wait_for_selector("[role=alert]:has-text('wrong')")
    sign_in(page, "lou")
    page.wait_for_selector("[role=alert]:has-text('locked')")
    assert attempts(site, "lou") == ["locked", *["refused"] * users.ALLOWED_FAILURES]


def test_a_second_factor_is_set_up_asked_for_and_taken_away(open_page: OpenPage, site: Any, add: Any) -> None:
    add("tom")
    page = open_page("")
    sign_in(page, "tom")
    page.click("a:text-is('tom')")
    page.click("button:has-text('Set up')")
    secret = page.locator("section code").inner_text().replace(" ", "")
    now = int(site.installation.runtime.now().timestamp()) // STEP
    code = totp(secret, now)
    page.fill("#code", code)
    page.click("button:has-text('Turn on')")
    page.wait_for_selector("text=It is on.")
    page.click("button:has-text('Sign out')")
    sign_in(page, "tom")
    page.wait_for_selector("h1:has-text('Second factor')")
    assert page.goto("/findings").url.endswith("/signin?next=/findings")
    page.goto("/signin/code")
    page.fill("#code", code)
    page.click("button:has-text('Go on')")
    page.wait_for_selector("[role=alert]:has-text('used before')")
    page.fill("#code", totp(secret, now + 1))
    page.click("button:has-text('Go on')")
    page.wait_for_selector("h1:has-text('Overview')")
    page.goto("/account")
    page.fill("#code", totp(secret, now + 1))
    page.click("button:has-text('Turn off')")
    page.wait_for_selector("text=It is off.")


def test_an_identity_provider_signs_in_whom_it_gives_a_role(
    open_page: OpenPage, provider: type[Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page("")
    page.goto("/findings")
    page.click("text=Sign in with your identity provider")
    page.click("text=Go on as eve")
    page.wait_for_selector("h1:has-text('Findings')")
    page.goto("/account")
    assert page.locator("h1").inner_text() == "eve@example.com"
    assert page.locator(".tag:has-text('analyst')").count() == 1
    page.click("button:has-text('Sign out')")
    monkeypatch.setattr(provider, "groups", ("guests",))
    page.click("text=Sign in with your identity provider")
    page.click("text=Go on as eve")
    page.wait_for_selector("[role=alert]:has-text('no role')")
    assert page.locator("header.top").count() == 0


def test_a_link_lets_a_person_choose_a_password_once(open_page: OpenPage, site: Any, add: Any) -> None:
    add("max")
    runtime = site.installation.runtime
    link = one_time_link(runtime, "password", "max", base=site.url, lasts=STEP * runtime.config.dashboard.links)
    page = open_page("")
    page.goto(link)
    page.fill("#password", "a better one, and longer")
    page.fill("#again", "a better one, and longer")
    page.click("button:text-is('Save')")
    page.wait_for_selector("h1:has-text('Overview')")
    assert page.goto(link).status == 403


def test_a_sync_is_started_and_watched_until_it_is_done(open_page: OpenPage, site: Any, add: Any) -> None:
    # The last test: from now on there is an admin, and a worker.
    add("ada", "admin")
    page = open_page("ada")
    page.goto("/connections/acme-jira")
    assert page.locator("td:has-text('Not read yet')").count() == 1
    page.click("button:has-text('Sync now')")
    page.wait_for_selector(".told:has-text('how far it is')")
    page.wait_for_selector(".tag:has-text('working')")
    page.evaluate("window.untouched = true")
    site.installation.worker.start()
    page.wait_for_selector("tr:has(th:has-text('OPS')):has(td:has-text('done'))")
    page.wait_for_selector(".tag:has-text('working')", state="detached")
    assert page.evaluate("window.untouched") is True
