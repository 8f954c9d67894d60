"""What editors ask while somebody writes: diagnostics, hover, definitions, completion, quick fixes.

In: texts as they are typed, of files of a project. Out: answers as plain data; `server.py` alone speaks the Language Server
Protocol. No database of a project is asked unless that is switched on.
"""
