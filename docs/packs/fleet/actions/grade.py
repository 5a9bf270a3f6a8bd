"""Grades a host: parameters come as JSON on standard input, the result goes as JSON to standard output."""

import json
import sys

from grading import grade

parameters = json.load(sys.stdin)
json.dump({"host": parameters["host"], "grade": grade(parameters["load"], parameters["warn_at"])}, sys.stdout)
