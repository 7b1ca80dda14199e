"""Vega, Vega-Lite and Vega-Embed as one script of our own server: what draws the charts, from vl-convert's wheel.

Vega's expressions are interpreted (`ast`), never compiled, so that the pages' policy needs no `unsafe-eval`.
"""

import gzip
import subprocess
import sys
from functools import cache
from importlib.metadata import version

from fastapi import Request
from fastapi.responses import Response

from sluice.errors import RefusedError
from sluice_airflow.web.pages import static

VERSION = version("vl-convert-python")
_PRINT = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())"


@static.get("/vega/{address}.js")
def vega_script(address: str, request: Request) -> Response:
    """The script, compressed where the browser takes it. The address names the version, so it is fetched once."""
    if address != VERSION:
        raise RefusedError("NO_ASSET", f"Vega {address!r} is not served here", where=VERSION, status=404)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(_script(packed), media_type="text/javascript", headers=headers)


@cache
def _script(packed: bool) -> bytes:
    """Made once per server process, by a process of its own: the JavaScript engine that packs it is large."""
    if packed:
        return gzip.compress(_script(False), 6)
    return subprocess.run([sys.executable, "-c", _PRINT], check=True, capture_output=True, timeout=120).stdout
