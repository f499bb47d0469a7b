"""The questions of the study, one file each: its figure, and its measure where it has its own.

A question has one name. Claims are c01 to c12, as conf/claims.yaml numbers them; x1 to x5 decide
no claim. ``<name>.py`` draws ``reports/figures/<name>.pdf`` with its function ``pages``;
being there makes it a figure. ``<name>.txt`` says how to read it. Its grid is
``conf/experiment/<name>.yaml``, since Hydra finds grids in that folder alone. Records made before
the names were one have the older names of the grids.

====================== ============================== =================
question               runs                           older name
====================== ============================== =================
c01_chain_rule         none: gradients are checked
c02_escape             its grid                       e11_escape
c03_removal            core, x1_location              e01_core
c04_settling           core, its grid                 e08_residuals
c05_dose               core, its grid                 e05_dose
c06_matched_activation its grid                       e06_twins
c07_relu_at_zero       its grid                       e10_relu_at_zero
c08_optimizers         core, its grid                 e03_optimizers
c09                    c08_optimizers, c02_escape
c10_saturation         its grid                       e04_saturation
c11_decided            its grid                       e09_branches
c12_information        core, its grid                 e12_controls
x1_location            its grid                       e02_location
x2_capacity            its grid                       e07_capacity
x3_predictors          core, c12_information
x4_robustness          its grid, no figure            e13_robustness
x5_calibration         its grid, a table              e14_calibration
====================== ============================== =================

C9 is decided by the runs of C2 and shown in its figure. ``verdicts`` shows all of them.
"""
