"""Run `python -m ops`, the commands for a deployed stack."""

from ops.errors import exit_on_error

if __name__ == "__main__":
    with exit_on_error():
        from ops.cli import app

        app()
