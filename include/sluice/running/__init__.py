"""Published sources: refreshed, watched, put back when they break, paid for, and one day ended.

Everything here is pure: it works inside one ledger transaction or on plain values, and takes the time as an argument.
"""
