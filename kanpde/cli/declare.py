"""Commands from frozen dataclasses of options: what Typer wants, made of the fields."""

from __future__ import annotations

import copy
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from inspect import Parameter, Signature
from typing import Annotated, Any, get_args, get_type_hints

import typer

from kanpde.cli.interrupt import interruptible
from kanpde.cli.messages import Answer, divert_output, format_json, show_word
from kanpde.distributed.environment import require_one_process


@dataclass(frozen=True)
class Command:
    """A command: its name, its help, a frozen dataclass of options, and who runs it.

    Each field of `options` is an argument or an option, as its `Annotated` type says. `runs` is
    "module:function" below kanpde.cli; the function takes the options as one value, and returns
    the exit code, an `Answer`, or None. It is imported only when it is called: `--help` answers at
    once. Options named `quiet` and `json` mean the same for each command that has them.
    """

    name: str
    help: str
    options: type[Any]
    runs: str
    # A line that a reader may type.
    example: str = ""
    # Whether several ranks of torchrun may share its work.
    ranked: bool = False

    def run(self, options: Any) -> None:
        """Import what runs the command, and run it."""
        if not self.ranked:
            require_one_process(f"kanpde {self.name}")
        quiet, as_json = (getattr(options, name, False) for name in ("quiet", "json"))
        with interruptible():
            with divert_output(quiet=quiet, as_json=as_json):
                found = self._load()(options)
            answer = found if isinstance(found, Answer) else Answer(found or 0)
            if as_json and answer.data is not None:
                print(format_json(answer.data))
        if answer.code:
            raise typer.Exit(answer.code)

    def _load(self) -> Callable[[Any], Answer | int | None]:
        """What runs the command; a terminal shows a word while torch and SymPy are imported."""
        module, _, function = self.runs.partition(":")
        first = f"kanpde.cli.{module}" not in sys.modules
        with show_word("starting ..."), _without_collections():
            found: Callable[[Any], Answer | int | None] = getattr(
                import_module(f"kanpde.cli.{module}"), function
            )
        if first:
            # What was imported stays: searching it again and again for cycles took 5 of the
            # 14 CPU seconds of a cavity that is trained for 5.
            gc.freeze()
        return found


@contextmanager
def _without_collections() -> Iterator[None]:
    """No search for cycles in memory during imports: it took 0.5 of their 3.3 s and found none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def add_commands(app: typer.Typer, commands: Sequence[Command]) -> None:
    """Declare commands in the order of the help."""
    for command in commands:
        shown = f"For example: {command.example}" if command.example else None
        app.command(command.name, help=command.help, epilog=shown)(_build_function(command))


def _build_function(command: Command) -> Any:
    """A function whose parameters are the fields of the command's options."""

    def run(**values: Any) -> None:
        command.run(command.options(**values))

    hints = {
        name: _hide_type_of_flag(hint)
        for name, hint in get_type_hints(command.options, include_extras=True).items()
    }
    parameters = [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(command.options)
    ]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = hints
    return run


def _hide_type_of_flag(hint: Any) -> Any:
    """A flag without `<bool>` in the help, which looks as if a value were wanted."""
    kind, *extras = get_args(hint) or (hint,)
    if kind is not bool:
        return hint
    shown = []
    for each in extras:
        option = copy.copy(each)
        option.metavar = ""
        shown.append(option)
    return Annotated[bool, *shown]
