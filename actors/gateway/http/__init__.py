"""The HTTP API: one application for the daemon's port and its UNIX socket.

listeners   connections: accepted, bounded, given to the application
application the application: every request gets an id, is counted, and is answered
endpoints   the routes of `operations`
streams     a run as it goes on
probes      /metrics, /healthz, /readyz
callers     who sends a request
problems    errors as RFC 9457 has them
"""
