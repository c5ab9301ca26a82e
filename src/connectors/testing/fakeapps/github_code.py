"""The git endpoints of a fake GitHub: branches, trees, blobs, comparisons, commits."""

from __future__ import annotations

from urllib.parse import unquote

from connectors.testing.fakeapps.base import Request, Response, route
from connectors.testing.fakeapps.github_data import ZERO, FakeCommit, FakeRepo, Files, GitHubData, JsonObject, Webhook


class GitHubCode(GitHubData):
    """Answers for what is in git."""

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/branches/(?P<branch>.+)")
    def get_branch(self, _request: Request, owner: str, name: str, branch: str) -> Response:
        """https://docs.github.com/en/rest/branches/branches"""
        repo = self._found(owner, name)
        sha = repo.branches.get(unquote(branch))
        return (
            Response.of({"name": unquote(branch), "commit": self._commit(repo, repo.commits[sha])})
            if sha
            else Response(404)
        )

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/branches")
    def list_branches(self, _request: Request, owner: str, name: str) -> Response:
        """https://docs.github.com/en/rest/branches/branches"""
        repo = self._found(owner, name)
        return Response.of([{"name": branch, "commit": {"sha": sha}} for branch, sha in repo.branches.items()])

    def _commit(self, repo: FakeRepo, made: FakeCommit) -> JsonObject:
        who = {key: made.author[key] for key in ("name", "email", "date")}
        tree = {"sha": _tree_sha(made.sha, "")}
        return {
            "sha": made.sha,
            "commit": {"message": made.message, "author": who, "committer": who, "tree": tree},
            "author": self._user(made.author["login"]),
            "html_url": f"https://github.com/{repo.full_name}/commit/{made.sha}",
            "parents": [{"sha": made.parent}] if made.parent else [],
        }

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/git/trees/(?P<sha>[0-9a-f~%/\w.-]+)")
    def get_tree(self, request: Request, owner: str, name: str, sha: str) -> Response:
        """https://docs.github.com/en/rest/git/trees"""
        commit, _, prefix = unquote(sha).partition("~")
        made = self._found(owner, name).commits.get(commit)
        if made is None:
            return Response(404)
        below = {path.removeprefix(prefix): blob for path, blob in made.files.items() if path.startswith(prefix)}
        if request.query.get("recursive"):
            entries = [self._entry(path, blob) for path, blob in sorted(below.items())]
            cut = len(entries) > self.tree_limit
            return Response.of({"sha": sha, "tree": entries[: self.tree_limit], "truncated": cut})
        entries = [self._entry(path, blob) for path, blob in sorted(below.items()) if "/" not in path]
        for folder in sorted({path.partition("/")[0] for path in below if "/" in path}):
            inside = _tree_sha(commit, f"{prefix}{folder}/")
            entries.append({"path": folder, "mode": "040000", "type": "tree", "sha": inside})
        return Response.of({"sha": sha, "tree": entries, "truncated": False})

    def _entry(self, path: str, blob: str) -> JsonObject:
        if blob.startswith("submodule"):
            return {"path": path, "mode": "160000", "type": "commit", "sha": ZERO}
        return {"path": path, "mode": "100644", "type": "blob", "sha": blob, "size": len(self.blobs[blob])}

    def add_submodule(self, full_name: str, path: str, *, login: str) -> Webhook:
        """Commit a submodule to the default branch."""
        repo = self.repos[full_name]
        event = self.commit(full_name, {}, login=login, message="Add a submodule")
        repo.commits[self.last_sha].files[path] = "submodule"
        return event

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/git/blobs/(?P<sha>\w+)")
    def get_blob(self, _request: Request, owner: str, name: str, sha: str) -> Response:
        """https://docs.github.com/en/rest/git/blobs"""
        _ = owner, name
        if sha not in self.blobs:
            return Response(404)
        return Response(200, self.blobs[sha], {"Content-Type": "application/vnd.github.raw"})

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/compare/(?P<base>.+)\.\.\.(?P<head>\w+)")
    def get_compare(self, request: Request, owner: str, name: str, base: str, head: str) -> Response:
        """https://docs.github.com/en/rest/commits/commits#compare-two-commits"""
        repo = self._found(owner, name)
        start = repo.branches.get(unquote(base), unquote(base))
        if start not in repo.commits or head not in repo.commits:
            return Response(404)
        merge = next(sha for sha in self._line(repo, start) if sha in set(self._line(repo, head)))
        ahead = [sha for sha in self._line(repo, head) if sha not in set(self._line(repo, merge))][::-1]
        status = (
            "identical" if start == head else "ahead" if merge == start else "behind" if merge == head else "diverged"
        )
        files = self._differences(repo.commits[merge].files, repo.commits[head].files)[: self.compare_limit]
        first = int(request.query.get("page", "1")) == 1
        commits = [self._commit(repo, repo.commits[sha]) for sha in ahead]
        told = {"status": status, "total_commits": len(ahead), "files": files if first else []}
        return self._paged(request, commits, lambda page: {**told, "commits": page})

    def _line(self, repo: FakeRepo, sha: str) -> list[str]:
        found = []
        while sha:
            found.append(sha)
            sha = repo.commits[sha].parent
        return found

    def _differences(self, before: Files, after: Files) -> list[JsonObject]:
        listed = []
        for path in sorted({*before, *after}):
            if before.get(path) == after.get(path):
                continue
            status = "added" if path not in before else "removed" if path not in after else "modified"
            sha = after.get(path) or before[path]
            patch = "".join(f"-{line}\n" for line in self._lines(before.get(path)))
            patch += "".join(f"+{line}\n" for line in self._lines(after.get(path)))
            listed.append(
                {"filename": path, "status": status, "sha": sha, "patch": patch, "changes": patch.count("\n")}
            )
        return listed

    def _lines(self, blob: str | None) -> list[str]:
        return self.blobs[blob].decode("utf-8", "replace").splitlines() if blob in self.blobs else []

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/commits")
    def get_commits(self, request: Request, owner: str, name: str) -> Response:
        """https://docs.github.com/en/rest/commits/commits"""
        repo = self._found(owner, name)
        asked = request.query.get("sha", repo.default_branch)
        top = repo.branches.get(asked, asked)
        since = request.query.get("since", "")
        line = [repo.commits[sha] for sha in self._line(repo, top) if top in repo.commits]
        return self._paged(request, [self._commit(repo, made) for made in line if made.at >= since])

    @route("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)/commits/(?P<sha>\w+)")
    def get_commit(self, request: Request, owner: str, name: str, sha: str) -> Response:
        """https://docs.github.com/en/rest/commits/commits#get-a-commit"""
        repo = self._found(owner, name)
        if sha not in repo.commits:
            return Response(404)
        made = repo.commits[sha]
        before = repo.commits[made.parent].files if made.parent else {}
        files = self._differences(before, made.files)
        return self._paged(request, files, lambda page: {**self._commit(repo, made), "files": page})


def _tree_sha(commit: str, prefix: str) -> str:
    """Return a name for the tree below `prefix`; the root's is the commit's own."""
    return f"{commit}~{prefix}" if prefix else commit
