"""A fake Jira, Cloud or Data Center: search, issues, comments, worklogs, history, attachments, redaction, webhooks."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any

from connectors.testing.fakeapps.base import Request, Response, route
from connectors.testing.fakeapps.jira_data import JiraData

API = "/rest/api/[23]"
EMBEDDED = 20
"""How many comments and worklogs Cloud embeds in an issue."""


class FakeJira(JiraData):
    """One Jira site with its API; see `JiraData` for how it is changed.

    Signing in: basic `email:token` or `Bearer pat`, whichever `email`, `token` and `pat` say.
    """

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


def _errors(status: int, message: str) -> Response:
    return Response.of({"errorMessages": [message], "errors": {}}, status=status)
