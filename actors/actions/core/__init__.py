"""The core actions `core.*` and StackStorm's variants of them, registered when this package is imported.

ask         a question to people
basic       noop, echo, fail, log, sleep
http        one request, bounded in time, redirects, size and addresses
local       one command in its own process group, bounded in time and output
wait_for    an event
stackstorm  the inputs and results that Orquesta definitions expect; _remote through ssh, _mail through sendmail

docs/actions.md describes every action. A test compares that page with the code.
"""

from stretto.actors.actions.core import (
    ask,
    basic,
    http,
    local,
    stackstorm,
    stackstorm_mail,
    stackstorm_remote,
    wait_for,
)

__all__ = ["ask", "basic", "http", "local", "stackstorm", "stackstorm_mail", "stackstorm_remote", "wait_for"]
