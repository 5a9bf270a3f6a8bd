"""The files of a new project, by their paths in it."""

from typing import Final

_CONFIG: Final = """\
# The settings of `stretto serve --config stretto.yaml`, started in this folder. `stretto config show` prints all.
engine:
  definitions: [definitions]
  packs: [packs]
  # Runs are kept here. The key that encrypts their secrets is stretto.db.key.
  store: sqlite:///stretto.db
  retain_days: 30
logging:
  level: INFO
"""
_DEFINITION: Final = """\
# Greets each name, three at a time: stretto run definitions/greet.yaml 'names=["Ada", "Grace"]' --packs packs
ref: hello.greet
version: "1.0.0"
parameters:
  names: {type: array, items: {type: string}, default: [Ada, Grace]}
tasks:
  - name: compose
    action: hello.compose
    with_items: "{{ parameters.names }}"
    concurrency: 3
    timeout: 30
    retry: {count: 2, delay: 1}
    input: {name: "{{ item }}"}
    next:
      - when: "{{ succeeded() }}"
        do: [count]
  - name: count
    action: core.echo
    input: {message: "{{ task.compose.result | length }} greeted"}
output_map:
  greetings: "{{ task.compose.result | map(attribute='text') | list }}"
  summary: "{{ task.count.result }}"
"""
_REHEARSAL: Final = """\
# A test of greet.yaml that calls no action: stretto rehearse .
workflow: ../definitions/greet.yaml
inputs: {names: [Ada, Grace]}
script:
  - {task: compose, item: 0, result: {text: "Hello, Ada!"}}
  - {task: compose, item: 1, attempt: 1, status: failed}
  - {task: compose, item: 1, result: {text: "Hello, Grace!"}}
expect:
  status: succeeded
  sequence: [compose, count]
  output:
    greetings: ["Hello, Ada!", "Hello, Grace!"]
    summary: 2 greeted
"""
_PACK: Final = """\
ref: hello
label: Hello
description: The actions of this project
version: "1.0.0"
"""
_METADATA: Final = """\
ref: hello.compose
label: Compose a greeting
description: Compose a greeting for a name
runner_type: python
entry_point: compose.py
output_format: json
parameters:
  name: {type: string, required: true}
"""
_ACTION: Final = '''\
"""Composes a greeting. Parameters come as JSON on standard input, the result goes as JSON to standard output."""

import json
import sys

parameters = json.load(sys.stdin)
json.dump({"text": f"Hello, {parameters['name']}!"}, sys.stdout)
'''
_IGNORED: Final = "stretto.db*\n__pycache__/\n"

PROJECT_FILES: Final = {
    "stretto.yaml": _CONFIG,
    "definitions/greet.yaml": _DEFINITION,
    "rehearsals/greet.yaml": _REHEARSAL,
    "packs/hello/pack.yaml": _PACK,
    "packs/hello/actions/compose.yaml": _METADATA,
    "packs/hello/actions/compose.py": _ACTION,
    ".gitignore": _IGNORED,
}
