"""The pages for people, made on the server: complete without script, and nothing in them is from elsewhere.

pages       the routes: who looks, and which module makes the page
rendering   templates to answers, with the headers that keep a page to itself
asset_files styles and scripts, under a hash of their content
forms       what a page sends back
enter       log in with a code or a token
runs        the list of runs
several     what is done to several runs of the list
run_head    what all pages of a run begin with: facts, buttons, tabs
run         one run: the overview
run_controls pause, resume, cancel, windows and limits, items: the forms, and the pages that ask
rerun       what of an ended run is to run again
run_values  its inputs and its output
values      values as JSON, and links to large ones
grouping    lists in which many entries say nearly the same
progress    how far a run is
words       times, numbers and states as people read them
errors      why a request was refused, and what each code means
"""
