"""``python -m jupyter_mlops`` is the command line."""

from jupyter_mlops.interfaces.cli import main

if __name__ == "__main__":
    main()
