"""When will it be done: Monte Carlo from history, hidden while there is too little of it, tested on the past."""

from sluice.forecast.calibration import Calibration, PastRequest, backtest
from sluice.forecast.experience import FLOOR, Experience, learn
from sluice.forecast.request import Forecast, Slip, forecast, promise, slip
from sluice.forecast.roadmap import Roadmap, roadmap

__all__ = [
    "FLOOR",
    "Calibration",
    "Experience",
    "Forecast",
    "PastRequest",
    "Roadmap",
    "Slip",
    "backtest",
    "forecast",
    "learn",
    "promise",
    "roadmap",
    "slip",
]
