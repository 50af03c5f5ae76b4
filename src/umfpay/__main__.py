"""
``python -m umfpay``: the ``umfpay`` command.
"""

from umfpay.cli import main


if __name__ == "__main__":
    main()
