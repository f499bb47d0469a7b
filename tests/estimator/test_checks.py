"""scikit-learn's own checks, with no expected failures."""

import pytest
from sklearn.utils.estimator_checks import (
    check_param_validation,
    estimator_checks_generator,
    parametrize_with_checks,
)

from study.estimator import DeltaRuleClassifier, DeltaRuleRegressor

ESTIMATORS = [DeltaRuleClassifier(), DeltaRuleRegressor()]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)
def test_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_parameters_are_validated(estimator):
    """scikit-learn's own check of its estimators: all parameters have constraints, and hold."""
    check_param_validation(type(estimator).__name__, estimator)


def test_what_the_estimators_can_do_is_checked():
    """The tags say it, or checks would be left out."""
    generated = (estimator_checks_generator(estimator) for estimator in ESTIMATORS)
    names = {check.func.__name__ for checks in generated for _, check in checks}
    assert "check_classifiers_multilabel_output_format_predict" in names
    assert {
        "check_sample_weight_equivalence_on_sparse_data",
        "check_estimator_sparse_array",
    } <= names
    assert {"check_regressor_multioutput", "check_estimators_partial_fit_n_features"} <= names
