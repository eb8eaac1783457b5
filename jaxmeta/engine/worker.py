"""A worker process: a local engine at the other end of a line (see `workers`)."""

import os
import pickle
import threading
from multiprocessing.connection import Connection

import cloudpickle

from jaxmeta.engine.local import Local


def main(descriptor: int) -> None:
    """Hear the recipes, say what engine they make, then run what is wanted until the line ends."""
    connection = Connection(descriptor)
    try:
        recipes = cloudpickle.loads(connection.recv_bytes())
        engine = Local(recipes)
        here = [engine.surroundings(n) for n in range(len(recipes))]
        connection.send((engine.lanes, here))
    except Exception as error:
        connection.send(_portable(error))
        raise

    def listen() -> None:
        try:
            while True:
                engine.want(connection.recv())
        except (EOFError, OSError):
            os._exit(0)  # nobody is there to hear of what runs: at once, in the middle of it

    threading.Thread(target=listen, daemon=True).start()
    with engine:
        while True:
            try:
                events = engine.next()
            except Exception as error:
                connection.send(_portable(error))
                raise
            connection.send(events)


def _portable(error: Exception) -> Exception:
    """The error, or where it cannot be sent, as `Connection.send` does it, its words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 whatever it holds
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
