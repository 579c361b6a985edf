"""What `kanpde list` and `kanpde init` do with the shipped problems."""

from __future__ import annotations

from kanpde.cli.messages import Answer
from kanpde.cli.options.solve import InitOptions, ListOptions
from kanpde.errors import KanpdeError
from kanpde.problem.library import copy_problem, list_parameters, shipped
from kanpde.problem.starts import write_start


def run_list(_: ListOptions) -> Answer:
    """Print the names, titles and parameters of the shipped problems."""
    names = shipped()
    settings = {name: list_parameters(name) for name in names}
    width = max(map(len, names), default=0)
    for name, title in names.items():
        print(f"{name:{width}}  {title}")
        if settings[name]:
            given = ", ".join(f"{key}={value}" for key, value in settings[name].items())
            print(f"{'':{width}}    --set {given}")
    problems = [
        {"name": name, "title": title, "parameters": settings[name]}
        for name, title in names.items()
    ]
    return Answer(data={"problems": problems})


def run_init(options: InitOptions) -> None:
    """Copy a shipped problem file, or write one of an equation on a shape."""
    if options.problem and options.source:
        raise KanpdeError(
            f"there are two problems, {options.problem} and --from {options.source}; name one"
        )
    name = options.problem or options.source
    if not name:
        raise KanpdeError(
            "there is no problem to begin with; name a shipped one (`kanpde list`), or an "
            "equation and a shape, such as `kanpde init --from heat --shape disc`"
        )
    if options.shape:
        target = write_start(name, options.shape, options.out)
    else:
        target = copy_problem(name, options.out)
    print(f"wrote {target}; solve it with `kanpde solve {target}`")
