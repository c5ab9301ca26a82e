"""A fake GitHub: the REST and GraphQL calls that reading a company needs, and signed webhooks.

Helpers such as `open_issue` change the state and return the webhook that GitHub would send, as
`(headers, body)`. Shapes follow https://docs.github.com/en/rest and
https://docs.github.com/en/webhooks/webhook-events-and-payloads.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from urllib.parse import unquote

from connectors.testing.fakeapps.base import Request, Response, route
from connectors.testing.fakeapps.github_code import GitHubCode
from connectors.testing.fakeapps.github_data import JsonObject, Webhook
from connectors.testing.fakeapps.github_graph import GitHubGraph
from connectors.testing.fakeapps.github_talk import GitHubTalk

__all__ = ["FakeGitHub", "Webhook"]


class FakeGitHub(GitHubTalk, GitHubCode, GitHubGraph):
    """One organisation: its constructor is `GitHubData`'s, its helpers are `GitHubTalk`'s, the rest is REST."""

    @route("GET", "/rate_limit")
    def get_rate_limit(self, _request: Request) -> Response:
        """https://docs.github.com/en/rest/rate-limit/rate-limit"""
        return Response.of({"resources": {"core": {"limit": self.limit, "remaining": self.remaining}}})

    @route("GET", "/user/repos")
    def get_own_repos(self, request: Request) -> Response:
        """https://docs.github.com/en/rest/repos/repos"""
        return self._paged(request, [self._repo(name) for name in self.repos])

    @route("GET", "/orgs/(?P<org>[^/]+)/repos")
    def get_org_repos(self, request: Request, org: str) -> Response:
        """https://docs.github.com/en/rest/repos/repos"""
        return self._paged(request, [self._repo(name) for name in self.repos if name.startswith(org + "/")])

    @route("GET", "/installation/repositories")
    def get_installed_repos(self, request: Request) -> Response:
        """https://docs.github.com/en/rest/apps/installations"""
        listed = [self._repo(name) for name in self.repos]
        return self._paged(request, listed, lambda page: {"total_count": len(listed), "repositories": page})

    @route("GET", r"/repositories/(?P<ident>\d+)")
    def get_repo_by_id(self, _request: Request, ident: str) -> Response:
        """The address that `Link` headers use for a repository."""
        found = next((name for name, repo in self.repos.items() if repo.id == int(ident)), None)
        return Response.of(self._repo(found)) if found else Response(404)

    @route("GET", r"/users/(?P<login>[^/]+)")
    def get_user(self, _request: Request, login: str) -> Response:
        """https://docs.github.com/en/rest/users/users"""
        found = self.users.get(unquote(login))
        return Response.of(found) if found else Response(404)

    @route("GET", r"/user/(?P<ident>\d+)")
    def get_user_by_id(self, _request: Request, ident: str) -> Response:
        """https://docs.github.com/en/rest/users/users"""
        found = next((user for user in self.users.values() if user["id"] == int(ident)), None)
        return Response.of(found) if found else Response(404)

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/issues")
    def get_issues(self, request: Request, owner: str, name: str) -> Response:
        """Issues and pull requests. https://docs.github.com/en/rest/issues/issues"""
        repo = self._found(owner, name)
        if not repo.has_issues:
            return Response.of({"message": "Issues are disabled for this repo"}, 410)
        return self._changed(request, repo.issues.values())

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/pulls")
    def get_pulls(self, request: Request, owner: str, name: str) -> Response:
        """https://docs.github.com/en/rest/pulls/pulls"""
        listed = [value for value in self._found(owner, name).issues.values() if "pull_request" in value]
        return self._paged(request, [self._plain(value) for value in listed])

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?P<kind>issues|pulls)/(?P<number>\d+)")
    def get_issue(self, _request: Request, owner: str, name: str, kind: str, number: str) -> Response:
        """https://docs.github.com/en/rest/issues/issues"""
        found = self._found(owner, name).issues.get(int(number))
        if found is None or (kind == "pulls" and "pull_request" not in found):
            return Response(404)
        return Response.of(found)

    @route("PATCH", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/issues/(?P<number>\d+)")
    def patch_issue(self, request: Request, owner: str, name: str, number: str) -> Response:
        """https://docs.github.com/en/rest/issues/issues#update-an-issue"""
        held = self._found(owner, name).issues.get(int(number))
        if held is None:
            return Response(404)
        changes = {key: value for key, value in request.json().items() if key in ("title", "body")}
        self.outbox.append(self.edit_issue(f"{owner}/{name}", int(number), login="connectors[bot]", **changes))
        return Response.of(held)

    @route("POST", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/issues/(?P<number>\d+)/comments")
    def post_comment(self, request: Request, owner: str, name: str, number: str) -> Response:
        """https://docs.github.com/en/rest/issues/comments#create-an-issue-comment"""
        full_name = f"{owner}/{name}"
        if int(number) not in self.repos[full_name].issues:
            return Response(404)
        self.outbox.append(self.comment(full_name, int(number), "connectors[bot]", request.json()["body"]))
        return Response.of(list(self.repos[full_name].issue_comments.values())[-1], 201)

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/issues/(?P<number>\d+)/comments")
    def get_comments_of_issue(self, request: Request, owner: str, name: str, number: str) -> Response:
        """https://docs.github.com/en/rest/issues/comments"""
        comments = self._found(owner, name).issue_comments.values()
        return self._paged(request, [c for c in comments if c["issue_url"].endswith(f"/issues/{number}")])

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?P<kind>issues|pulls)/comments")
    def get_comments(self, request: Request, owner: str, name: str, kind: str) -> Response:
        """https://docs.github.com/en/rest/issues/comments and /rest/pulls/comments"""
        repo = self._found(owner, name)
        return self._changed(request, (repo.issue_comments if kind == "issues" else repo.review_comments).values())

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?P<kind>issues/|pulls/|)comments/(?P<ident>\d+)")
    def get_comment(self, _request: Request, owner: str, name: str, kind: str, ident: str) -> Response:
        """One comment of an issue, of a pull request's line, or of a commit."""
        held = self._held(owner, name, kind).get(int(ident))
        return Response.of(held) if held else Response(404)

    @route("PATCH", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?P<kind>issues/|pulls/|)comments/(?P<ident>\d+)")
    def patch_comment(self, request: Request, owner: str, name: str, kind: str, ident: str) -> Response:
        """Edit one of those."""
        held = self._held(owner, name, kind)
        if int(ident) not in held:
            return Response(404)
        named = {"issues/": "issue_comment", "pulls/": "review_comment", "": "commit_comment"}[kind]
        body = request.json()["body"]
        self.outbox.append(self.edit_comment(f"{owner}/{name}", named, int(ident), body, login="connectors[bot]"))
        return Response.of(held[int(ident)])

    def _held(self, owner: str, name: str, kind: str) -> dict[int, JsonObject]:
        repo = self._found(owner, name)
        return {"issues/": repo.issue_comments, "pulls/": repo.review_comments, "": repo.commit_comments}[kind]

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/pulls/(?P<number>\d+)/reviews")
    def get_reviews(self, request: Request, owner: str, name: str, number: str) -> Response:
        """https://docs.github.com/en/rest/pulls/reviews"""
        reviews = self._found(owner, name).reviews.values()
        return self._paged(request, [r for r in reviews if r["pull_request_url"].endswith(f"/pulls/{number}")])

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/pulls/(?P<number>\d+)/reviews/(?P<ident>\d+)")
    def get_review(self, _request: Request, owner: str, name: str, number: str, ident: str) -> Response:
        """https://docs.github.com/en/rest/pulls/reviews"""
        _ = number
        held = self._found(owner, name).reviews.get(int(ident))
        return Response.of(held) if held else Response(404)

    @route("PUT", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/pulls/(?P<number>\d+)/reviews/(?P<ident>\d+)")
    def put_review(self, request: Request, owner: str, name: str, number: str, ident: str) -> Response:
        """https://docs.github.com/en/rest/pulls/reviews#update-a-review-for-a-pull-request"""
        _ = number
        held = self._found(owner, name).reviews
        if int(ident) not in held:
            return Response(404)
        body = request.json()["body"]
        self.outbox.append(self.edit_comment(f"{owner}/{name}", "review", int(ident), body, login="connectors[bot]"))
        return Response.of(held[int(ident)])

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/comments")
    def get_commit_comments(self, request: Request, owner: str, name: str) -> Response:
        """https://docs.github.com/en/rest/commits/comments"""
        return self._paged(request, list(self._found(owner, name).commit_comments.values()))

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/releases")
    def get_releases(self, request: Request, owner: str, name: str) -> Response:
        """https://docs.github.com/en/rest/releases/releases"""
        return self._paged(request, list(self._found(owner, name).releases.values()))

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/releases/assets/(?P<ident>\d+)")
    def get_asset(self, _request: Request, owner: str, name: str, ident: str) -> Response:
        """https://docs.github.com/en/rest/releases/assets"""
        _ = owner, name
        content = self.assets.get(int(ident))
        return Response(404) if content is None else Response(200, content, {"Content-Type": "text/plain"})

    @route("GET", r"/raw/wiki/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?P<page>.+)\.md")
    def get_wiki(self, _request: Request, owner: str, name: str, page: str) -> Response:
        """The raw host; give `<url>/raw` as raw_url."""
        source = self._found(owner, name).wiki.get(unquote(page))
        return Response(404) if source is None else Response(200, source.encode(), {"Content-Type": "text/plain"})

    @route("GET", "/gists")
    def get_gists(self, request: Request) -> Response:
        """https://docs.github.com/en/rest/gists/gists"""
        return self._paged(request, [{**gist, "files": {}} for gist in self.gists.values()])

    @route("GET", r"/gists/(?P<ident>\w+)")
    def get_gist(self, _request: Request, ident: str) -> Response:
        """https://docs.github.com/en/rest/gists/gists"""
        return Response.of(self.gists[ident]) if ident in self.gists else Response(404)

    # The App

    @route("GET", r"/app/installations/(?P<ident>\d+)")
    def get_installation(self, _request: Request, ident: str) -> Response:
        """https://docs.github.com/en/rest/apps/apps"""
        return Response.of({"id": int(ident), "permissions": self.permissions})

    @route("POST", r"/app/installations/(?P<ident>\d+)/access_tokens")
    def post_token(self, _request: Request, ident: str) -> Response:
        """https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app"""
        _ = ident
        ends = datetime.fromtimestamp(time.time() + 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Response.of({"token": self.token, "expires_at": ends, "permissions": self.permissions}, 201)

    @route("GET", r"/(?:app/hook|orgs/[^/]+/hooks/\d+|repos/[^/]+/[^/]+/hooks/\d+)/deliveries")
    def get_deliveries(self, request: Request) -> Response:
        """Newest first, by cursor. https://docs.github.com/en/rest/apps/webhooks"""
        size, begin = int(request.query.get("per_page", "30")), int(request.query.get("cursor", "0"))
        listed = [{k: v for k, v in d.items() if k != "request"} for d in reversed(self.deliveries)]
        response = Response.of(listed[begin : begin + size])
        if begin + size >= len(listed):
            return response
        link = f'<{request.base_url}{request.path}?per_page={size}&cursor={begin + size}>; rel="next"'
        return Response(200, response.body, {**response.headers, "Link": link})

    @route("GET", r"/(?:app/hook|orgs/[^/]+/hooks/\d+|repos/[^/]+/[^/]+/hooks/\d+)/deliveries/(?P<ident>\d+)")
    def get_delivery(self, _request: Request, ident: str) -> Response:
        """https://docs.github.com/en/rest/apps/webhooks#get-a-delivery-for-an-app-webhook"""
        found = next((d for d in self.deliveries if d["id"] == int(ident)), None)
        return Response.of(found) if found else Response(404)
