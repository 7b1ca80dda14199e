"""Each SDK lives in exactly one module or package here; the rest of Sluice knows only the ports."""
