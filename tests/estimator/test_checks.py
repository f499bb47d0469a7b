"""scikit-learn's own checks, with no expected failures."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from study.estimator import DeltaRuleClassifier, DeltaRuleRegressor

ESTIMATORS = [DeltaRuleClassifier(), DeltaRuleRegressor()]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)
def test_check(estimator, check):
    check(estimator)


def test_several_labels_and_outputs_are_checked():
    """The tags say what the estimators can do, or checks would be left out."""
    names = {
        getattr(check, "func", check).__name__
        for estimator in ESTIMATORS
        for _, check in estimator_checks_generator(estimator)
    }
    assert {
        "check_classifiers_multilabel_output_format_predict",
        "check_regressor_multioutput",
        "check_regressors_train",
        "check_estimators_partial_fit_n_features",
    } <= names
