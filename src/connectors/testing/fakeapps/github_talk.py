"""What people say on a fake GitHub: issues, pull requests, comments, reviews, discussions, wikis, releases."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from connectors.testing.fakeapps.github_data import GitHubData, JsonObject, Webhook


class GitHubTalk(GitHubData):
    """Helpers that change what was said and return the webhook that tells it."""

    def open_issue(self, full_name: str, login: str, title: str, body: str = "", *, pull: bool = False) -> Webhook:
        """Open an issue or, with `pull`, a pull request. `last_number` is its number."""
        with self.lock:
            repo, at = self.repos[full_name], self.tick()
            number = self.last_number = repo.next_number()
            kind = "pull" if pull else "issues"
            value: JsonObject = {
                "id": self._next(),
                "number": number,
                "title": title,
                "body": body,
                "state": "open",
                "user": self._user(login),
                "html_url": f"https://github.com/{full_name}/{kind}/{number}",
                "created_at": at,
                "updated_at": at,
            }
            if pull:
                value["pull_request"] = {"url": f"https://api.github.com/repos/{full_name}/pulls/{number}"}
            repo.issues[number] = value
            return self._issue_event(full_name, number, "opened", login)

    def open_pull(self, full_name: str, login: str, title: str, body: str = "") -> Webhook:
        """Open a pull request."""
        return self.open_issue(full_name, login, title, body, pull=True)

    def edit_issue(self, full_name: str, number: int, *, login: str, **changes: str) -> Webhook:
        """Change `title` or `body` of an issue or pull request."""
        value = self.repos[full_name].issues[number]
        before = {key: {"from": value[key]} for key in changes}
        value.update(changes, updated_at=self.tick())
        return self._issue_event(full_name, number, "edited", login, changes=before)

    def delete_issue(self, full_name: str, number: int, *, login: str) -> Webhook:
        """Delete an issue with its comments."""
        repo = self.repos[full_name]
        self.tick()
        event = self._issue_event(full_name, number, "deleted", login)
        del repo.issues[number]
        ended = [i for i, c in repo.issue_comments.items() if c["issue_url"].endswith(f"/issues/{number}")]
        for ident in ended:
            del repo.issue_comments[ident]
        return event

    def _issue_event(self, full_name: str, number: int, action: str, login: str, **more: Any) -> Webhook:
        value = self.repos[full_name].issues[number]
        pull = "pull_request" in value
        name, key = ("pull_request", "pull_request") if pull else ("issues", "issue")
        return self.webhook(
            name, {"action": action, "number": number, key: self._plain(value), **more}, full_name, login
        )

    def _plain(self, value: JsonObject) -> JsonObject:
        """Return a pull request as pull request events carry it, and an issue as it is."""
        return {key: held for key, held in value.items() if key != "pull_request"}

    def _touch(self, full_name: str, number: int) -> str:
        at = self.tick()
        self.repos[full_name].issues[number]["updated_at"] = at
        return at

    def comment(self, full_name: str, number: int, login: str, body: str) -> Webhook:
        """Comment on an issue or pull request. `last_id` is the comment's id."""
        with self.lock:
            repo, at, ident = self.repos[full_name], self._touch(full_name, number), self._next()
            issue = repo.issues[number]
            repo.issue_comments[ident] = {
                "id": ident,
                "body": body,
                "user": self._user(login),
                "issue_url": f"https://api.github.com/repos/{full_name}/issues/{number}",
                "html_url": f"{issue['html_url']}#issuecomment-{ident}",
                "created_at": at,
                "updated_at": at,
            }
            return self._comment_event(full_name, "issue_comment", ident, "created", login)

    def review(self, full_name: str, number: int, login: str, body: str) -> Webhook:
        """Submit a review of a pull request. `last_id` is its id."""
        repo, at, ident = self.repos[full_name], self._touch(full_name, number), self._next()
        repo.reviews[ident] = {
            "id": ident,
            "body": body,
            "state": "COMMENTED",
            "user": self._user(login),
            "pull_request_url": f"https://api.github.com/repos/{full_name}/pulls/{number}",
            "html_url": f"https://github.com/{full_name}/pull/{number}#pullrequestreview-{ident}",
            "submitted_at": at,
        }
        return self._comment_event(full_name, "review", ident, "submitted", login)

    def review_comment(
        self, full_name: str, number: int, login: str, body: str, *, path: str = "app.py", hunk: str = ""
    ) -> Webhook:
        """Comment on a line of a pull request. `last_id` is the comment's id."""
        repo, at, ident = self.repos[full_name], self._touch(full_name, number), self._next()
        repo.review_comments[ident] = {
            "id": ident,
            "body": body,
            "path": path,
            "diff_hunk": hunk,
            "user": self._user(login),
            "pull_request_url": f"https://api.github.com/repos/{full_name}/pulls/{number}",
            "html_url": f"https://github.com/{full_name}/pull/{number}#discussion_r{ident}",
            "created_at": at,
            "updated_at": at,
        }
        return self._comment_event(full_name, "review_comment", ident, "created", login)

    def commit_comment(self, full_name: str, sha: str, login: str, body: str) -> Webhook:
        """Comment on a commit. `last_id` is the comment's id."""
        repo, at, ident = self.repos[full_name], self.tick(), self._next()
        repo.commit_comments[ident] = {
            "id": ident,
            "body": body,
            "commit_id": sha,
            "user": self._user(login),
            "html_url": f"https://github.com/{full_name}/commit/{sha}#commitcomment-{ident}",
            "created_at": at,
            "updated_at": at,
        }
        return self._comment_event(full_name, "commit_comment", ident, "created", login)

    def edit_comment(self, full_name: str, kind: str, ident: int, body: str, *, login: str) -> Webhook:
        """Edit a comment; `kind` is issue_comment, review, review_comment or commit_comment."""
        held = self._comments(full_name, kind)[ident]
        before, at = held["body"], self.tick()
        held["body"] = body
        if "updated_at" in held:
            held["updated_at"] = at
        if kind != "commit_comment":
            number = _number_in(held.get("issue_url") or held["pull_request_url"])
            self.repos[full_name].issues[number]["updated_at"] = at
        return self._comment_event(full_name, kind, ident, "edited", login, changes={"body": {"from": before}})

    def delete_comment(self, full_name: str, kind: str, ident: int, *, login: str) -> Webhook:
        """Delete a comment; kinds as in `edit_comment`."""
        self.tick()
        event = self._comment_event(full_name, kind, ident, "deleted", login)
        del self._comments(full_name, kind)[ident]
        return event

    def _comments(self, full_name: str, kind: str) -> dict[int, JsonObject]:
        found: dict[int, JsonObject] = getattr(self.repos[full_name], kind + "s")
        return found

    def _comment_event(self, full_name: str, kind: str, ident: int, action: str, login: str, **more: Any) -> Webhook:
        held = dict(self._comments(full_name, kind)[ident])
        name = {"review": "pull_request_review", "review_comment": "pull_request_review_comment"}.get(kind, kind)
        payload: JsonObject = {"action": action, "review" if kind == "review" else "comment": held, **more}
        if kind != "commit_comment":
            issue = self.repos[full_name].issues[_number_in(held.get("issue_url") or held["pull_request_url"])]
            payload |= {"issue": issue} if kind == "issue_comment" else {"pull_request": self._plain(issue)}
        return self.webhook(name, payload, full_name, login)

    def discuss(self, full_name: str, login: str, title: str, body: str) -> Webhook:
        """Start a discussion. `last_number` is its number."""
        repo, at = self.repos[full_name], self.tick()
        number = self.last_number = repo.next_number()
        repo.discussions[number] = {
            "id": self._next(),
            "node_id": f"D_{self.last_id}",
            "number": number,
            "title": title,
            "body": body,
            "user": self._user(login),
            "html_url": f"https://github.com/{full_name}/discussions/{number}",
            "created_at": at,
            "updated_at": at,
            "held": {},
        }
        return self._discussion_event(full_name, number, "created", login)

    def discussion_comment(
        self, full_name: str, number: int, login: str, body: str, *, reply_to: int | None = None
    ) -> Webhook:
        """Comment on a discussion, or reply to a comment of it. `last_id` is the comment's id."""
        repo, at, ident = self.repos[full_name], self.tick(), self._next()
        held = {
            "id": ident,
            "node_id": f"DC_{ident}",
            "parent_id": reply_to,
            "body": body,
            "user": self._user(login),
            "html_url": f"https://github.com/{full_name}/discussions/{number}#discussioncomment-{ident}",
            "created_at": at,
            "updated_at": at,
        }
        repo.discussions[number]["held"][ident] = held
        repo.discussions[number]["updated_at"] = at
        return self._discussion_event(full_name, number, "created", login, comment=held)

    def _discussion_event(self, full_name: str, number: int, action: str, login: str, **more: Any) -> Webhook:
        held = self.repos[full_name].discussions[number]
        value = {key: inside for key, inside in held.items() if key != "held"}
        name = "discussion_comment" if "comment" in more else "discussion"
        return self.webhook(name, {"action": action, "discussion": value, **more}, full_name, login)

    def edit_wiki(self, full_name: str, login: str, page: str, source: str) -> Webhook:
        """Make or edit a wiki page: the `gollum` event."""
        repo = self.repos[full_name]
        action = "edited" if page in repo.wiki else "created"
        repo.wiki[page] = source
        sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        url = f"https://github.com/{full_name}/wiki/{page}"
        told = {"page_name": page, "title": page.replace("-", " "), "summary": None, "action": action, "sha": sha}
        self.tick()
        return self.webhook("gollum", {"pages": [{**told, "html_url": url}]}, full_name, login)

    def release(
        self,
        full_name: str,
        login: str,
        tag: str,
        *,
        title: str = "",
        body: str = "",
        files: Mapping[str, bytes] | None = None,
    ) -> Webhook:
        """Publish a release with files attached. `last_id` is its id."""
        repo, at = self.repos[full_name], self.tick()
        assets = [self._asset(full_name, login, name, content, at) for name, content in (files or {}).items()]
        ident = self._next()
        repo.releases[ident] = {
            "id": ident,
            "tag_name": tag,
            "name": title,
            "body": body,
            "author": self._user(login),
            "html_url": f"https://github.com/{full_name}/releases/tag/{tag}",
            "created_at": at,
            "published_at": at,
            "assets": assets,
        }
        return self.webhook("release", {"action": "published", "release": repo.releases[ident]}, full_name, login)

    def _asset(self, full_name: str, login: str, name: str, content: bytes, at: str) -> JsonObject:
        ident = self._next()
        self.assets[ident] = content
        return {
            "id": ident,
            "name": name,
            "label": None,
            "content_type": "text/plain",
            "size": len(content),
            "uploader": self._user(login),
            "browser_download_url": f"https://github.com/{full_name}/releases/download/{ident}/{name}",
            "created_at": at,
            "updated_at": at,
        }

    def add_gist(self, files: Mapping[str, str], *, description: str = "", public: bool = False) -> str:
        """Add a gist of the token's owner and return its id."""
        ident = hashlib.sha1(str(self._next()).encode(), usedforsecurity=False).hexdigest()[:20]
        at = self.tick()
        self.gists[ident] = {
            "id": ident,
            "description": description,
            "public": public,
            "owner": self._user("connectors[bot]"),
            "html_url": f"https://gist.github.com/{ident}",
            "created_at": at,
            "updated_at": at,
            "files": {name: {"filename": name, "type": "text/plain", "content": text} for name, text in files.items()},
        }
        return ident


def _number_in(url: str) -> int:
    return int(url.rpartition("/")[2])
