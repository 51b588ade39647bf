"""`python -m journeyman`: the command line without its script."""

from journeyman.cli import main

if __name__ == "__main__":
    main()
