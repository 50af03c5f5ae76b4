"""
What nobody uses is not kept; what only others call is said to be theirs.
"""

from __future__ import annotations

from pathlib import Path

import vulture


ROOT = Path(__file__).parent.parent
PLACES = ("src", "tests", "examples", "benchmarks", "conftest.py", "noxfile.py")

# Whose they are: no program here names them.
CALLED_BY = {
    "Python": {"__getattr__", "__dir__", "__suppress_context__", "_missing_", "memo"},
    "asyncio": {"eof_received"},
    "ftplib": {"getmultiline", "makepasv", "welcome"},
    "httptools": {
        "on_body",
        "on_header",
        "on_headers_complete",
        "on_message_begin",
        "on_message_complete",
        "on_status",
    },
    "logging": {"exc_text"},
    "pycryptodome": {"digest_size"},
    "pyftpdlib": {
        "_restart_position",
        "auth_failed_timeout",
        "banner",
        "logerror",
        "logline",
        "max_cons",
        "on_file_received",
        "on_incomplete_file_received",
        "use_sendfile",
    },
    "SQLAlchemy": {
        "_now",
        "cache_ok",
        "hide_parameters",
        "impl",
        "inherit_cache",
        "load_dialect_impl",
        "process_bind_param",
        "process_result_value",
    },
    "uvicorn": {"should_exit"},
    "zipfile": {"compress_type", "create_system", "external_attr"},
    # Templates of Jinja, code that is generated as text.
    "text": {"is_marked", "is_plain_number"},
    # Members of settings, arguments, rows and entries that users read and write.
    "users": {
        "LIVE_AMERICA",
        "NOTIFICATION",
        "SANDBOX_AMERICA",
        "extra_headers",
        "mobile",
    },
}
# What the gateway sends and takes: members and words of the wire.
WIRE = "src/umfpay/models/"


def unused():
    """
    Return the names in our sources that nothing in this project uses.
    """
    finder = vulture.Vulture(ignore_decorators=["@*.command*", "@*.fixture*"])
    finder.scavenge([str(ROOT / place) for place in PLACES])

    for item in finder.get_unused_code():
        place = Path(item.filename).relative_to(ROOT).as_posix()

        if place.startswith("src/") and not (
            place.startswith(WIRE) and item.typ == "variable"
        ):
            yield item.name, f"{place}:{item.first_lineno}"


def test_nothing_is_kept_that_nobody_uses():
    """
    And nothing is explained that is used, or gone.
    """
    found = dict(unused())
    explained = set().union(*CALLED_BY.values())

    assert {} == {name: at for name, at in found.items() if name not in explained}
    assert set() == explained - found.keys()
