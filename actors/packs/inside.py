"""The worker's side of packs' Python actions: it runs their functions and scripts.

It imports nothing but the standard library and the worker's line to its daemon, because it runs in the pack's own
interpreter.
"""

import importlib.util
import io
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

from stretto.actors.packs import stand_in, stand_in_library
from stretto.actors.workers import DaemonLog

_OWN: Final = frozenset({__file__, stand_in.__file__, stand_in_library.__file__})
_modules: dict[str, ModuleType] = {}
_scripts: dict[str, CodeType] = {}


class Streams:
    """The standard streams of the process, which each call finds as the first one did."""

    def __init__(self) -> None:
        self._kept = {number: os.dup(number) for number in (1, 2)}
        self._own: dict[str, Any] = {"stdout": sys.stdout, "stderr": sys.stderr}

    def restore(self) -> None:
        """Undo what a call may have done to the streams."""
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(self._kept[number], number)
            if self._own[name] is None or self._own[name].closed:
                self._own[name] = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor
            setattr(sys, name, self._own[name])


def make_handler() -> Callable[[bytes | bytearray], bytes]:
    """Return the handler of a worker's calls."""
    streams = Streams()
    logging.getLogger().addHandler(DaemonLog())

    def handle(data: bytes | bytearray) -> bytes:
        call = json.loads(data)
        streams.restore()
        os.chdir(call["folder"])
        before = {name: os.environ.get(name) for name in call["variables"]}
        os.environ.update(call["variables"])
        try:
            answer = _answer(call)
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        return _encoded(answer)

    return handle


def _answer(call: dict[str, Any]) -> dict[str, Any]:
    if "failed" in call:
        return {"failed": call["failed"]}
    if call.get("class"):
        return _call_class(call)
    return _call_function(call) if call["function"] else _run_script(call)


def _call_class(call: dict[str, Any]) -> dict[str, Any]:
    """Run an action of a class, as StackStorm does: an exception is its end, with the traceback on standard error."""
    stand_in_library.provide()
    try:
        found = getattr(_module(call["program"]), call["class"])
        succeeded, result = stand_in.call_action(found, call["config"], call["parameters"])
    except BaseException as error:  # noqa: BLE001 - as an interpreter does
        sys.stderr.write(_traceback(error))
        return {"exit_code": 1}
    return {"exit_code": 0 if succeeded else 1, "value": result}


def _encoded(answer: dict[str, Any]) -> bytes:
    try:
        return json.dumps(answer, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        if "value" in answer:
            return _encoded_as_stackstorm_does(answer)
        return json.dumps({"not_data": f"the action's result is not JSON-like data: {error}"}).encode()


def _encoded_as_stackstorm_does(answer: dict[str, Any]) -> bytes:
    try:
        return json.dumps({**answer, "value": stand_in.plain(answer["value"])}).encode()
    except Exception as error:  # noqa: BLE001 - the text of a value is made by code of the pack
        return json.dumps({"not_data": f"the action's result has no text: {_described(error)}"}).encode()


def _call_function(call: dict[str, Any]) -> dict[str, Any]:
    try:
        function = getattr(_module(call["program"]), call["function"])
        return {"result": function(**call["parameters"])}
    except BaseException as error:  # noqa: BLE001 - any exception is the action's failure, and must not end the worker
        return {"error": _described(error), "traceback": _traceback(error)}


def _module(program: str) -> ModuleType:
    """Return the module of a file, which is executed for its first call."""
    if program not in _modules:
        _find_neighbours(program)
        spec = importlib.util.spec_from_file_location(f"action_{Path(program).stem}", program)
        if spec is None or spec.loader is None:
            raise ImportError(f"{program} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module.__name__] = module
        spec.loader.exec_module(module)
        _modules[program] = module
    return _modules[program]


def _run_script(call: dict[str, Any]) -> dict[str, Any]:
    """Run a file as `__main__`, with its own standard input and arguments."""
    program = call["program"]
    main, argv = sys.modules["__main__"], sys.argv
    module = ModuleType("__main__")
    module.__dict__.update(__file__=program, __builtins__=__builtins__)
    given = io.TextIOWrapper(io.BytesIO(call["stdin"].encode()), encoding="utf-8")
    descriptor = _memory_file(call["stdin"].encode())
    os.dup2(descriptor, 0)
    os.close(descriptor)
    sys.modules["__main__"], sys.argv, sys.stdin = module, [program, *call["argv"]], given
    try:
        _find_neighbours(program)
        if program not in _scripts:
            _scripts[program] = compile(Path(program).read_bytes(), program, "exec", dont_inherit=True)
        exec(_scripts[program], module.__dict__)  # noqa: S102 - running the pack's script is what this is for
    except SystemExit as error:
        return {"exit_code": _exit_code(error.code)}
    except BaseException as error:  # noqa: BLE001 - as an interpreter does
        sys.stderr.write(_traceback(error))
        return {"exit_code": 1}
    finally:
        sys.modules["__main__"], sys.argv = main, argv
        _close_stdin()
    return {"exit_code": 0}


def _exit_code(code: Any) -> int:
    if code is None or isinstance(code, int):
        return int(code or 0) & 0xFF
    print(code, file=sys.stderr)  # noqa: T201 - as an interpreter does
    return 1


def _memory_file(data: bytes) -> int:
    descriptor = os.memfd_create("stdin", os.MFD_CLOEXEC)
    os.write(descriptor, data) if len(data) < 2**16 else _write_all(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _write_all(descriptor: int, data: bytes) -> None:
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)


def _close_stdin() -> None:
    """Put nothing in the place of the standard input, which may hold secrets."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = io.TextIOWrapper(io.BytesIO())


def _find_neighbours(program: str) -> None:
    folder = os.path.dirname(program)  # noqa: PTH120 - a call of each item
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _traceback(error: BaseException) -> str:
    """Return an exception's traceback, without the frames of the worker's own code at its begin."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename in _OWN:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def _described(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the pack's exception class may raise anything here
        text = "(the message cannot be read)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
