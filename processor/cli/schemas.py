"""`processor schemas`: register our four schemas, check a registry against them, show them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from processor.cli import ConfigFile
from processor.cli.folding import tell
from processor.shell import schemas
from processor.shell.registry import COMPATIBILITY, IncompatibleError, Registry
from processor.shell.settings import Topics, load_registry_access

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is to be said of one subject."""

    level: Level
    subject: str
    text: str

    def __str__(self) -> str:
        """Return it as it is printed."""
        return f"{self.level:<8} {self.subject}: {self.text}"


@app.command()
def register(config: ConfigFile = None) -> None:
    """Register the four schemas, with FULL_TRANSITIVE compatibility of their subjects."""
    _run(config, register_all, code=1)


@app.command()
def check(config: ConfigFile = None) -> None:
    """Compare the registry with our schemas; exit with 3 when something is to be done."""
    _run(config, check_all, code=3)


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(help="A record, such as OrderPaid.")] = None,
) -> None:
    """Print the names of the schemas, or one of them as JSON."""
    if name is None:
        typer.echo("\n".join(schemas.ALL))
    elif name in schemas.ALL:
        typer.echo(schemas.text(name))
    else:
        typer.echo(f"There is no schema {name}: there are {', '.join(schemas.ALL)}.", err=True)
        raise typer.Exit(2)


def subjects(topics: Topics) -> tuple[tuple[str, str], ...]:
    """Return each subject with the name of its schema, in the order of `schemas.ALL`."""
    names = (topics.order_paid, topics.cart_abandoned, topics.results, topics.dead_letters)
    return tuple(
        (schemas.subject(topic), name) for topic, name in zip(names, schemas.ALL, strict=True)
    )


def register_all(registry: Registry, topics: Topics) -> Iterable[Line]:
    """Register what is missing, subject by subject; one line for each."""
    for subject, name in subjects(topics):
        try:
            schema_id = registry.register(subject, schemas.text(name))
        except IncompatibleError as error:
            yield Line(level="error", subject=subject, text=str(error))
        else:
            yield Line(level="ok", subject=subject, text=f"{name} is registered as id {schema_id}")


def check_all(registry: Registry, topics: Topics) -> Iterable[Line]:
    """Compare each subject with our schema; one line for each."""
    for subject, name in subjects(topics):
        yield _check(registry, subject, name, schemas.text(name))


def _check(registry: Registry, subject: str, name: str, text: str) -> Line:
    schema_id = registry.lookup(subject, text)
    if schema_id is None and not registry.check_compatibility(subject, text):
        wrong = f"{name} is not registered, and not compatible with what is."
        remedy = "See which schema its producer registered, and mend that or use another topic."
        return Line(level="error", subject=subject, text=f"{wrong} {remedy}")
    if schema_id is None:
        wrong = f"{name} is not registered. Run `processor schemas register`."
        return Line(level="warning", subject=subject, text=wrong)
    level = registry.compatibility(subject)
    if level != COMPATIBILITY:
        wrong = f"{name} is registered as id {schema_id}, but the subject's compatibility is"
        remedy = f"{level or 'the default'}, not {COMPATIBILITY}. Run `processor schemas register`."
        return Line(level="warning", subject=subject, text=f"{wrong} {remedy}")
    return Line(level="ok", subject=subject, text=f"{name} is registered as id {schema_id}")


def _run(config: ConfigFile, job: Callable[[Registry, Topics], Iterable[Line]], code: int) -> None:
    settings = load_registry_access(config)
    registry = Registry.of(settings.schema_registry)
    try:
        is_well = report(job(registry, settings.topics))
    finally:
        registry.close()
    raise typer.Exit(0 if is_well else code)


def report(lines: Iterable[Line]) -> bool:
    """Print the lines as they come; tell whether all is well."""
    is_well = True
    for line in lines:
        tell(str(line))
        is_well = is_well and line.level == "ok"
    return is_well
