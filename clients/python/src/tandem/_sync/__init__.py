"""The client for programs without an event loop.

Made from `_async` by `tools/derive_sync.py`: change it there.
"""
