"""One thin file per command: parse, call one function, hand the result to a reporter."""
