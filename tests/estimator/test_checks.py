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
    generated = (estimator_checks_generator(estimator) for estimator in ESTIMATORS)
    names = {check.func.__name__ for checks in generated for _, check in checks}
    assert "check_classifiers_multilabel_output_format_predict" in names
    assert {"check_regressor_multioutput", "check_estimators_partial_fit_n_features"} <= names
