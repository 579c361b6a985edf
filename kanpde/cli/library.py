"""What `kanpde list` and `kanpde init` do with the shipped problems."""

from __future__ import annotations

from kanpde.cli.messages import Answer
from kanpde.cli.options.solve import InitOptions, ListOptions
from kanpde.problem.library import copy_problem, list_parameters, shipped


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
    """Copy a shipped problem file."""
    target = copy_problem(options.problem, options.out)
    print(f"wrote {target}; solve it with `kanpde solve {target}`")
