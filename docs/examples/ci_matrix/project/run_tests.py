"""Runs the examples in the docstrings. Takes the cell of the matrix on standard input, and prints the result as JSON.

Under `python -OO` there are no docstrings, and so no tests, which is a failure.
"""

import doctest
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("src")))

import greeting

cell = json.load(sys.stdin)
result = doctest.testmod(greeting)
if not result.attempted:
    sys.exit("no test was found")
json.dump({**cell, "tests": result.attempted, "failed": result.failed}, sys.stdout)
sys.exit(result.failed > 0)
