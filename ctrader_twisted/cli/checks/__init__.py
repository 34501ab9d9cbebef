"""``ctrader check``: what is looked at, in the order in which a connection needs it.

* `way` all of it, from the file to the accounts; `intent` what the configuration asks for.
* `files` the configuration, the places of secrets, the token store.
* `environment` the way to a server and what it says; `probes` DNS, TCP and TLS by themselves; `wanted` what to look at.
* `grants` a token; `accounts` an account; `clocks` whether two clocks agree; `login_server` where tokens come from.
* `report` what was found: steps, in order, without secrets; `sentences` an error as a problem and a remedy.
* `printing` a report for people, or as JSON.
"""
