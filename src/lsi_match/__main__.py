"""`python -m lsi_match`: the command line."""

from lsi_match.cli.main import main

if __name__ == "__main__":
    main()
