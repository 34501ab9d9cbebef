"""What ``twistd`` offers once ctrader_twisted is installed: ``twistd ctrader`` and ``twistd ctrader-sim``.

Every run of ``twistd`` reads this file, whatever it was asked to do, so it names its modules as strings and imports
nothing of ours.
"""

from twisted.application.service import ServiceMaker

daemon = ServiceMaker(
    "ctrader",
    "ctrader_twisted.service",
    "Stream and record market data from Spotware's cTrader Open API.",
    "ctrader",
)

venue = ServiceMaker(
    "ctrader-sim",
    "ctrader_twisted.sim.service",
    "A simulated cTrader venue to develop and test against.",
    "ctrader-sim",
)
