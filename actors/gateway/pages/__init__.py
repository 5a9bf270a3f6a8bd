"""The pages for people, made on the server: complete without script, and nothing in them is from elsewhere.

pages       the routes: who looks, and which module makes the page
rendering   templates to answers, with the headers that keep a page to itself
asset_files styles and scripts, under a hash of their content
bundling    scripts with all that they import, as one file
forms       what a page sends back
enter       log in with a code or a token
runs        the list of runs
last_day    the runs of the last 24 hours as a drawing
several     what is done to several runs of the list
run_head    what all pages of a run begin with: facts, buttons, tabs
overview    the overview of a run: the task that needs attention
asked       the part of a run that an address asks for
task_graph  the graph of a run
related     the runs of its sub-workflows, the inquiries that it waits for
focus       the task that is shown first, and what its definition says
fan_out     the items of a task in numbers
item_states the states of items, from the bytes of their map
item_panel  one item
run_controls pause, resume, cancel, windows and limits, items: the forms, and the pages that ask
task_controls pause, resume, cancel one task
rerun       what of an ended run is to run again
run_items   its ended items
run_timeline when its tasks ran, as a drawing
run_context its context by version
run_history its entries
run_values  its inputs and its output
run_definition the definition that it runs with, and how often each task ran
filters     the filters of a page in its address
definitions the list of definitions
definition  one definition: its source beside its graph, its parameters, its last runs
source_lines its text line by line, with the findings at their lines
past_runs   the last runs of a workflow as marks
start       the form that starts a run
start_fields its fields, one a parameter
label_lines labels, a line each
form_texts  what people type, as values: JSON, YAML, one a line, CSV
values      values as JSON, and links to large ones
actions     the actions that definitions can call
engine      the daemon itself: figures, limits, the last hour
audit       who asked for which change
tokens      list, make and revoke tokens
queries     the query of a page's URL
schemas     a JSON Schema as a table of fields
sparklines  the last hour of a figure as a line
grouping    lists in which many entries say nearly the same
progress    how far a run is
words       times, numbers and states as people read them
errors      why a request was refused, and what each code means
"""
