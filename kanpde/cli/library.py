"""What `kanpde list` and `kanpde init` do with the shipped problems."""

from __future__ import annotations

from kanpde.cli.options.solve import InitOptions, ListOptions
from kanpde.problem.library import copy_problem, list_parameters, shipped


def run_list(_: ListOptions) -> None:
    """Print the names and titles of the shipped problems."""
    names = shipped()
    width = max(map(len, names), default=0)
    for name, title in names.items():
        print(f"{name:{width}}  {title}")
        if parameters := list_parameters(name):
            settings = ", ".join(f"{key}={value}" for key, value in parameters.items())
            print(f"{'':{width}}    --set {settings}")


def run_init(options: InitOptions) -> None:
    """Copy a shipped problem file."""
    target = copy_problem(options.problem, options.out)
    print(f"wrote {target}; solve it with `kanpde solve {target}`")
