"""The interactive console: everything the program knows, live on a terminal, and every decision by a key or a click.

The only user of textual. Shows and asks; what is decided goes through the service, as in the chat. The screen is a
picture of the panel and of the store, and never holds up the program that may run in the same loop.
"""
