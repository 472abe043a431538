"""The client for programs with an event loop, on asyncio or trio.

`_sync` is made from this package by `tools/derive_sync.py`: change it here.
"""
