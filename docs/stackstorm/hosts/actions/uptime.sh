#!/bin/sh
# $1 is --unit=UNIT, $2 the host: named parameters come first, then positional ones.
printf '{"host": "%s", "up": %s, "unit": "%s"}\n' "$2" "${#2}" "${1#--unit=}"
