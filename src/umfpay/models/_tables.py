"""
Tables of the reference: transaction codes and banks (gateway.md 8.3, 8.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


# The hotel rows are printed shifted against the same suffixes elsewhere; as printed.
TRANS_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "01121990": "goods: online shopping, with customs",
        "01122030": "goods: online shopping, outside customs statistics",
        "02223022": "study abroad: tuition, more than 1 year",
        "02223023": "study abroad: tuition, up to 1 year",
        "03222024": "air ticket: cross-border ticket",
        "03223010": "air ticket: business",
        "03223021": "air ticket: medical or health",
        "03223022": "air ticket: study, more than 1 year",
        "03223023": "air ticket: study, up to 1 year",
        "03223029": "air ticket: other private",
        "04223010": "hotel: study, up to 1 year",
        "04223021": "hotel: other private",
        "04223022": "hotel: business",
        "04223023": "hotel: medical or health",
        "04223029": "hotel: study, more than 1 year",
        "05227010": "phone bill: mobile telecom",
        "06223010": "travel: business",
        "06223021": "travel: medical or health",
        "06223022": "travel: study, more than 1 year",
        "06223023": "travel: study, up to 1 year",
        "06223029": "travel: other private",
        "07222012": "transport: sea freight (import)",
        "07222022": "transport: air freight (import)",
        "07222032": "transport: other freight (import)",
        "08227020": "software: software service",
        "08231030": "software: licence to copy or distribute software",
        "09228025": "exhibition: exhibition service",
    }
)

_CREDIT_BANK_LINES: Final = """\
ICBC=Industrial and Commercial Bank of China
CCB=China Construction Bank
ABC=Agricultural Bank of China
BOC=Bank of China
PSBC=Postal Savings Bank of China
COMM=Bank of Communications
CITIC=China Citic Bank
CEB=China Everbright Bank
HXB=Hua Xia Bank
CMBC=China Minsheng Bank
CMB=China Merchants Bank
SHB=Bank of Shanghai
BJB=Bank of Beijing
BEA=Bank of East Asia
CIB=China Industrial Bank
NBB=Bank of Ningbo
SPDB=Shanghai Pudong Development Bank
GDB=Guangdong Development Bank
SPAB=Ping An Bank
BSB=Baoshang Bank
CSCB=Bank of Changsha
CDB=Bank of Chengde
CDRCB=Chengdu Rural Commercial Bank
CRCB=Chongqing Rural Commercial Bank
CQB=Bank of Chongqing
DLB=Bank of Dalian
DYCCB=Dongying Commercial Bank
ORBANK=Erdos Bank
FJNXB=Rural Credit Cooperative of Fujian
GYB=Bank of Guiyang
GCB=Bank of Guangzhou
GRCB=Guangzhou Rural Commercial Bank
HEBB=Harbin Bank
HNNXB=Rural Credit Cooperative of Hunan
HSB=Huishang Bank
BHB=Bank of Hebei
HZCB=Bank of Hangzhou
BOJZ=Bank of Jinzhou
CSRCB=Jiangsu Changshu Rural Commercial Bank
JSB=Bank of Jiangsu
JRCB=Jiangyin Rural Commercial Bank
JJCCB=Bank of Jiujiang
LZB=Bank of Lanzhou
DAQINGB=Bank of Longjiang
QHB=Bank of Qinghai
SHRCB=Shanghai Rural Commercial Bank
SRB=Bank of Shangrao
SDEB=Shunde Rural Commercial Bank
TZCB=Bank of Taizhou
WHSHB=Weihai City Commercial Bank
WFCCB=Bank of Weifang
WZCB=Bank of Wenzhou
URMQCCB=Urumqi City Commercial Bank
WRCB=Wuxi Rural Commercial Bank
YCCB=Yichang City Commercial Bank
YZB=Bank of Yinzhou
CZCB=Zhejiang Chouzhou Commercial Bank
ZJTLCB=Zhejiang Tailong Commercial Bank
MTBANK=Zhejiang Mintai Commercial Bank
NJCB=Bank of Nanjing
NCB=Bank of Nanchang
QLBANK=Qilu Bank
YDRCB=Yaodu Rural Commercial Bank
WJRCB=Wujiang Rural Commercial Bank"""

# Editions disagree on HSB: show the name that the bank list of the gateway gives.
CREDIT_BANKS: Final[Mapping[str, str]] = MappingProxyType(
    dict(line.split("=", 1) for line in _CREDIT_BANK_LINES.splitlines())
)
DEBIT_BANKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        code: CREDIT_BANKS[code]
        for code in (
            "SPDB",
            "CCB",
            "ABC",
            "BOC",
            "CITIC",
            "CEB",
            "CMB",
            "ICBC",
            "CMBC",
            "GDB",
            "COMM",
            "SPAB",
            "HXB",
            "PSBC",
            "CIB",
        )
    }
)
