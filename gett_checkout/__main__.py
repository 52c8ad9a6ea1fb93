"""``python -m gett_checkout``: the same as the ``gett-checkout`` command."""

from gett_checkout._cli import main

if __name__ == "__main__":
    raise SystemExit(main())
