"""Misbehaviour of the token endpoint: late, lost and broken answers."""

from __future__ import annotations

from ctrader_twisted.sim.script.action import Action, named, one_of


@named
def delay_token_answers(delay: float, seconds: float | None = None) -> Action:
    """Let the token endpoint carry requests out at once and answer so much later.

    :param delay: how much later, seconds.
    :param seconds: for how long this goes on; None for ever.
    """
    return lambda venue: venue.oauth_faults.delay_answers(delay, seconds)


@named
def drop_token_answers(count: int = 1, closes: bool = True) -> Action:
    """Let the token endpoint carry the next requests out, and never answer them: the new pair is lost.

    :param count: how many.
    :param closes: whether the connection is closed; if false, it is left waiting.
    """
    return lambda venue: venue.oauth_faults.drop_answers(count, closes)


@named
def break_token_answers(how: str = "html", seconds: float | None = None) -> Action:
    """Let the token endpoint carry nothing out and answer with nonsense.

    :param how: ``"html"``: a page with HTTP 200; ``"500"``: a page with that status; ``"cut"``: half an answer.
    :param seconds: for how long; None for ever.
    """
    one_of("how", how, dict.fromkeys(("html", "500", "cut")))
    return lambda venue: venue.oauth_faults.break_answers(how, seconds)
