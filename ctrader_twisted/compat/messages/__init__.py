"""The message classes and enums in modules of the names that ``ctrader_open_api`` has for them.

The classes are those of `ctrader_twisted.messages`. They are of the schema of 2026, and have what that adds.
"""
