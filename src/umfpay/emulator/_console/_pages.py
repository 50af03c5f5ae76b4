"""
Pages of the console: their words in both languages, and the renderer, which escapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any, Final

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


LANGUAGES: Final = ("en", "zh")

_MAX_LANGUAGES: Final = 20
_WORD_TABLE: Final[dict[str, tuple[str, str]]] = {
    "action": ("Action", "操作"),
    "add": ("Add", "添加"),
    "advance": ("Forward", "快进"),
    "ALIPAY_SCAN": ("Alipay", "支付宝"),
    "amount": ("Amount", "金额"),
    "answer": ("Answer", "应答"),
    "approve_papers": ("Approve", "审核通过"),
    "at": ("Time", "时间"),
    "attempts": ("Attempts", "投递记录"),
    "authorise": ("Authorise", "授权登录"),
    "authorise_text": (
        "The shop wants to know who you are.",
        "商户请求获取您的微信身份。",
    ),
    "back_to_shop": ("Back to the shop", "返回商户"),
    "bank_page": ("Online bank", "企业网银"),
    "body": ("Body", "内容"),
    "cancel": ("Cancel it", "撤销"),
    "card": ("Card", "卡号"),
    "cashier": ("Cashier", "收银台"),
    "choose": ("How do you want to pay?", "请选择支付方式"),
    "clear_all": ("Clear all", "全部清除"),
    "clock": ("Clock", "时钟"),
    "close": ("Let it expire", "过期关闭"),
    "company": ("Company", "企业"),
    "CREDIT_CARD": ("Credit card", "信用卡"),
    "customs": ("Customs", "报关"),
    "cut": ("cut off", "连接中断"),
    "day": ("24 h", "24 小时"),
    "DEBIT_CARD": ("Debit card", "借记卡"),
    "disable": ("Disable", "停用"),
    "enable": ("Enable", "启用"),
    "enterprises": ("Companies", "企业"),
    "fail": ("Let it fail", "支付失败"),
    "failed": ("The payment failed.", "支付失败。"),
    "faults": ("Faults", "故障"),
    "file": ("File", "文件"),
    "foreign_form": (
        "The form does not come from a page of this console.",
        "该表单不是由本控制台页面提交的。",
    ),
    "give_up": ("Give up", "放弃支付"),
    "headers": ("Headers", "请求头"),
    "hits": ("Hits", "命中"),
    "hour": ("1 h", "1 小时"),
    "id": ("Id", "编号"),
    "kind": ("Kind", "类型"),
    "long_form": ("The form is too long.", "表单过长。"),
    "method": ("Method", "方式"),
    "name": ("Name", "名称"),
    "no_form": ("This is no form.", "这不是表单。"),
    "no_such_page": ("There is no such page.", "没有此页面。"),
    "none": ("None yet.", "暂无。"),
    "not_paid": ("Nobody has paid.", "未付款。"),
    "nothing_to_pay": ("There is nothing to pay here.", "此处没有待支付的订单。"),
    "notifications": ("Notifications", "通知"),
    "old_form": (
        "The form is old: open the page again.",
        "表单已过期：请重新打开页面。",
    ),
    "order": ("Order", "订单"),
    "other_merchant": ("Of the other merchant", "属于另一商户"),
    "paid": ("Paid.", "已支付。"),
    "paid_with": ("Chosen by the customer", "客户所选方式"),
    "papers": ("Papers", "资料"),
    "path": ("Path", "路径"),
    "pay": ("Pay", "支付"),
    "payment": ("Payment", "支付"),
    "payments": ("Payments", "支付"),
    "probability": ("Probability", "概率"),
    "reason": ("Reason", "原因"),
    "refunds": ("Refunds", "退款"),
    "reject_papers": ("Reject", "审核不通过"),
    "requests": ("Requests", "请求"),
    "resend": ("Resend", "重发"),
    "save": ("Save", "保存"),
    "scan": ("Scan and pay", "扫码支付"),
    "scan_page": ("QR code", "二维码"),
    "seconds": ("Seconds", "秒"),
    "settings": ("Settings", "设置"),
    "size": ("Size", "大小"),
    "skip": ("Spared first", "先放过次数"),
    "sms_code": ("SMS code", "短信验证码"),
    "state": ("State", "状态"),
    "status": ("Status", "状态"),
    "submit": ("Submit", "提交海关"),
    "succeed": ("Let it succeed", "成功"),
    "timeline": ("Timeline", "时间线"),
    "times": ("Times (0: always)", "次数（0 为不限）"),
    "title": ("The gateway in a box", "联动优势网关模拟器"),
    "unsaved": ("That did not work", "操作未成功"),
    "url": ("Address", "地址"),
    "WECHAT_SCAN": ("WeChat", "微信支付"),
    "wechat_page": ("WeChat", "微信支付"),
    "wrong_clock": (
        "Seconds are above 0, and at most a year.",
        "秒数须大于 0 且不超过一年。",
    ),
    "wrong_method": ("Choose one of the methods.", "请选择列出的支付方式。"),
    "wrong_number": ("This is no number.", "这不是数字。"),
    "wrong_verb": (
        "Pages are read, and forms are posted.",
        "页面只能读取，表单只能提交。",
    ),
}
# Line ends and tabs of a body, the space of Chinese text.
_LAYOUT_CHARACTERS: Final = "\n\r\t\u3000"


@attrs.frozen
class Page:
    """
    A template and its members.
    """

    template: str
    members: Mapping[str, Any]
    status: int = attrs.field(default=200, kw_only=True)


class PageRefused(Exception):  # noqa: N818 (an answer, not an error)
    """
    Raised when a browser asks for what it may not, or cannot have.

    Args:
        word: What is wrong, by its name in the table of words.
        detail: What it is about, such as the name of a field.
    """

    def __init__(self, status: int, word: str, detail: str = "") -> None:
        super().__init__(word)
        self.status = status
        self.word = word
        self.detail = detail


class Renderer:
    """
    Renders pages; all text is escaped, and what a terminal or the eye would obey is
    shown: a page may be fetched with curl.

    Args:
        token: What every form carries.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._environment = Environment(
            loader=PackageLoader("umfpay.emulator._console"),
            autoescape=True,
            finalize=_visible,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["moment"] = _moment
        style = resources.files("umfpay.emulator._console") / "style.css"
        self.style: bytes = style.read_bytes()

    def render(
        self, page: Page, *, language: str, now: datetime, switch: str | None
    ) -> bytes:
        """
        Return the HTML of *page*.

        Args:
            switch: Where the same page is in the other language, if anywhere.
        """
        template = self._environment.get_template(page.template)

        return template.render(
            t=words(language),
            language=language,
            switch=switch,
            token=self._token,
            now=f"{now:%Y-%m-%d %H:%M:%S}",
            **page.members,
        ).encode()


def other_language(language: str) -> str:
    """
    Return the language that *language* is not.
    """
    return LANGUAGES[1 - LANGUAGES.index(language)]


def _visible(value: object) -> object:
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value

    return "".join(
        one
        if one.isprintable() or one in _LAYOUT_CHARACTERS
        else one.encode("unicode_escape").decode("ascii")
        for one in value
    )


def _moment(at: str) -> str:
    # As people write it: without the letter T, fractions and the zone.
    return at[:19].replace("T", " ")


def words(language: str) -> dict[str, str]:
    """
    Return all words in *language*.
    """
    place = LANGUAGES.index(language)

    return {name: pair[place] for name, pair in _WORD_TABLE.items()}


def choose(asked: str, cookie: str, accepted: str) -> str:
    """
    Return the language of a page.

    Args:
        asked: The query's ``lang``.
        cookie: What was asked before.
        accepted: The header Accept-Language.
    """
    for one in (asked, cookie):
        if one in LANGUAGES:
            return one

    ranked = [
        (-_quality(part), place, part.partition(";")[0].strip().lower())
        for place, part in enumerate(accepted.split(",")[:_MAX_LANGUAGES])
    ]

    for quality, _, tag in sorted(ranked):
        if quality < 0 and tag.partition("-")[0] in LANGUAGES:
            return tag.partition("-")[0]

    return LANGUAGES[0]


def _quality(part: str) -> float:
    name, _, value = part.partition(";")[2].strip().partition("=")

    if name != "q":
        return 1.0

    try:
        return float(value)
    except ValueError:
        return 0.0
