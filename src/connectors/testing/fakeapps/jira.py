"""A fake Jira, Cloud or Data Center: search, issues, comments, worklogs, history, attachments, redaction, webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.testing.fakeapps.base import FakeApp, Request, Response, route

API = "/rest/api/[23]"
EMBEDDED = 20
"""How many comments and worklogs Cloud embeds in an issue."""


class FakeJira(FakeApp):
    """One Jira site. Change it by the `add_`, `edit_` and `delete_` methods; `signed` makes a webhook of a change.

    Time is the app's own: it starts in January 2026 and moves one second with every change, unless `now` is given.
    Signing in: basic `email:token` or `Bearer pat`, whichever `email`, `token` and `pat` say.
    """

    name = "jira"

    def __init__(self, *, cloud: bool = True, now: Callable[[], datetime] | None = None, page_limit: int = 50) -> None:
        super().__init__()
        self.cloud = cloud
        self.page_limit = page_limit
        self.email, self.token, self.pat = "scanner@acme.example", "fake-token", "fake-pat"
        self.webhook_secret = "fake-webhook-secret-of-32-characters"
        self.client_secret = "fake-client-secret-of-32-characters"
        self.requests: list[Request] = []
        self.projects: dict[str, dict[str, Any]] = {}
        self.issues: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.links: dict[str, list[dict[str, Any]]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.hooks: dict[int, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.denied: set[str] = set()
        self.forbidden_projects: set[str] = set()
        self.dead_tokens: set[str] = set()
        self.remaining = 99_000
        self._clock = now
        self._time = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self._ids = 10_000
        self.author = self.add_user("Robin Example", email="robin@acme.example")

    # Changing the site

    @property
    def now(self) -> datetime:
        """Return the site's time."""
        return self._clock() if self._clock else self._time

    def pass_time(self, **parts: float) -> None:
        """Let time pass (`days=1`)."""
        self._time += timedelta(**parts)

    def add_user(self, name: str, *, email: str = "") -> dict[str, Any]:
        """Add a person."""
        ident = f"5b10{self._id():08d}"
        key = "accountId" if self.cloud else "key"
        user = {key: ident, "displayName": name, "active": True, "emailAddress": email}
        self.users[ident] = user | ({"accountType": "atlassian"} if self.cloud else {"name": name.split()[0].lower()})
        return self.users[ident]

    def add_project(self, key: str, name: str = "", *, private: bool = False) -> dict[str, Any]:
        """Add a project."""
        ident = str(self._id())
        self.projects[key] = {"id": ident, "key": key, "name": name or key}
        if self.cloud:
            self.projects[key]["isPrivate"] = private
        return self.projects[key]

    def add_issue(self, project: str, summary: str, *, text: str = "", **fields: Any) -> dict[str, Any]:
        """Add an issue; `text` becomes its description in the site's own format."""
        with self.lock:
            stamp, ident = self._tick(), str(self._id())
            number = sum(1 for i in self.issues.values() if i["key"].startswith(project + "-")) + 1
            self.issues[ident] = {
                "id": ident,
                "key": f"{project}-{number}",
                "self": f"https://jira.example/rest/api/{3 if self.cloud else 2}/issue/{ident}",
                "fields": {
                    "project": self.projects[project],
                    "summary": summary,
                    "description": self.rich(text) if text else None,
                    "environment": None,
                    "labels": [],
                    "issuetype": {"id": "1", "name": "Task"},
                    "status": {"id": "3", "name": "In Progress"},
                    "reporter": self.author,
                    "creator": self.author,
                    "created": stamp,
                    "updated": stamp,
                    "attachment": [],
                    "comment": [],
                    "worklog": [],
                    **fields,
                },
            }
            self.history[ident], self.links[ident] = [], []
            return self.issues[ident]

    def edit_issue(self, ident: str, **fields: Any) -> dict[str, Any]:
        """Change fields and write the history; returns the webhook's changelog."""
        with self.lock:
            issue = self.issues[ident]
            items = [
                {"field": name, "fromString": self.plain(issue["fields"].get(name)), "toString": self.plain(value)}
                for name, value in fields.items()
            ]
            issue["fields"].update(fields)
            return self._touched(ident, items)

    def delete_issue(self, ident: str) -> dict[str, Any]:
        """Delete an issue and return what it was."""
        return self.issues.pop(ident)

    def add_comment(self, ident: str, text: str) -> dict[str, Any]:
        """Add a comment."""
        stamp = self._tick()
        comment = {
            "id": str(self._id()),
            "author": self.author,
            "body": self.rich(text),
            "created": stamp,
            "updated": stamp,
        }
        comment["self"] = f"{self.issues[ident]['self']}/comment/{comment['id']}"
        self.issues[ident]["fields"]["comment"].append(comment)
        self._touched(ident, [])
        return comment

    def edit_comment(self, ident: str, comment_id: str, text: str) -> dict[str, Any]:
        """Change a comment."""
        comment = self._comment(ident, comment_id)
        comment.update(body=self.rich(text), updated=self._tick())
        self._touched(ident, [])
        return comment

    def delete_comment(self, ident: str, comment_id: str) -> None:
        """Delete a comment."""
        self.issues[ident]["fields"]["comment"].remove(self._comment(ident, comment_id))
        self._touched(ident, [])

    def add_worklog(self, ident: str, text: str) -> dict[str, Any]:
        """Log work."""
        stamp = self._tick()
        log = {"id": str(self._id()), "issueId": ident, "author": self.author, "comment": self.rich(text)}
        log |= {"created": stamp, "updated": stamp, "timeSpent": "1h", "timeSpentSeconds": 3600}
        self.issues[ident]["fields"]["worklog"].append(log)
        self._touched(ident, [])
        return log

    def add_attachment(self, ident: str, name: str, content: bytes, media_type: str = "text/plain") -> dict[str, Any]:
        """Attach a file."""
        attachment: dict[str, Any] = {
            "id": str(self._id()),
            "filename": name,
            "author": self.author,
            "created": self._tick(),
        }
        attachment |= {"size": len(content), "mimeType": media_type}
        self.contents[attachment["id"]] = content
        self.issues[ident]["fields"]["attachment"].append(attachment)
        self._touched(ident, [{"field": "Attachment", "from": None, "to": attachment["id"], "toString": name}])
        return attachment

    def add_remote_link(self, ident: str, url: str, title: str) -> dict[str, Any]:
        """Link an issue to something elsewhere."""
        link = {"id": self._id(), "object": {"url": url, "title": title}}
        self.links[ident].append(link)
        return link

    def rich(self, text: str) -> Any:
        """Return text in the site's format: ADF on Cloud, wiki text on Data Center."""
        return document(*text.split("\n")) if self.cloud else text

    @staticmethod
    def plain(value: Any) -> str | None:
        """Return a value as the history writes it."""
        return "\n".join(texts_in(value)) if isinstance(value, Mapping) else value

    # Webhooks

    def signed(self, event: str, **parts: Any) -> tuple[dict[str, str], bytes]:
        """Return headers and body of an admin webhook. An `issue` part may be given by its id."""
        body = self._webhook_body(event, parts)
        digest = hmac.new(self.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        return {**self._webhook_headers(), "x-hub-signature": f"sha256={digest}"}, body

    def tokened(self, event: str, **parts: Any) -> tuple[dict[str, str], bytes]:
        """Return headers and body of a dynamic webhook, with its token."""
        claims = {"iss": "fake-client", "iat": int(self.now.timestamp()), "exp": int(self.now.timestamp()) + 180}
        head = ".".join(_b64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        signature = _b64(hmac.new(self.client_secret.encode(), head.encode(), hashlib.sha256).digest())
        headers = {**self._webhook_headers(), "authorization": f"Bearer {head}.{signature}"}
        return headers, self._webhook_body(event, parts)

    def _webhook_body(self, event: str, parts: Mapping[str, Any]) -> bytes:
        body = {"timestamp": int(self.now.timestamp() * 1000), "webhookEvent": event, **parts}
        issue = body.get("issue")
        if isinstance(issue, str):
            body["issue"] = self._for_webhook(self.issues[issue])
        elif isinstance(issue, Mapping):
            body["issue"] = self._for_webhook(issue)
        return json.dumps(body).encode()

    def _for_webhook(self, issue: Mapping[str, Any]) -> dict[str, Any]:
        shown = deepcopy(dict(issue))
        shown["fields"].pop("comment", None)
        shown["fields"].pop("worklog", None)
        shown["fields"]["project"].pop("isPrivate", None)
        return shown

    def _webhook_headers(self) -> dict[str, str]:
        ident = f"{self._id():032x}"
        return {"content-type": "application/json", "x-atlassian-webhook-identifier": ident}

    # Answering

    def respond(self, request: Request) -> Response | None:
        """Record the request, check who asks, and answer with the rate headers of Cloud."""
        self.requests.append(request)
        response = super().respond(request)
        if response is None:
            return None
        self.remaining -= 1
        limits = {"X-RateLimit-Limit": "100000", "X-RateLimit-Remaining": str(self.remaining)}
        return Response(response.status, response.body, {**(limits if self.cloud else {}), **response.headers})

    def throttle(self, *, times: int = 1, retry_after: int | None = None, path: str = ".*") -> None:
        """Answer the next requests with 429, with or without `Retry-After`."""
        headers = {"RateLimit-Reason": "jira-burst-based"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        self.fail(Response(429, b'{"errorMessages":["slow down"]}', headers), times=times, path=path)

    def answer(self, request: Request) -> Response:
        """Dispatch after signing in."""
        if request.path == "/oauth/token":
            return super().answer(request)
        basic = "Basic " + base64.b64encode(f"{self.email}:{self.token}".encode()).decode()
        if request.headers.get("authorization") not in {basic, f"Bearer {self.pat}"}:
            return Response.of({"message": "Client must be authenticated to access this resource."}, status=401)
        if request.path.startswith("/rest/api/2" if self.cloud else "/rest/api/3"):
            return _errors(404, "no such version of the API here")
        return super().answer(request)

    @route("POST", "/oauth/token")
    def _oauth(self, request: Request) -> Response:
        if request.json().get("client_secret") != self.client_secret:
            return Response.of({"error": "access_denied"}, status=401)
        return Response.of({"access_token": self.pat, "expires_in": 3600, "refresh_token": f"rotated-{self._id()}"})

    @route("GET", f"{API}/myself")
    def _myself(self, request: Request) -> Response:
        return Response.of(self.author)

    @route("GET", f"{API}/mypermissions")
    def _permissions(self, request: Request) -> Response:
        names = request.query.get("permissions", "").split(",")
        return Response.of({"permissions": {n: {"key": n, "havePermission": n not in self.denied} for n in names}})

    @route("GET", f"{API}/user")
    def _user(self, request: Request) -> Response:
        user = self.users.get(request.query.get("accountId" if self.cloud else "key", ""))
        return Response.of(user) if user else _errors(404, "user not found")

    @route("GET", f"{API}/project")
    def _project_list(self, request: Request) -> Response:
        return _errors(404, "gone") if self.cloud else Response.of(list(self.projects.values()))

    @route("GET", f"{API}/project/search")
    def _project_search(self, request: Request) -> Response:
        at, limit = int(request.query.get("startAt", 0)), min(int(request.query.get("maxResults", 50)), self.page_limit)
        found = list(self.projects.values())
        shown = [p | {"insight": {"totalIssueCount": len(self._in(p["id"]))}} for p in found[at : at + limit]]
        return Response.of({"values": shown, "startAt": at, "total": len(found), "isLast": at + limit >= len(found)})

    @route("POST", f"{API}/search/jql")
    def _search_jql(self, request: Request) -> Response:
        body = request.json()
        token = body.get("nextPageToken", "")
        if token in self.dead_tokens:
            return _errors(400, "The provided next page token is invalid or expired.")
        found = self._matching(body["jql"])
        if found is None:
            return _errors(400, "The value does not exist for the field 'project'.")
        at = int(base64.b64decode(token).split(b":")[0]) if token else 0
        limit = min(body.get("maxResults", 50), self.page_limit)
        answer: dict[str, Any] = {
            "issues": [self._shown(i) for i in found[at : at + limit]],
            "isLast": at + limit >= len(found),
        }
        if not answer["isLast"]:
            answer["nextPageToken"] = base64.b64encode(f"{at + limit}:{self._id()}".encode()).decode()
        return Response.of(answer)

    @route("POST", "/rest/api/3/search")
    def _search_gone(self, request: Request) -> Response:
        return _errors(410, "gone")

    @route("POST", "/rest/api/2/search")
    def _search(self, request: Request) -> Response:
        body = request.json()
        found = self._matching(body["jql"])
        if found is None:
            return _errors(400, "The value does not exist for the field 'project'.")
        at, limit = body.get("startAt", 0), min(body.get("maxResults", 50), self.page_limit)
        shown = [self._shown(i) for i in found[at : at + limit]]
        return Response.of({"issues": shown, "startAt": at, "maxResults": limit, "total": len(found)})

    @route("GET", f"{API}/issue/(?P<ident>\\d+)")
    def _issue(self, request: Request, ident: str) -> Response:
        if ident not in self.issues:
            return _errors(404, "Issue does not exist or you do not have permission to see it.")
        shown = self._shown(self.issues[ident])
        if request.query.get("expand") == "changelog":
            shown["changelog"] = {"histories": self.history[ident]}
        return Response.of(shown)

    @route("PUT", f"{API}/issue/(?P<ident>\\d+)")
    def _put_issue(self, request: Request, ident: str) -> Response:
        if "EDIT_ISSUES" in self.denied:
            return _errors(403, "You do not have permission to edit this issue.")
        self.edit_issue(ident, **request.json()["fields"])
        return Response(204)

    @route("GET", f"{API}/issue/(?P<ident>\\d+)/(?P<kind>comment|worklog)")
    def _hanging(self, request: Request, ident: str, kind: str) -> Response:
        return self._page(request, self.issues[ident]["fields"][kind], kind + "s")

    @route("GET", f"{API}/issue/(?P<ident>\\d+)/(?P<kind>comment|worklog)/(?P<one>\\d+)")
    def _hanging_one(self, request: Request, ident: str, kind: str, one: str) -> Response:
        found = self._one(ident, kind, one)
        return Response.of(found) if found else _errors(404, "not found")

    @route("PUT", f"{API}/issue/(?P<ident>\\d+)/(?P<kind>comment|worklog)/(?P<one>\\d+)")
    def _put_hanging(self, request: Request, ident: str, kind: str, one: str) -> Response:
        found = self._one(ident, kind, one)
        if not found:
            return _errors(404, "not found")
        found.update(request.json(), updated=self._tick())
        self._touched(ident, [])
        return Response.of(found)

    @route("GET", f"{API}/issue/(?P<ident>\\d+)/changelog")
    def _changelog(self, request: Request, ident: str) -> Response:
        return self._page(request, self.history[ident], "values")

    @route("GET", f"{API}/issue/(?P<ident>\\d+)/remotelink")
    def _remote_links(self, request: Request, ident: str) -> Response:
        return Response.of(self.links[ident])

    @route("GET", f"{API}/attachment/(?P<ident>\\d+)")
    def _attachment(self, request: Request, ident: str) -> Response:
        found = self._attached(ident)
        return Response.of(found[1]) if found else _errors(404, "not found")

    @route("DELETE", f"{API}/attachment/(?P<ident>\\d+)")
    def _delete_attachment(self, request: Request, ident: str) -> Response:
        found = self._attached(ident)
        if not found:
            return _errors(404, "not found")
        found[0]["fields"]["attachment"].remove(found[1])
        self._touched(
            found[0]["id"], [{"field": "Attachment", "from": ident, "fromString": found[1]["filename"], "to": None}]
        )
        return Response(204)

    @route("GET", f"{API}/attachment/content/(?P<ident>\\d+)")
    def _content(self, request: Request, ident: str) -> Response:
        return Response(303, b"", {"Location": f"{request.base_url}/media/{ident}"})

    @route("GET", "/(?:media|secure/attachment)/(?P<ident>\\d+)(?:/[^/]*)?")
    def _media(self, request: Request, ident: str) -> Response:
        return Response(200, self.contents[ident]) if ident in self.contents else _errors(404, "not found")

    @route("POST", "/rest/api/3/redact")
    def _redact(self, request: Request) -> Response:
        job = secrets.token_hex(8)
        results = [
            {"externalId": r["externalId"], "successful": self._redacted(r)} for r in request.json()["redactions"]
        ]
        self.jobs[job] = {"polls": 0, "results": results}
        return Response.of(job, status=202)

    @route("GET", "/rest/api/3/redact/status/(?P<job>\\w+)")
    def _redact_status(self, request: Request, job: str) -> Response:
        self.jobs[job]["polls"] += 1
        if self.jobs[job]["polls"] < 2:
            return Response.of({"jobStatus": "IN_PROGRESS"})
        return Response.of({"jobStatus": "COMPLETED", "bulkRedactionResponse": {"results": self.jobs[job]["results"]}})

    @route("POST", f"{API}/webhook")
    def _register(self, request: Request) -> Response:
        made = []
        for hook in request.json()["webhooks"]:
            ident = self._id()
            self.hooks[ident] = {**hook, "url": request.json()["url"], "until": self.now + timedelta(days=30)}
            made.append({"createdWebhookId": ident})
        return Response.of({"webhookRegistrationResult": made})

    @route("PUT", f"{API}/webhook/refresh")
    def _refresh(self, request: Request) -> Response:
        for ident in request.json()["webhookIds"]:
            if ident not in self.hooks:
                return _errors(404, "no such webhook")
            self.hooks[ident]["until"] = self.now + timedelta(days=30)
        return Response.of({"expirationDate": self._stamp(self.now + timedelta(days=30))})

    @route("DELETE", f"{API}/webhook")
    def _unregister(self, request: Request) -> Response:
        for ident in request.json()["webhookIds"]:
            self.hooks.pop(ident, None)
        return Response(202)

    # Inside

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    def _tick(self) -> str:
        self._time += timedelta(seconds=1)
        return self._stamp(self.now)

    @staticmethod
    def _stamp(when: datetime) -> str:
        return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}+0000"

    def _touched(self, ident: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        stamp = self._tick()
        self.issues[ident]["fields"]["updated"] = stamp
        entry = {"id": str(self._id()), "author": self.author, "created": stamp, "items": items}
        if items:
            self.history[ident].append(entry)
        return {"id": entry["id"], "items": items}

    def _in(self, project_id: str) -> list[dict[str, Any]]:
        return [i for i in self.issues.values() if i["fields"]["project"]["id"] == project_id]

    def _matching(self, jql: str) -> list[dict[str, Any]] | None:
        """Return the issues that the few terms of JQL the fake knows let through, in the order it asks for."""
        found = list(self.issues.values())
        project = re.search(r"project = (\d+)", jql)
        if project:
            if project[1] in self.forbidden_projects or not any(p["id"] == project[1] for p in self.projects.values()):
                return None
            found = self._in(project[1])
        for field, minutes in re.findall(r'(updated|created) >= "-(\d+)m"', jql):
            bound = self._stamp((self.now - timedelta(minutes=int(minutes))).replace(second=0))
            found = [i for i in found if i["fields"][field] >= bound]
        return sorted(found, key=lambda i: (i["fields"]["created"], int(i["id"])))

    def _shown(self, issue: Mapping[str, Any]) -> dict[str, Any]:
        """Return an issue as the API shows it: Cloud embeds the first comments and worklogs only."""
        shown = deepcopy(dict(issue))
        for kind in ("comment", "worklog"):
            every = shown["fields"][kind]
            part = every[:EMBEDDED] if self.cloud else every
            shown["fields"][kind] = {kind + "s": part, "startAt": 0, "maxResults": len(part), "total": len(every)}
        return shown

    def _page(self, request: Request, every: list[Any], key: str) -> Response:
        at = int(request.query.get("startAt", 0))
        limit = min(int(request.query.get("maxResults", 50)), self.page_limit)
        last = at + limit >= len(every)
        return Response.of({key: every[at : at + limit], "startAt": at, "total": len(every), "isLast": last})

    def _one(self, ident: str, kind: str, one: str) -> dict[str, Any] | None:
        every: Iterable[dict[str, Any]] = self.issues[ident]["fields"][kind] if ident in self.issues else ()
        return next((item for item in every if item["id"] == one), None)

    def _comment(self, ident: str, comment_id: str) -> dict[str, Any]:
        found = self._one(ident, "comment", comment_id)
        assert found is not None, "no such comment"  # noqa: S101 (a test asked for it by a wrong id)
        return found

    def _attached(self, ident: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        for issue in self.issues.values():
            for attachment in issue["fields"]["attachment"]:
                if attachment["id"] == ident:
                    return issue, attachment
        return None

    def _redacted(self, redaction: Mapping[str, Any]) -> bool:
        """Do one redaction when its digest fits, as the job of Cloud does."""
        item, position = redaction["contentItem"], redaction["redactionPosition"]
        holder, key = self._holder(item)
        if "adfPointer" in position:
            *steps, key = position["adfPointer"].lstrip("/").split("/")
            holder = holder[self._holder(item)[1]]
            for step in steps:
                holder = holder[int(step) if isinstance(holder, list) else step]
        old = holder[key]
        piece = old[position["from"] : position["to"]]
        if base64.b64encode(hashlib.sha256(piece.encode()).digest()).decode() != position["expectedText"]:
            return False
        holder[key] = old[: position["from"]] + "█" * len(piece) + old[position["to"] :]
        return True

    def _holder(self, item: Mapping[str, str]) -> tuple[Any, str]:
        if item["entityType"] == "issue-comment":
            return self._one(item["id"], "comment", item["entityId"]), "body"
        if item["entityType"] == "issue-worklog":
            return self._one(item["id"], "worklog", item["entityId"]), "comment"
        return self.issues[item["id"]]["fields"], item["entityId"]


def document(*paragraphs: str) -> dict[str, Any]:
    """Return an ADF document of plain paragraphs."""
    content = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}] if line else []} for line in paragraphs
    ]
    return {"type": "doc", "version": 1, "content": content}


def texts_in(node: Any) -> list[str]:
    """Return the texts of an ADF document, one for each text node."""
    own = [node["text"]] if isinstance(node, Mapping) and isinstance(node.get("text"), str) else []
    children = node.get("content", []) if isinstance(node, Mapping) else []
    return own + [line for child in children for line in texts_in(child)]


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _errors(status: int, message: str) -> Response:
    return Response.of({"errorMessages": [message], "errors": {}}, status=status)
