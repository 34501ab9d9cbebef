"""Where the simulated venue's prices come from: a seeded model, or a file replayed. No Twisted, no clock.

``instruments`` and ``house`` say what is traded, ``calendar`` when; ``feed`` is the interface that every source
satisfies: ``modelled`` the seeded one over ``model`` (the price tree), ``replay`` the one over a file, ``joined``
several as one.
"""
