"""
The rows of the return code table (gateway.md 8.1, 8.2), as one reads a table.

Where the two editions of the reference disagree, both meanings stand as printed.
"""

from __future__ import annotations

from typing import Final


# code | cause | who must act | what became of the call | the same call | English | Chinese
ROWS: Final = """
0000 | success | nobody | accepted | not again | success | 成功
00060999 | busy | umf | unknown | again | system error or busy | 系统错误或繁忙
00060700 | request | merchant | not_executed | not again | data validation failed | 数据校验失败
00060710 | signature | merchant | not_executed | not again | merchant signature invalid | 商户签名无效
00060711 | permission | umf | not_executed | not again | merchant not registered | 商户未开通
00060720 | card | customer | not_executed | not again | phone number wrong | 手机号错误
00060721 | card | customer | not_executed | not again | payer does not have the chosen (online) bank | 付款方未开通所选（网上）银行
00060722 | card | customer | not_executed | not again | choose another paying bank | 请选择其他支付银行
00060723 | card | customer | not_executed | not again | payment password wrong, enter again | 支付密码错误，请重新输入
00060724 | card | customer | not_executed | not again | password wrong more than 3 times | 密码错误超过三次，支付失败
00060730 | card | customer | not_executed | not again | balance too low | 余额不足
00060740 | request | merchant | not_executed | not again | payment order could not be created | 支付订单创建失败
00060750 | state | customer | not_executed | not again | payment failed | 支付失败
00060751 | state | customer | not_executed | not again | payment expired | 支付超时，已冲正
00060760 | state | merchant | not_executed | not again | payment does not exist | 支付不存在
00060761 | state | nobody | accepted | not again | payment being processed | 支付处理中
00060762 | state | merchant | not_executed | not again | order expired, place a new one | 订单已过期，请重新下单
00060763 | state | merchant | not_executed | not again | order closed | 订单已关闭
00060764 | state | customer | not_executed | not again | order not paid | 订单未支付
00060765 | state | customer | not_executed | not again | payment failed | 支付失败，请选择其他支付方式
00060766 | refund | merchant | not_executed | not again | refund not allowed | 不允许退款
00060767 | refund | umf | not_executed | not again | refund request failed | 退款请求失败
00060768 | refund | merchant | not_executed | not again | refund amount does not match paid amount | 退款金额与支付金额不符
00060769 | state | merchant | not_executed | not again | withdrawal or cancellation not allowed | 不允许撤销
00060770 | refund | merchant | not_executed | not again | cancelled amount does not match paid amount | 撤销金额与支付金额不符
00060022 | identity | customer | not_executed | not again | ID number not valid | 证件号码无效
00060076 | card | customer | not_executed | not again | bank card account not supported | 不支持该银行卡账户
00060101 | card | customer | not_executed | not again | bank card already registered | 银行卡已注册
00060100 | card | customer | not_executed | not again | phone already registered | 手机号已注册
00060105 | identity | customer | not_executed | not again | real-name check failed | 实名认证失败
00060114 | permission | umf | not_executed | not again | merchant permission restricted | 商户权限受限
00060310 | permission | customer | not_executed | not again | user has not signed this merchant's agreement | 用户未签约该商户协议
00060314 | permission | customer | not_executed | not again | user not registered | 用户未注册
00060315 | permission | customer | not_executed | not again | user not active | 用户未激活
00281017 | exchange | merchant | not_executed | not again | currency not accepted by or not open for the merchant | 币种不支持或商户未开通
00200005 | sms_code | customer | not_executed | not again | SMS code not found | 短信验证码不存在
00202012 | customs | merchant | not_executed | not again | customs not supported | 不支持该海关
00202013 | customs | merchant | not_executed | not again | customs data already updated, no second update | 海关信息已更新，不可再次更新
00202014 | customs | merchant | not_executed | not again | order is not to be declared but declaration was asked | 订单无需报关但提交了报关
00202015 | customs | merchant | not_executed | not again | no such sub order | 子订单不存在
00202016 | customs | merchant | not_executed | not again | no goods record | 无商品备案
00202000 | exchange | umf | not_executed | again | exchange rate answer has bad parameters | 汇率应答参数错误
00202001 | exchange | merchant | not_executed | not again | foreign amount empty | 外币金额为空
00202002 | exchange | merchant | not_executed | not again | foreign amount must be an integer | 身份证号不存在
00202003 | exchange | merchant | not_executed | not again | foreign amount must be above 0 | 外币金额必须大于 0
00202005 | request | merchant | not_executed | not again | order extension update failed | 银行卡号错误
00202006 | request | merchant | not_executed | not again | order extension update failed: ID type conversion | 订单扩展更新失败：证件类型转换
00202007 | request | merchant | not_executed | not again | cross-border extension update failed | 跨境扩展更新失败
00202008 | request | merchant | not_executed | not again | cross-border order data missing | 跨境订单数据缺失
00202009 | refund | merchant | not_executed | not again | refund amount wrong | 身份证号错误
00202010 | refund | merchant | not_executed | not again | refund amount differs from original order amount | 请求中的订单金额不一致，退款失败
00202011 | refund | merchant | not_executed | not again | refund currency differs from original currency | 退款币种与原订单币种不一致
00200086 | sms_code | customer | not_executed | again | SMS code only once per minute | 每分钟只能获取一次短信验证码
00290502 | identity | customer | not_executed | not again | ID number and name do not match | 证件号码与姓名不匹配
00200025 | card | customer | not_executed | not again | card data wrong | 银行卡信息错误
00200026 | card | customer | not_executed | not again | card expired | 银行卡已过期
00080706 | sms_code | customer | not_executed | again | more than one SMS code per minute | 一分钟内只能获取一次验证码
00060875 | card | customer | not_executed | not again | card BIN check failed | 卡 BIN 校验失败
00080707 | sms_code | merchant | not_executed | not again | too many SMS codes for this order | 该订单获取验证码次数过多
00200027 | permission | umf | not_executed | not again | bank not open for this merchant | 未配置渠道
00060869 | permission | umf | not_executed | not again | goods not registered with UMF | 商品未在联动优势备案
00280703 | token | nobody | not_executed | again | token invalid or expired | 令牌无效或已过期
00060861 | refund | nobody | accepted | not again | refund accepted, money being paid out | 退款已受理，正在出款
00160079 | identity | customer | not_executed | not again | ID check: refused | 身份核验：未通过
00160080 | identity | customer | not_executed | not again | ID check: refused | 身份核验：未通过
00160104 | identity | customer | not_executed | not again | ID check: refused | 身份核验：未通过
00240632 | rate_limit | merchant | not_executed | again | too frequent, wait one minute | 操作过于频繁，请等待一分钟
00290501 | identity | customer | not_executed | not again | ID check: refused | 身份核验：未通过
"""
