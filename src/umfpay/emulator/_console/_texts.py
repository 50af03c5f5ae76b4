"""
Every word of the console, in both languages.
"""

from __future__ import annotations

from typing import Final


LANGUAGES: Final = ("en", "zh")

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "action": ("Action", "操作"),
    "advance": ("Forward", "快进"),
    "amount": ("Amount", "金额"),
    "answer": ("Answer", "应答"),
    "approve_papers": ("Approve the papers", "资料审核通过"),
    "at": ("Time", "时间"),
    "attempts": ("Attempts", "投递记录"),
    "authorise": ("Authorise", "授权登录"),
    "authorise_text": (
        "The shop wants to know who you are.",
        "商户请求获取您的微信身份。",
    ),
    "back_to_shop": ("Back to the shop", "返回商户"),
    "bank_page": ("Bank", "银行页面"),
    "body": ("Body", "内容"),
    "cancel": ("Cancel it", "撤销"),
    "cancelled": ("Cancelled: nobody has paid.", "已取消：未付款。"),
    "cashier": ("Cashier", "收银台"),
    "choose": ("How do you want to pay?", "请选择支付方式"),
    "clear": ("Clear all", "全部清除"),
    "clock": ("Clock", "时钟"),
    "close": ("Let it expire", "过期关闭"),
    "customs": ("Customs", "报关"),
    "decline": ("Decline", "拒绝"),
    "disable": ("Disable", "停用"),
    "enable": ("Enable", "启用"),
    "enterprises": ("Companies", "企业"),
    "expired_link": ("There is nothing to pay here.", "此处没有待支付的订单。"),
    "fail": ("Let it fail", "支付失败"),
    "faults": ("Faults", "故障"),
    "file": ("File", "文件"),
    "give_up": ("Give up", "放弃支付"),
    "headers": ("Headers", "请求头"),
    "hits": ("Hits", "命中"),
    "id": ("Id", "编号"),
    "kind": ("Kind", "类型"),
    "left": ("The result is on the way to the shop.", "结果正在通知商户。"),
    "method": ("Method", "方式"),
    "name": ("Name", "名称"),
    "no_such_page": ("There is no such page.", "没有此页面。"),
    "none": ("None yet.", "暂无。"),
    "notifications": ("Notifications", "通知"),
    "order": ("Order", "订单"),
    "paid": ("Paid.", "已支付。"),
    "papers": ("Papers", "资料"),
    "path": ("Path", "路径"),
    "pay": ("Pay", "支付"),
    "payment": ("Payment", "支付"),
    "payments": ("Payments", "支付"),
    "reason": ("Reason", "原因"),
    "refunds": ("Refunds", "退款"),
    "requests": ("Requests", "请求"),
    "resend": ("Resend", "重发"),
    "save": ("Save", "保存"),
    "scan": ("Scan and pay", "扫码支付"),
    "scan_page": ("QR code", "二维码"),
    "seconds": ("Seconds", "秒"),
    "settings": ("Settings", "设置"),
    "size": ("Size", "大小"),
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
    "wechat_page": ("WeChat", "微信支付"),
}


def words(language: str) -> dict[str, str]:
    """
    Return all words in *language*.
    """
    place = LANGUAGES.index(language)

    return {name: pair[place] for name, pair in _WORDS.items()}


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

    return "zh" if accepted.strip().lower().startswith("zh") else "en"
