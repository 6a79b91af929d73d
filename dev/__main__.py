"""Run `python -m dev`, the commands for developing this project."""

from ops.errors import exit_on_error

if __name__ == "__main__":
    with exit_on_error():
        from dev.cli import app

        app()
