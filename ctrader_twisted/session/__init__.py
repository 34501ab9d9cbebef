"""What a conversation with the server means: states, requests and their answers, limits, what must stand. No
Twisted, no clock.
"""
