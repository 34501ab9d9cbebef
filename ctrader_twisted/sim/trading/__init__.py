"""The venue's trading: what its accounts hold, how orders are carried out, and what it costs, to the cent.

It shares nothing with the client but the reading and writing of messages; its arithmetic is its own.
"""
