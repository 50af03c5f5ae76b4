"""
The gateway in a box: everybody can try, nobody needs a contract.

It checks signatures, opens sealed fields, enforces the token rule, signs its answers
and notifications, and follows the state machines of docs/reference/gateway.md. What no
material answers is invented and said so where it is done; `EmulatorSettings` switches
between readings.
"""

from umfpay.errors import needs_extra as _needs_extra


with _needs_extra("emulator", by="umfpay.emulator"):
    from umfpay.emulator._app import Emulator
    from umfpay.emulator._credentials import Credentials
    from umfpay.emulator._faults import Fault, FaultPlan
    from umfpay.emulator._gateway_state import CHINA_ZONE, Clock
    from umfpay.emulator._server import Server, serve, serve_app
    from umfpay.emulator._settings import EmulatorSettings


__all__ = [
    "CHINA_ZONE",
    "Clock",
    "Credentials",
    "Emulator",
    "EmulatorSettings",
    "Fault",
    "FaultPlan",
    "Server",
    "serve",
    "serve_app",
]
