"""The GraphQL endpoint of a fake GitHub, as far as discussions need it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from connectors.testing.fakeapps.base import Request, Response, route
from connectors.testing.fakeapps.github_data import GitHubData, JsonObject


class GitHubGraph(GitHubData):
    """Answers the queries for discussions, their comments and replies."""

    @route("POST", "/graphql")
    def graphql(self, request: Request) -> Response:
        """Answer the queries for discussions. https://docs.github.com/en/graphql"""
        asked = request.json()
        query, variables = str(asked.get("query", "")), asked.get("variables") or {}
        if "discussions(" in query:
            return Response.of({"data": {"repository": {"discussions": self._discussions(query, variables)}}})
        if "node(id" in query:
            return self._node(query, variables)
        return Response.of({"errors": [{"type": "UNDEFINED_FIELD", "message": "no such query"}]})

    def _discussions(self, query: str, variables: JsonObject) -> JsonObject:
        repo = self._found(str(variables.get("owner")), str(variables.get("name")))
        key = {"UPDATED_AT": "updated_at"}.get(str(variables.get("field")), "created_at")
        down = variables.get("direction") == "DESC"
        listed = sorted(repo.discussions.values(), key=lambda d: str(d[key]), reverse=down)
        return _connection(listed, query, "discussions", variables.get("after"), lambda d: self._discussion(query, d))

    def _discussion(self, query: str, held: JsonObject) -> JsonObject:
        return {
            **_node(held),
            "title": held["title"],
            "number": held["number"],
            "comments": self._comments_of(query, held),
        }

    def _comments_of(self, query: str, held: JsonObject, after: Any = None) -> JsonObject:
        top = [comment for comment in held["held"].values() if comment["parent_id"] is None]
        return _connection(
            top, query, "comments", after, lambda c: {**_node(c), "replies": self._replies_of(query, held, c["id"])}
        )

    def _replies_of(self, query: str, held: JsonObject, ident: int, after: Any = None) -> JsonObject:
        listed = [comment for comment in held["held"].values() if comment["parent_id"] == ident]
        return _connection(listed, query, "replies", after, _node)

    def _node(self, query: str, variables: JsonObject) -> Response:
        ident, after = str(variables.get("id")), variables.get("after")
        for held in (d for repo in self.repos.values() for d in repo.discussions.values()):
            if held["node_id"] == ident:
                return Response.of({"data": {"node": {"comments": self._comments_of(query, held, after)}}})
            comment = next((c for c in held["held"].values() if c["node_id"] == ident), None)
            if comment:
                replies = self._replies_of(query, held, comment["id"], after)
                return Response.of({"data": {"node": {"replies": replies}}})
        return Response.of({"data": {"node": None}, "errors": [{"type": "NOT_FOUND", "message": "no such node"}]})


def _node(held: JsonObject) -> JsonObject:
    user = held["user"]
    return {
        "id": held["node_id"],
        "databaseId": held["id"],
        "body": held["body"],
        "url": held["html_url"],
        "createdAt": held["created_at"],
        "updatedAt": held["updated_at"],
        "author": {"login": user["login"], "databaseId": user["id"]},
    }


def _connection(
    items: list[JsonObject], query: str, name: str, after: Any, shown: Callable[[JsonObject], JsonObject]
) -> JsonObject:
    """Return one page of a GraphQL connection, of the size that the query asks for."""
    asked = re.search(rf"\b{name}\(first: (\d+)", query)
    begin, size = int(after or 0), int(asked[1]) if asked else 10
    more = begin + size < len(items)
    return {
        "pageInfo": {"hasNextPage": more, "endCursor": str(begin + size) if more else None},
        "nodes": [shown(item) for item in items[begin : begin + size]],
    }
