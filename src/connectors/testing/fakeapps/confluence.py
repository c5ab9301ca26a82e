"""A fake Confluence, Cloud (v2 API, search of v1) or Data Center (v1): contents with versions, files, webhooks."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlencode

from connectors.testing.fakeapps.base import Request, Response, route
from connectors.testing.fakeapps.confluence_data import ConfluenceData

V1 = "(?:/wiki)?/rest/api"
V2 = "/wiki/api/v2"
KINDS = {"pages": "page", "blogposts": "blogpost", "attachments": "attachment"}
COMMENTS = {"footer-comments": "footer", "inline-comments": "inline"}


class FakeConfluence(ConfluenceData):
    """One Confluence site with its API; see `ConfluenceData` for how it is changed.

    Signing in: basic `email:token` or `Bearer pat`.
    """

    # Answering

    def respond(self, request: Request) -> Response | None:
        """Record the request and answer with the rate headers of Cloud."""
        self.requests.append(request)
        response = super().respond(request)
        if response is None:
            return None
        self.remaining -= 1
        limits = {"X-RateLimit-Limit": "65000", "X-RateLimit-Remaining": str(self.remaining)}
        return Response(response.status, response.body, {**(limits if self.cloud else {}), **response.headers})

    def throttle(self, *, times: int = 1, retry_after: int | None = None, path: str = ".*") -> None:
        """Answer the next requests with 429, with or without `Retry-After`."""
        headers = {"RateLimit-Reason": "confluence-quota-tenant-based"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        self.fail(Response(429, b'{"message":"slow down"}', headers), times=times, path=path)

    def answer(self, request: Request) -> Response:
        """Dispatch after signing in; Cloud lives under `/wiki`, Data Center does not."""
        basic = "Basic " + base64.b64encode(f"{self.email}:{self.token}".encode()).decode()
        if request.headers.get("authorization") not in {basic, f"Bearer {self.pat}"}:
            return _error(401, "Unauthorized")
        if request.path.startswith("/wiki/") != self.cloud and not request.path.startswith("/media/"):
            return _error(404, "Not found")
        return super().answer(request)

    @route("GET", f"{V1}/user/current")
    def _myself(self, request: Request) -> Response:
        return Response.of(self.users[self.author])

    @route("GET", f"{V1}/user")
    def _user(self, request: Request) -> Response:
        user = self.users.get(request.query.get("accountId" if self.cloud else "key", ""))
        return Response.of(user) if user else _error(404, "No user found")

    @route("GET", f"{V2}/spaces")
    def _spaces_v2(self, request: Request) -> Response:
        wanted = request.query.get("keys")
        return self._cursored(request, [s for s in self._visible() if wanted in {None, s["key"]}])

    @route("GET", "/rest/api/space")
    def _spaces_v1(self, request: Request) -> Response:
        return self._numbered(request, self._visible())

    @route("GET", "/rest/api/space/(?P<key>[^/]+)")
    def _space_v1(self, request: Request, key: str) -> Response:
        found = [s for s in self._visible() if s["key"] == key]
        return Response.of(found[0]) if found else _error(404, "No space with this key")

    @route("GET", f"{V2}/spaces/(?P<space>\\d+)/(?P<kinds>pages|blogposts)")
    def _contents_v2(self, request: Request, space: str, kinds: str) -> Response:
        keys = [s["key"] for s in self._visible() if s["id"] == space]
        if not keys:
            return _error(404, "Space not found")
        found = self._where(lambda c: c["kind"] == KINDS[kinds] and c["space"] == keys[0], archived=True)
        return self._cursored(request, [self._v2(c, body=True) for c in found])

    @route(
        "GET",
        f"{V2}/(?P<kinds>pages|blogposts)/(?P<ident>\\d+)/(?P<hanging>footer-comments|inline-comments|attachments)",
    )
    def _hanging_v2(self, request: Request, kinds: str, ident: str, hanging: str) -> Response:
        if hanging == "attachments":
            found = self._where(lambda c: c["kind"] == "attachment" and c["on"] == ident)
        else:
            found = self._where(
                lambda c: c.get("on") == ident and c.get("location") == COMMENTS[hanging] and not c["reply_to"]
            )
        return self._cursored(request, [self._v2(c, body=hanging != "attachments") for c in found])

    @route("GET", f"{V2}/(?:footer|inline)-comments/(?P<ident>\\d+)/children")
    def _replies_v2(self, request: Request, ident: str) -> Response:
        found = self._where(lambda c: c.get("reply_to") == ident)
        return self._cursored(request, [self._v2(c, body=True) for c in found])

    @route(
        "GET", f"{V2}/(?P<kinds>pages|blogposts|attachments|footer-comments|inline-comments)/(?:att)?(?P<ident>\\d+)"
    )
    def _content_v2(self, request: Request, kinds: str, ident: str) -> Response:
        content = self._of(kinds, ident)
        return (
            Response.of(self._v2(content, body="body-format" in request.query)) if content else _error(404, "Not found")
        )

    @route("PUT", f"{V2}/(?P<kinds>pages|blogposts|footer-comments|inline-comments)/(?P<ident>\\d+)")
    def _put_v2(self, request: Request, kinds: str, ident: str) -> Response:
        body = request.json()
        return self._put(self._of(kinds, ident), body, body["body"]["value"])

    @route("DELETE", f"{V2}/attachments/att(?P<ident>\\d+)")
    def _delete_v2(self, request: Request, ident: str) -> Response:
        return self._delete(ident, request.query.get("purge") == "true")

    @route("GET", f"{V2}/(?P<kinds>pages|blogposts|footer-comments|inline-comments)/(?P<ident>\\d+)/versions")
    def _versions_v2(self, request: Request, kinds: str, ident: str) -> Response:
        content = self._of(kinds, ident)
        if content is None:
            return _error(404, "Not found")
        holder = content["kind"]
        shown = [
            {
                "number": v["number"],
                "createdAt": v["when"],
                "authorId": v["by"],
                holder: {"id": ident, "title": v["title"], "body": {"storage": {"value": v["body"]}}},
            }
            for v in reversed(content["versions"])
        ]
        return self._cursored(request, shown)

    @route("GET", f"{V1}/content/search")
    def _search(self, request: Request) -> Response:
        cql = request.query.get("cql", "")
        space = re.search(r'space = "([^"]+)"', cql)
        kinds = re.search(r"type (?:in \(([^)]*)\)|= (\w+))", cql)
        wanted = {k.strip() for k in (kinds[1] or kinds[2]).split(",")} if kinds else set()
        minutes = re.search(r'lastmodified >= now\("-(\d+)m"\)', cql)
        bound = self._stamp((self.now - timedelta(minutes=int(minutes[1]))).replace(second=0)) if minutes else ""
        found = self._where(
            lambda c: (
                c["kind"] in wanted
                and (space is None or c["space"] == space[1])
                and c["space"] not in self.hidden_spaces
                and c["versions"][-1]["when"] >= bound
            )
        )
        shown = [self._v1(c, request) for c in found]
        return self._cursored(request, shown) if self.cloud else self._numbered(request, shown)

    @route("GET", "/rest/api/content")
    def _contents_v1(self, request: Request) -> Response:
        key, kind = request.query.get("spaceKey"), request.query.get("type")
        found = self._where(lambda c: c["kind"] == kind and c["space"] == key)
        return self._numbered(request, [self._v1(c, request) for c in found])

    @route("GET", "/rest/api/content/(?P<ident>\\d+)/child/(?P<kind>comment|attachment)")
    def _children_v1(self, request: Request, ident: str, kind: str) -> Response:
        found = self._where(lambda c: c["kind"] == kind and c.get("on") == ident)
        return self._numbered(request, [self._v1(c, request) for c in found])

    @route("GET", "/rest/api/content/(?:att)?(?P<ident>\\d+)")
    def _content_v1(self, request: Request, ident: str) -> Response:
        content = self.contents.get(ident)
        if content is None or content["status"] != "current":
            return _error(404, "No content found with id")
        if request.query.get("status") == "historical":
            number = int(request.query["version"])
            old = next((v for v in content["versions"][:-1] if v["number"] == number), None)
            return Response.of(self._v1({**content, "versions": [old]}, request)) if old else _error(404, "no version")
        return Response.of(self._v1(content, request))

    @route("PUT", "/rest/api/content/(?P<ident>\\d+)")
    def _put_v1(self, request: Request, ident: str) -> Response:
        body = request.json()
        content = self.contents.get(ident)
        if content and content["kind"] == "comment" and "container" not in body:
            return _error(400, "A comment must have a container")
        return self._put(content, body, body["body"]["storage"]["value"])

    @route("DELETE", "/rest/api/content/att(?P<ident>\\d+)")
    def _delete_v1(self, request: Request, ident: str) -> Response:
        return self._delete(ident, request.query.get("status") == "trashed")

    @route("DELETE", f"{V1}/content/(?P<ident>\\d+)/version/(?P<number>\\d+)")
    def _delete_version(self, request: Request, ident: str, number: str) -> Response:
        versions = self.contents[ident]["versions"]
        old = next((v for v in versions[:-1] if v["number"] == int(number)), None)
        if old is None:
            return _error(404, "no such old version")
        versions.remove(old)
        if self.cloud:  # Cloud closes the gap, Data Center leaves it
            for place, version in enumerate(versions, start=1):
                version["number"] = place
        return Response(204)

    @route("GET", f"{V1}/content/(?P<page>\\d+)/child/attachment/att(?P<ident>\\d+)/download")
    def _download_v1(self, request: Request, page: str, ident: str) -> Response:
        return Response(302, b"", {"Location": f"{request.base_url}/media/{ident}"})

    @route("GET", "/media/(?P<ident>\\d+)")
    def _media(self, request: Request, ident: str) -> Response:
        return Response(200, self.contents[ident]["file"])

    @route("GET", "/download/attachments/(?P<page>\\d+)/(?P<name>.+)")
    def _download(self, request: Request, page: str, name: str) -> Response:
        found = self._where(lambda c: c.get("on") == page and c["versions"][-1]["title"] == unquote(name))
        return Response(200, found[0]["file"]) if found else _error(404, "no such file")

    # Inside

    def _visible(self) -> list[dict[str, Any]]:
        return [s for key, s in self.spaces.items() if key not in self.hidden_spaces]

    def _where(self, fits: Callable[[dict[str, Any]], bool], *, archived: bool = False) -> list[dict[str, Any]]:
        states = {"current", "archived"} if archived else {"current"}
        return [c for c in self.contents.values() if c["status"] in states and fits(c)]

    def _of(self, kinds: str, ident: str) -> dict[str, Any] | None:
        content = self.contents.get(ident)
        if content is None or (content["status"] == "trashed" and content["kind"] != "attachment"):
            return None
        fits = content.get("location") == COMMENTS[kinds] if kinds in COMMENTS else content["kind"] == KINDS[kinds]
        return content if fits else None

    def _put(self, content: dict[str, Any] | None, body: Mapping[str, Any], value: str) -> Response:
        if content is None:
            return _error(404, "Not found")
        if body["version"]["number"] != content["versions"][-1]["number"] + 1:
            return _error(409, "Version must be incremented on update")
        self.edit(content["id"], title=body.get("title"), body=value)
        return Response.of(self._v2(content, body=True))

    def _delete(self, ident: str, purge: bool) -> Response:
        content = self.contents.get(ident)
        if content is None or (content["status"] == "trashed") != purge:
            return _error(404, "Not found")
        if purge:
            del self.contents[ident]
        else:
            self.trash(ident)
        return Response(204)

    def _v2(self, content: Mapping[str, Any], *, body: bool) -> dict[str, Any]:
        last, kind = content["versions"][-1], content["kind"]
        ident = f"att{content['id']}" if kind == "attachment" else content["id"]
        shown: dict[str, Any] = {"id": ident, "status": content["status"], "title": last["title"]}
        shown["version"] = {"number": last["number"], "createdAt": last["when"], "authorId": last["by"]}
        if body:
            shown["body"] = {"storage": {"value": last["body"], "representation": "storage"}}
        if kind == "page":
            shown["subtype"] = content.get("subtype", "")
        if kind == "attachment":
            shown |= {
                "mediaType": content["media_type"],
                "fileSize": len(content["file"]),
                "comment": content["comment"],
            }
        if content.get("on"):
            shown["pageId" if self.contents[content["on"]]["kind"] == "page" else "blogPostId"] = content["on"]
        if content.get("location") == "inline":
            shown["resolutionStatus"] = "open"
        return shown

    def _v1(self, content: Mapping[str, Any], request: Request) -> dict[str, Any]:
        last, kind, expand = content["versions"][-1], content["kind"], request.query.get("expand", "").split(",")
        ident = f"att{content['id']}" if kind == "attachment" else content["id"]
        shown: dict[str, Any] = {"id": ident, "type": kind, "status": content["status"], "title": last["title"]}
        if "version" in expand:
            shown["version"] = {"number": last["number"], "when": last["when"], "by": self.users[last["by"]]}
        if "body.storage" in expand and kind != "attachment":
            shown["body"] = {"storage": {"value": last["body"], "representation": "storage"}}
        if "space" in expand:
            shown["space"] = {"key": content["space"]}
        if "container" in expand and content.get("on"):
            shown["container"] = {"id": content["on"], "type": self.contents[content["on"]]["kind"]}
        if kind == "attachment" and "extensions" in expand:
            shown["extensions"] = {
                "mediaType": content["media_type"],
                "fileSize": len(content["file"]),
                "comment": content["comment"],
            }
        if kind == "comment" and "extensions" in expand:
            shown["extensions"] = {"location": content["location"]}
        return shown

    def _cursored(self, request: Request, every: list[Any]) -> Response:
        """Answer as Cloud: the next page by an opaque cursor in a link below the site."""
        cursor = request.query.get("cursor", "")
        if cursor in self.dead_cursors:
            return _error(400, "Invalid cursor")
        at = int(base64.b64decode(cursor)) if cursor else 0
        limit = min(int(request.query.get("limit", 25)), self.page_limit)
        links = {"base": f"{request.base_url}/wiki"}
        if at + limit < len(every):
            following = dict(request.query) | {"cursor": base64.b64encode(str(at + limit).encode()).decode()}
            path = request.path if "/api/v2/" in request.path else request.path.removeprefix("/wiki")
            links["next"] = f"{path}?{urlencode(following)}"
        return Response.of({"results": every[at : at + limit], "_links": links})

    def _numbered(self, request: Request, every: list[Any]) -> Response:
        """Answer as Data Center: the next page by number."""
        at = int(request.query.get("start", 0))
        limit = min(int(request.query.get("limit", 25)), self.page_limit)
        found = every[at : at + limit]
        links = {"base": request.base_url, "context": ""}
        if at + limit < len(every):
            links["next"] = f"{request.path}?{urlencode(dict(request.query) | {'start': at + limit, 'limit': limit})}"
        return Response.of({"results": found, "start": at, "limit": limit, "size": len(found), "_links": links})


def _error(status: int, message: str) -> Response:
    return Response.of({"statusCode": status, "message": message}, status=status)
