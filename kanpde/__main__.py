"""`python -m kanpde`: the same as the command `kanpde`."""

from kanpde.cli.app import main

if __name__ == "__main__":
    main()
