"""The command line of `python -m dev release`. Each command imports what it needs, so that `--help` is fast."""

from typing import Annotated

import typer

from ops.options import examples

release_app = typer.Typer(
    name="release",
    help="Steps of `make build` and `make deploy`.",
    epilog=examples("make deploy ENV=dev", "python -m dev release event-schemas"),
    no_args_is_help=True,
    rich_markup_mode=None,
)

Environment = Annotated[str, typer.Argument(metavar="ENV", help="Environment of samconfig.toml: dev, prod or local.")]


@release_app.command(epilog=examples("env $(python -m dev release build-target prod) sam build --config-env prod"))
def build_target(environment: Environment) -> None:
    """Print what the layer is built for.

    The Python version and the platform, as variables of its makefile.
    """
    from dev.release.build_target import print_build_target

    print_build_target(environment)


@release_app.command(epilog=examples("python -m dev release stamp-version prod"))
def stamp_version(environment: Environment) -> None:
    """Stamp the built template.

    So the deployment publishes new function versions. Prints nothing.
    """
    from dev.release.version_stamp import stamp_build

    stamp_build(environment)


@release_app.command(epilog=examples("python -m dev release protect-stack prod"))
def protect_stack(environment: Environment) -> None:
    """Set the stack policy.

    So CloudFormation never replaces or deletes resources that hold data. Prints nothing.
    """
    from dev.release.stack_policy import protect_stack as protect

    protect(environment)


@release_app.command(epilog=examples("python -m dev release event-schemas"))
def event_schemas() -> None:
    """Generate docs/events.schema.json and docs/asyncapi.json.

    From the models of the published events. Prints nothing.
    """
    from dev.release.event_schemas import write

    write()
