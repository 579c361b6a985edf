"""The program `kanpde`, also as `python -m kanpde`."""

from kanpde.cli.interrupt import interruptible


def main() -> None:
    """Run the command line; an interrupt while it is still loaded ends it with the code 130."""
    with interruptible():
        from kanpde.cli.app import main as run_command_line

        run_command_line()


if __name__ == "__main__":
    main()
