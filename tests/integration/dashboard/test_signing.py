"""Signing in: what is asked, what is refused, what is remembered."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from connectors.dashboard import announce, secrets
from connectors.runtime import Runtime
from connectors.store.tables.dashboard import dashboard_session, dashboard_user
from connectors.store.tables.findings import audit

PASSWORD = "a password for tests"
People = Callable[..., None]


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> Any:
    return client.post("/signin", data={"name": name, "password": password})


def csrf(client: TestClient, path: str = "/account") -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def audited(runtime: Runtime) -> list[tuple[str, str]]:
    query = sa.select(audit.c.actor, audit.c.result).where(audit.c.act == "sign-in").order_by(audit.c.at)
    return [tuple(row) for row in runtime.databases.of("eu").read(lambda c: c.execute(query).all())]


def test_nobody_sees_a_page_signed_out(client: TestClient) -> None:
    for path in ("/", "/findings", "/coverage", "/connections", "/policies", "/audit", "/users", "/account", "/bulk"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/signin?next={path}"), path


def test_the_session_is_not_in_the_database_and_its_cookie_is_shut(
    client: TestClient, runtime: Runtime, add: People
) -> None:
    add("ada")
    cookie = sign_in(client, "Ada ").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    token = client.cookies["connectors-session"]
    rows = runtime.databases.of("eu").read(lambda c: c.execute(sa.select(dashboard_session)).all())
    assert len(rows) == 1
    assert token not in str(rows)
    assert client.get("/").status_code == 200
    assert audited(runtime) == [("user:ada", "done")]


def test_by_https_the_cookie_is_secure_and_of_this_host(runtime: Runtime, client: TestClient, add: People) -> None:
    add("ada")
    client.base_url = "https://testserver"
    cookie = sign_in(client, "ada").headers["set-cookie"]
    assert cookie.startswith("__Host-connectors-session=")
    assert "Secure" in cookie


def test_every_answer_has_the_policy(client: TestClient) -> None:
    policy = client.get("/signin").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert client.get("/static/style.css").status_code == 200


def test_five_wrong_answers_lock_a_name_known_or_not(client: TestClient, runtime: Runtime, add: People) -> None:
    add("ada")
    for name in ("ada", "nobody"):
        answers = [sign_in(client, name, "wrong password").text for _ in range(5)]
        assert len(set(answers)) == 1
    assert sign_in(client, "ada").status_code == 401
    now = runtime.now()
    runtime.now = lambda: now + timedelta(minutes=2)
    assert sign_in(client, "ada").status_code == 303
    assert ("user:ada", "locked") in audited(runtime)


def test_a_form_without_the_token_is_refused(client: TestClient, add: People) -> None:
    add("ada", "admin")
    sign_in(client, "ada")
    assert client.post("/signout").status_code == 403
    assert client.post("/signout", data={"csrf": "wrong"}).status_code == 403
    assert client.get("/").status_code == 200
    assert client.post("/signout", data={"csrf": csrf(client)}).status_code == 303
    assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
def test_another_sites_form_is_refused(client: TestClient, add: People, headers: dict[str, str]) -> None:
    add("ada")
    data = {"name": "ada", "password": PASSWORD}
    assert client.post("/signin", data=data, headers=headers).status_code == 403


def test_a_second_factor_is_asked_and_a_code_counts_once(client: TestClient, runtime: Runtime, add: People) -> None:
    add("ada")
    sign_in(client, "ada")
    page = client.post("/account/totp", data={"csrf": csrf(client)}).text
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)
    assert secret
    assert sealed
    now = runtime.now()
    step = int(now.timestamp()) // 30
    form = {"csrf": csrf(client), "sealed": sealed[1], "code": secrets.totp(secret[1], step)}
    assert client.post("/account/totp/keep", data=form).status_code == 303
    client.cookies.clear()
    assert sign_in(client, "ada").headers["location"].startswith("/signin/code")
    assert client.get("/").status_code == 303
    form = {"csrf": csrf(client, "/signin/code"), "code": secrets.totp(secret[1], step)}
    assert client.post("/signin/code", data=form).status_code == 401
    runtime.now = lambda: now + timedelta(seconds=60)
    form["code"] = secrets.totp(secret[1], step + 2)
    assert client.post("/signin/code", data=form).status_code == 303
    assert client.get("/").status_code == 200
    stored = runtime.databases.of("eu").read(lambda c: c.execute(sa.select(dashboard_user.c.totp)).scalar_one())
    assert secret[1].encode() not in stored


def test_the_set_up_link_works_once(client: TestClient, runtime: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    link = announce(runtime, base="http://testserver")
    assert link
    assert link in capsys.readouterr().err
    path = link.removeprefix("http://testserver")
    form = {"name": "Root", "password": PASSWORD, "again": "another one entirely"}
    assert client.post(path, data=form).status_code == 400
    assert client.post(path, data={**form, "again": PASSWORD}).status_code == 303
    assert client.get("/users").status_code == 200
    assert client.post(path, data={**form, "again": PASSWORD, "name": "other"}).status_code == 403
    assert announce(runtime) is None


@pytest.mark.parametrize(("role", "users", "bulk"), [("viewer", 403, 403), ("analyst", 403, 200), ("admin", 200, 200)])
def test_roles(client: TestClient, add: People, role: str, users: int, bulk: int) -> None:
    add("ada", role)
    sign_in(client, "ada")
    assert client.get("/users").status_code == users
    assert client.post("/bulk/new", data={"csrf": csrf(client), "scope": "all"}).status_code == bulk


def test_a_disabled_user_is_out_at_once(client: TestClient, add: People) -> None:
    add("ada")
    sign_in(client, "ada")
    add("ada", disabled=True)
    assert client.get("/").status_code == 303


def test_the_tenants_of_a_scope(client: TestClient, add: People) -> None:
    add("ada", tenants=("globex",))
    sign_in(client, "ada")
    text = client.get("/account").text
    assert "globex" in text
    assert "acme" not in text
    token = csrf(client)
    client.post("/tenant", data={"csrf": token, "tenant": "acme"})
    assert "acme" not in client.get("/account").text
