"""From data to a contract: what a source's files show, written down as an ODCS draft for a person to finish.

Pure: evidence goes in, a contract comes out. sluice.adapters.duck measures, sluice.stream.drafting puts both together.
"""
