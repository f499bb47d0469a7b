"""scikit-learn's estimators over the core: perceptrons with a gradient rule."""

from study.estimator.classifier import DeltaRuleClassifier as DeltaRuleClassifier
from study.estimator.models import load_model as load_model
from study.estimator.regressor import DeltaRuleRegressor as DeltaRuleRegressor
