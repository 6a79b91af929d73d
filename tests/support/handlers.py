"""Load the functions' real handlers and call them as Lambda does."""

import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any

from dev.stored_events import EVENTS

FUNCTIONS = EVENTS.parent / "functions"

# Lambda's event and response: JSON whose shape AWS defines.
Handler = Callable[[dict[str, Any]], dict[str, Any]]

# Start a function by its name, such as "worker": the fixture `start`.
StartFunction = Callable[[str], Handler]


class Context:
    """The part of Lambda's context object that Powertools reads."""

    function_name = "function"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-west-2:123456789012:function:function"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def __init__(self, remaining_ms: int = 60_000) -> None:
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left until Lambda's timeout, in ms."""
        return self._remaining_ms


def load_function(function: str) -> ModuleType:
    """Import `functions/<function>/app.py` afresh, as a cold start does."""
    spec = importlib.util.spec_from_file_location(f"{function}_app", FUNCTIONS / function / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
