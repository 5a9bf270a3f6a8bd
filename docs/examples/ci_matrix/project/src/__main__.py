"""The program that is built: prints a greeting."""

import sys

from greeting import greeting

print(greeting(sys.argv[1]))
