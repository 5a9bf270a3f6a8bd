#!/bin/sh
set -eu
echo "$ATTUNE_ACTION_HOST is $ATTUNE_ACTION_GRADE"
