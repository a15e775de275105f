"""What crosses stages without a variable: the global random generators, and files by their names.

Each is followed like a variable whose name stands in angle brackets: ``<numpy.random>``, ``<file out/x.csv>``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jupyter_mlops.notebook.known import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NUMPY, PYTHON, TORCH = "<numpy.random>", "<random>", "<torch.random>"
FILE = "<file "
_GENERATORS = {"numpy.random": NUMPY, "random": PYTHON, "torch": TORCH}
RANDOM_CALLS = {
    "numpy.random": words(
        "rand randn randint random random_sample random_integers choice shuffle permutation normal uniform binomial "
        "poisson standard_normal exponential beta gamma multivariate_normal ranf sample laplace logistic lognormal "
        "chisquare dirichlet geometric gumbel multinomial negative_binomial pareto power rayleigh standard_cauchy "
        "standard_exponential standard_gamma standard_t triangular vonmises wald weibull zipf bytes f hypergeometric"
    ),
    "random": words(
        "random randint uniform choice choices sample shuffle gauss randrange normalvariate betavariate expovariate "
        "gammavariate lognormvariate vonmisesvariate paretovariate weibullvariate triangular getrandbits"
    ),
    "torch": words(
        "rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial poisson dropout"
    ),
}
SEEDS = {
    "numpy.random": words("seed set_state"),
    "random": words("seed setstate"),
    "torch": words("manual_seed set_rng_state"),
}
SEED_EVERYTHING = words("seed_everything set_seed fix_seed seed_all set_all_seeds set_random_seed")
# Calls of scikit-learn, scipy and seaborn that draw from numpy's global state unless they are given random_state.
TAKE_RANDOM_STATE = words(
    "train_test_split RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor "
    "GradientBoostingClassifier GradientBoostingRegressor HistGradientBoostingClassifier MLPClassifier MLPRegressor "
    "HistGradientBoostingRegressor KMeans MiniBatchKMeans SGDClassifier SGDRegressor RandomizedSearchCV ShuffleSplit "
    "StratifiedShuffleSplit BaggingClassifier BaggingRegressor DecisionTreeClassifier DecisionTreeRegressor "
    "rvs regplot lmplot IsolationForest TSNE make_classification make_regression make_blobs make_moons make_circles"
)
_draw_too = words(
    "AdaBoostClassifier AdaBoostRegressor GaussianMixture BayesianGaussianMixture NMF FastICA MDS SpectralClustering "
    "LatentDirichletAllocation permutation_importance resample make_swiss_roll make_s_curve make_friedman1 "
    "make_gaussian_quantiles make_hastie_10_2 make_sparse_uncorrelated Perceptron SVC LinearSVC RandomTreesEmbedding"
)
_torch_layers = words(
    "Linear Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d Embedding LSTM GRU RNN LSTMCell GRUCell "
    "Transformer TransformerEncoderLayer TransformerDecoderLayer MultiheadAttention LazyLinear xavier_uniform_ "
    "xavier_normal_ kaiming_uniform_ kaiming_normal_ normal_ uniform_ trunc_normal_ orthogonal_"
)


class Effect(NamedTuple):
    """One thing that a call reads, or writes, or both."""

    name: str
    reads: bool
    writes: bool


def is_resource(name: str) -> bool:
    """Tell whether a name stands for something that no variable holds."""
    return name.startswith("<")


def is_random(name: str) -> bool:
    """Tell whether a name stands for a global random generator."""
    return name in (NUMPY, PYTHON, TORCH)


def spoken(name: str) -> str:
    """Return what a message calls a variable or resource: ``the file x.csv``, ``numpy's random state``."""
    if is_random(name):
        return {NUMPY: "numpy's", PYTHON: "Python's", TORCH: "torch's"}[name] + " random state"
    return f"the file {name[len(FILE) : -1]}" if name.startswith(FILE) else name


def random_effects(dotted: str, given: Iterable[str]) -> Iterator[Effect]:
    """Yield what a call does to the global random generators; ``given`` are its keywords."""
    module, _, name = dotted.rpartition(".")
    if name in SEEDS.get(module, ()):
        yield Effect(_GENERATORS[module], reads=False, writes=True)
    elif name in SEED_EVERYTHING:
        yield from (Effect(generator, reads=False, writes=True) for generator in (NUMPY, PYTHON, TORCH))
    elif name in RANDOM_CALLS.get(module, ()):
        if "generator" not in given:
            yield Effect(_GENERATORS[module], reads=True, writes=True)
    elif name in TAKE_RANDOM_STATE or name in _draw_too:
        if not {"random_state", "", "seed"} & set(given):
            yield Effect(NUMPY, reads=True, writes=True)
    elif name in _torch_layers and module.startswith("torch.nn"):
        yield Effect(TORCH, reads=True, writes=True)
