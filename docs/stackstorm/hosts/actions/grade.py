"""Grades hosts: parameters come as JSON on standard input, the result goes as JSON to standard output."""

import json
import sys

parameters = json.load(sys.stdin)
grades = {each["host"]: "fine" if each["up"] >= parameters["enough"] else "new" for each in parameters["reports"]}
json.dump(grades, sys.stdout)
