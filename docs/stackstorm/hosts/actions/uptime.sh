#!/bin/sh
# $1 is --unit=UNIT, $2 the host: what has a name comes first, then what has a position.
printf '{"host": "%s", "up": %s, "unit": "%s"}\n' "$2" "${#2}" "${1#--unit=}"
