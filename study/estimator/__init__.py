"""scikit-learn's estimators over the core: perceptrons whose derivative can be changed."""

from study.estimator.classifier import DeltaRuleClassifier as DeltaRuleClassifier
from study.estimator.regressor import DeltaRuleRegressor as DeltaRuleRegressor
