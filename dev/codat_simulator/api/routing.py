"""Match requests to the paths of Codat's API."""

import re
from typing import Generic, TypeVar

import httpx

from dev.codat_simulator.api.errors import not_found

EXPENSES = "/companies/{company_id}/sync/expenses"

Handler = TypeVar("Handler")


class Routes(Generic[Handler]):
    """Handlers by method and path, such as `/companies/{company_id}`; the first match counts."""

    def __init__(self, *routes: tuple[str, str, Handler]) -> None:
        self._labels = [f"{method} {path}" for method, path, _ in routes]
        self._compiled = [(method, _compiled(path), handler) for method, path, handler in routes]

    def labels(self) -> list[str]:
        """Return each as `GET /companies/{company_id}`."""
        return list(self._labels)

    def find(self, request: httpx.Request) -> tuple[Handler, dict[str, str]]:
        """Return the request's handler and the parts of its path; raises a 404."""
        for method, path, handler in self._compiled:
            if method == request.method and (match := path.fullmatch(request.url.path)):
                return handler, match.groupdict()
        raise not_found()


def _compiled(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
