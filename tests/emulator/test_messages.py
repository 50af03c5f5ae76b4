"""
Requests and answers.
"""

from __future__ import annotations

import json

from umfpay.emulator._messages import control_answer, html_answer, json_answer


def test_pages_and_json_have_their_type():
    """
    A signature is a header.
    """
    assert b"<h1>502</h1>" in html_answer(502).body
    assert "text/html" == html_answer(502).headers["content-type"]
    assert "x" == json_answer(200, b"{}", "x").headers["signature"]
    assert "signature" not in json_answer(200, b"{}").headers


def test_what_a_terminal_would_obey_is_escaped_in_answers_of_the_control_api():
    """
    As JSON escapes it: what is read is what it was.
    """
    value = {"reason": "\x1b[2J\x9b31m\u202e\U000e0041 中文"}
    body = control_answer(200, value).body

    assert body.decode().isprintable()
    assert "中文" in body.decode()
    assert value == json.loads(body)
