"""Register operations: what a commune's office writes down, each one captured transaction, and the bulk import of it.

``records`` are the rows as values, ``effects`` says what events make of a person, ``checks`` what deserves a warning,
``decisions`` which rows a report asks for; all of these are pure. ``lookup`` reads and ``working`` writes;
``operations`` and ``importing`` are the two doors.
"""
