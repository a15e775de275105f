from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from jupyter_mlops.explanation.preprocessing import unwrap

if TYPE_CHECKING:
    import pandas as pd

AGES, WORDS = ["age", "age_b"], ["job", "city"]


def filled(*more: Any) -> Any:
    return make_pipeline(SimpleImputer(), *more)


def double(values: Any) -> Any:
    return 2 * values


@pytest.mark.parametrize(
    "step, owners",
    [
        (
            make_column_transformer(
                (filled(StandardScaler()), AGES), (OneHotEncoder(), WORDS), verbose_feature_names_out=False
            ),
            [0, 1, 2, 2, 2, 3, 3],
        ),
        (
            make_column_transformer((OneHotEncoder(drop="first"), ["city", "job"]), (SimpleImputer(), AGES)),
            [3, 2, 2, 0, 1],
        ),
        (make_column_transformer((SimpleImputer(add_indicator=True), slice("age", "age_b"))), [0, 1, 0]),
        (
            make_column_transformer(
                (OrdinalEncoder(), [2, -1]), (SimpleImputer(), [True, True, False, False])
            ),
            [2, 3, 0, 1],
        ),
        (make_column_transformer((TargetEncoder(), ["job"]), remainder="passthrough"), [2, 0, 1, 3]),
        (make_column_transformer((OneHotEncoder(), ["city"]), remainder="drop"), [3, 3]),
        (make_column_transformer((filled(SplineTransformer(n_knots=3)), AGES)), [0] * 5 + [1] * 5),
        (
            make_column_transformer(
                (filled(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf")), AGES)
            ),
            [0] * 3 + [1] * 3,
        ),
        (make_column_transformer((filled(PCA(1)), ["age_b"])), [1]),
        (make_column_transformer((make_union(SimpleImputer(), MissingIndicator()), ["age"])), [0, 0]),
        (
            make_column_transformer((make_union(SimpleImputer(), MissingIndicator(features="all")), AGES)),
            [0, 1, 0, 1],
        ),
        (make_column_transformer((make_union(filled(PCA(2)), SimpleImputer()), AGES)), None),
        (make_column_transformer((filled(FunctionTransformer(np.exp)), AGES)), [0, 1]),
        (make_column_transformer((FunctionTransformer(double), ["age_b"])), [1]),
        (make_column_transformer(("passthrough", ["age_b"]), (filled(VarianceThreshold()), ["age"])), [1, 0]),
        (make_column_transformer((filled(PCA(2)), AGES)), None),
        (make_column_transformer((filled(PolynomialFeatures(2)), AGES)), None),
        (make_column_transformer((filled(Normalizer()), AGES)), None),
        (make_column_transformer((KNNImputer(), AGES)), None),
        (make_column_transformer((filled(FunctionTransformer(double)), AGES)), None),
    ],
)
def test_what_a_step_makes_is_traced_to_the_column_it_was_made_of(
    people: pd.DataFrame, bought: pd.Series, step: Any, owners: list[int] | None
):
    step.fit(people, bought)
    model = make_pipeline(step, LinearRegression())
    found = unwrap(model, people.shape[1])
    assert (found is None) == (owners is None)
    if found is not None and owners is not None:
        steps, final = found
        assert steps.owners.tolist() == owners
        assert isinstance(final, LinearRegression)
        assert steps.transform(people[:2]).shape == (2, len(owners))


def test_owners_are_what_changing_a_column_changes(people: pd.DataFrame):
    step = make_column_transformer(
        (filled(StandardScaler(), SplineTransformer(n_knots=4)), AGES),
        (OneHotEncoder(min_frequency=3, sparse_output=False), WORDS),
    )
    step.fit(people)
    found = unwrap(make_pipeline(step, LinearRegression()), 4)
    assert found is not None
    before = found[0].transform(people)
    for place, name in enumerate(people.columns):
        changed = found[0].transform(people.assign(**{name: people[name].to_numpy()[::-1]}))
        assert set(np.flatnonzero((changed != before).any(axis=0))) <= set(
            np.flatnonzero(found[0].owners == place)
        )


def test_a_search_is_its_best_pipeline(people: pd.DataFrame, bought: pd.Series):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LinearRegression()), {"linearregression__positive": [True]}, cv=2
    ).fit(people[["age_b"]], bought)
    found = unwrap(search, 1)
    assert found is not None
    assert isinstance(found[1], LinearRegression)
    assert len(found[0].steps) == 1


def test_parts_are_summed_up_by_column(people: pd.DataFrame):
    step = make_column_transformer((OneHotEncoder(), WORDS), (SimpleImputer(), AGES)).fit(people)
    found = unwrap(make_pipeline(step, LinearRegression()), 4)
    assert found is not None
    parts = np.arange(14, dtype=float).reshape(1, 2, 7)
    assert found[0].back(parts).tolist() == [[[5, 6, 0 + 1 + 2, 3 + 4], [12, 13, 7 + 8 + 9, 10 + 11]]]
