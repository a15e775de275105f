"""What a database answers to a query, as a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.data.sources import without_credentials
from jupyter_mlops.errors import DataError, SettingsError

if TYPE_CHECKING:
    import pandas as pd

# What keeps a database from being changed, whatever the query says; PostgreSQL's transactions only read anyway.
_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "mysql": "SET TRANSACTION READ ONLY",
    "mariadb": "SET TRANSACTION READ ONLY",
}


def ask(url: str, query: str) -> pd.DataFrame:
    """Return the rows that a query gives, in the order that they come in.

    Args:
        url: the database's, as SQLAlchemy writes it; the password in it is shown nowhere.
        query: one statement that gives rows.

    Raises:
        DataError: when the database isn't there or doesn't answer, or the query gives no rows.
    """
    import pandas as pd

    from jupyter_mlops.store.database import DBAPIError

    engine = _engine(url)
    place = without_credentials(url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name in _READ_ONLY:
                connection.exec_driver_sql(_READ_ONLY[engine.dialect.name])
            # For a cursor PostgreSQL takes one statement, and no second one that would end its transaction.
            answer = connection.exec_driver_sql(query, execution_options={"stream_results": True})
            if not answer.returns_rows:
                raise DataError(f"the query to {place} gives no rows", hint="a dataset's query is a SELECT")
            return pd.DataFrame.from_records(
                answer.fetchall(), columns=list(answer.keys()), coerce_float=True
            )
    except DBAPIError as error:
        why = " ".join(str(error.orig).split())
        raise DataError(
            f"{place} doesn't answer the query: {why}", hint="check the query, and who may ask it"
        ) from None


def _engine(url: str) -> Any:
    from jupyter_mlops.store.database import database_file, open_engine

    place = without_credentials(url)
    try:
        engine = open_engine(url)
    except SettingsError:
        raise DataError(
            f"{place} is no database that can be opened",
            hint="write it as SQLAlchemy does, for example postgresql+psycopg://host/name, and install its driver",
        ) from None
    file = database_file(engine)
    # SQLite would make one.
    if file is not None and not file.is_file():
        raise DataError(
            f"no database {file}", hint="sqlite:///file.db is relative, sqlite:////file.db absolute"
        )
    return engine
