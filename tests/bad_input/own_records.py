"""Users' records that are wrong, but for rules: a module's text, and the line that refuses it."""

FACTOR = "def f(z, y, slope, constants, key, step):\n    "

OTHERS = {
    # arguments, and what is no kernel
    "too few arguments": ("own = rule(factor=s)", "a factor kernel is called with (z, y, slope, "),
    "a number for a factor": ("own = rule(factor=5)", "a factor kernel is a plain function of"),
    "a builtin": ("own = rule(factor=print)", "not a builtin_function_or_method"),
    "a class": ("class own: pass", "is a type, not a Record"),
    "nothing": ("own = None", "unknown gradient of module "),
    "a kernel, decorated": (
        f"@kernel('factor')\n{FACTOR}slope = z\nown = rule(factor=f)",
        "sets the name slope",
    ),
    "another name for it": (
        "def f(z, y, mine, constants, key, step):\n    mine = z\nown = rule(factor=f)",
        "sets the name mine, which changes nothing: write into the array, mine[:] = ...",
    ),
    "constants changed": (
        f"{FACTOR}constants[0] = 3\nown = rule(factor=f, parameters={{'a': Parameter(1.0, 'a')}})",
        "changes constants, which must stay as it is",
    ),
    "replace changes z": (
        "def r(z, delta, constants):\n    z[:] = 0\nown = rule(replace=r)",
        "changes z, which must stay as it is, it writes into delta alone",
    ),
    "replace sets a name": (
        "def r(z, delta, constants):\n    delta = z\nown = rule(replace=r)",
        "sets the name delta",
    ),
    # elementwise kernels
    "more constants than it has": (
        "@elementwise\ndef f(slope, a):\n    return a * slope\nown = rule(factor=f)",
        "fails: IndexError: index is out of bounds",
    ),
    "elementwise, an unknown name": (
        "@elementwise\ndef f(slope):\n    return halff\nown = rule(factor=f)",
        "can't be compiled: ",
    ),
    "elementwise, nothing returned": (
        "@elementwise\ndef f(slope):\n    slope = 1\nown = rule(factor=f)",
        "can't be compiled: ",
    ),
    "elementwise NaN": (
        "@elementwise\ndef f(z):\n    return np.sqrt(z)\nown = rule(factor=f)",
        "gives NaN in slope for ordinary numbers",
    ),
    "elementwise where rows are needed": (
        "@elementwise\ndef f(z, y, t):\n    return y\nown = objective(terms=f)",
        "a terms kernel is a plain function of (z, y, t), not a CPUDispatcher",
    ),
    # what the other functions return
    "prepare, all of z": (
        "own = rule(prepare=lambda site, z: z)",
        "gave float32 of shape (2, 3, ",
    ),
    "prepare, a number": (
        "own = rule(prepare=lambda site, z: z.mean())",
        "it takes numbers (R, k)",
    ),
    "prepare, a text": ("own = rule(prepare=lambda site, z: 'abc')", "it takes numbers (R, k)"),
    "prepare, nothing": (
        "own = rule(prepare=lambda site, z: None)",
        "prepare of gradient 'own' ga",
    ),
    "prepare fails": ("own = rule(prepare=lambda site, z: nope)", "fails: NameError: name 'nope'"),
    "prepare without z": (
        "own = rule(prepare=lambda site: 1)",
        "prepare of gradient 'own' fails: T",
    ),
    "prepare changes z": (
        "def p(site, z):\n    z[:] = 0\n    return z[:, :, 0]\nown = rule(prepare=p)",
        "prepare of gradient 'own' changes z",
    ),
    "constants of a rule, one": (
        "own = rule(constants=lambda site: 5)",
        "it takes a tuple of numbers",
    ),
    "constants of a rule, text": (
        "own = rule(constants=lambda site: ('a',))",
        "it takes a tuple of numbers",
    ),
    "source, one": ("own = rule(source=lambda site: 5)", "it takes (bound activation, steepness)"),
    "source, text": (
        "own = rule(source=lambda site: (site.activation, 'a'))",
        "it takes (bound activation, steepness), the latter a number",
    ),
    "refusal fails": (
        "own = rule(refusal=lambda v, a, u: nope)",
        "own: NameError: name 'nope' is",
    ),
    "refusal's arguments": ("own = rule(refusal=lambda: 1)", "TypeError: "),
    "same_as fails": ("own = rule(same_as=lambda v, a: 1 / 0)", "ZeroDivisionError: "),
    "same_as nothing known": (
        "own = rule(same_as=lambda v, a: 'nope')",
        "unknown gradient 'nope'",
    ),
    # names and fields
    "a path for a name": ("own = rule(name='../x')", "has the name '../x': a name is letters, "),
    "an absolute path": ("own = rule(name='/etc/passwd')", "has the name '/etc/passwd'"),
    "a line break": (r"own = rule(name='a\nb')", "a name is letters"),
    "no name": ("own = rule(name='')", "a name is letters"),
    "a number for a name": ("own = rule(name=5)", "has the name 5"),
    "one of the study's": ("own = rule(name='floor')", "has the name of one of the study's own"),
    "a list of parameters": (
        "own = rule(parameters=[1])",
        "parameters takes a dict of names to Par",
    ),
    "a bare default": (
        "own = rule(parameters={'a': 1})",
        "parameters takes a dict of names to Par",
    ),
    "a default out of range": (
        "own = rule(parameters={'a': Parameter(-1.0, 'x', low=0)})",
        "the default of a = -1 is out of range",
    ),
    "a text for a flag": (
        "own = rule(hidden_only='no')",
        "hidden_only takes True or False, not 'no'",
    ),
    "a number for a reference": ("own = rule(reference=5)", "reference takes a text, not 5"),
    # modules
    "a field that is missing": ("own = Gradient(name='own')", "cannot be imported: "),
    "an error on import": ("raise RuntimeError('a\\nb')", "cannot be imported: a b"),
    "an exit on import": ("raise SystemExit(3)", "cannot be imported: 3"),
    "no Python": ("own = = 3", "cannot be imported: invalid syntax"),
    "a misspelt object": ("owm = rule()", "Did you mean 'owm'? Valid: owm"),
    # activations
    "value unfilled": (
        "def v(z, out, constants):\n    out[0] = z[0]\nown = activation(value=v)",
        "does not fill out: write every element, as in out[:] = ...",
    ),
    "value sets a name": (
        "def v(z, out, constants):\n    out = 2 * z\nown = activation(value=v)",
        "sets the name out",
    ),
    "value NaN": (
        "def v(z, out, constants):\n    out[:] = np.log(z)\nown = activation(value=v)",
        "gives NaN in out for ordinary numbers",
    ),
    "slope unfilled": (
        "def s(z, y, out, constants):\n    out[:, 0] = 1\nown = activation(slope=s)",
        "slope 's' of activation 'own' does not fill out",
    ),
    "slope changes y": (
        "def s(z, y, out, constants):\n    y[:] = 1\n    out[:] = y\nown = activation(slope=s)",
        "changes y, which must stay as it is",
    ),
    "bounds, one": ("own = activation(bounds=5)", "own: TypeError: "),
    "bounds downwards": (
        "own = activation(bounds=(1.0, -1.0))",
        "takes (low, high), upwards, not",
    ),
    "bounds too narrow": ("own = activation(bounds=(-1.0, 1.0))", "outside bounds"),
    "largest slope, text": ("own = activation(largest_slope='x')", "it takes a number"),
    "largest slope, negative": ("own = activation(largest_slope=-1.0)", "takes a number above 0"),
    "largest slope too small": (
        "own = activation(largest_slope=0.5)",
        "more than its largest_slope",
    ),
    "saturation, one": ("own = activation(saturation=5)", "it takes (below, above)"),
    "no value": ("own = activation(value=None)", "a value kernel is a plain function"),
    # optimizers
    "update sets a name": (
        "def u(w, g, state, rate, constants):\n    w = w - rate * g\nown = optimizer(kernel=u)",
        "sets the name w, which changes nothing: write into the array, w[:] = ...",
    ),
    "state beyond": (
        "def u(w, g, state, rate, constants):\n    state[1, 0] = 1\nown = optimizer(kernel=u)",
        "fails: IndexError",
    ),
    "constants, one": (
        "own = optimizer(constants=lambda n: 5)",
        "constants of optimizer 'own' gave",
    ),
    "constants, shape": (
        "own = optimizer(constants=lambda n: (X[0, :1].repeat(7),))",
        "shape (7,)",
    ),
    "rate, one": ("own = optimizer(rate_at=lambda r, n, s: 5.0)", "it takes rates (R,)"),
    "start fails": (
        "own = optimizer(start=lambda s, r: s[7])",
        "start of optimizer 'own' fails: Ind",
    ),
    "state, a text": ("own = optimizer(state='abc')", "state takes a tuple, not 'abc'"),
    # objectives
    "terms, nothing": (
        "def t(z, y, t): pass\nown = objective(terms=t)",
        "returns nothing: it ret",
    ),
    "terms, an array": (
        "def t(z, y, t): return y\nown = objective(terms=t)",
        "can't be compiled: No c",
    ),
    "terms, shapes": (
        "def t(z, y, t): return (y - t).sum()\nown = objective(terms=t)",
        "fails: Val",
    ),
    "terms change y": (
        "def t(z, y, t):\n    y[:] = 0\n    return 1.0\nown = objective(terms=t)",
        "changes y, which must stay as it is",
    ),
    "terms NaN": (
        "def t(z, y, t): return np.nan\nown = objective(terms=t)",
        "gives NaN in what it ",
    ),
    "constants of one": (
        "own = objective(constant_terms=lambda t, m: t.sum())",
        "it takes numbers (n",
    ),
    "output, a number": (
        "own = objective(output=lambda h, o: 5)",
        "gave 5: it takes an activation",
    ),
    "output fails": ("own = objective(output=lambda h: h)", "TypeError: "),
    "tasks, a number": ("own = objective(tasks=5)", "tasks takes a tuple, not 5"),
    "tasks, none of them": ("own = objective(tasks=('x',))", "is not for classification"),
    # initialisations
    "weights, turned": (
        "own = weights(lambda r, s, i, o, v: X[:2, :1].T)",
        "numbers of the shape it",
    ),
    "weights, NaN": ("own = weights(lambda r, s, i, o, v: np.full(s, np.nan))", "not finite"),
    "weights, none": ("own = weights(lambda r, s, i, o, v: None)", "gave None"),
    "weights, complex": ("own = weights(lambda r, s, i, o, v: np.full(s, 1j))", "gave complex128"),
    "weights fail": ("own = weights(lambda rng: None)", "fails: TypeError"),
    # datasets
    "load fails": (
        "own = data(lambda seed: nope)",
        "its load fails: NameError: name 'nope' is not",
    ),
    "load ends": ("own = data(lambda seed: exit())", "its load fails: SystemExit"),
    "load without a seed": ("own = data(lambda: 1)", "its load fails: TypeError"),
    "load, a number": ("own = data(5)", "load takes a function, not 5"),
    "load, nothing": ("own = data(lambda seed: None)", "its load returned a NoneType, not a Raw"),
    "no file": ("own = data(lambda seed: open('nope.csv'))", "FileNotFoundError"),
    "chance": (
        "own = data(lambda seed: Raw(np.random.rand(40, 2), Y))",
        "its load gives other numbers each time",
    ),
    "chance beside the seed": (
        "own = data(lambda seed: Raw(np.random.rand(40, 2), Y), fresh=True)",
        "its load gives other numbers each time",
    ),
    "solved_below, a text": ("own = data(solved_below='x')", "solved_below takes a number"),
    "a task that is none": ("own = data(task='ranking')", "task is 'ranking', not one of"),
    "fewer rows than a batch": (
        "own = data(lambda seed: Raw(X[:10], Y[:10]))",
        "protocol.batch_size = 16 is more than the 8 training patterns of dataset 'own': full",
    ),
    "constant columns": (
        "own = data(lambda seed: Raw(0 * X, Y))",
        "every input column is constant",
    ),
    "one class": ("own = data(lambda seed: Raw(X, 0 * Y))", "only one class (0)"),
    "NaN in it": (
        "own = data(lambda seed: Raw(X / X, Y))",
        "inputs hold NaN or infinity (1, first",
    ),
    "infinity": ("own = data(lambda seed: Raw(X, 1 / Y))", "targets hold NaN or infinity"),
    "texts": ("own = data(lambda seed: Raw(X.astype(str), Y))", "inputs hold text, not numbers"),
    "objects": ("own = data(lambda seed: Raw([[object()]], [1]))", "inputs hold object values"),
    "rows": ("own = data(lambda seed: Raw(X, Y[1:]))", "40 rows of inputs but 39 of targets"),
    "ragged": ("own = data(lambda seed: Raw([[1], [1, 2]], [0, 1]))", "rows of different lengths"),
    "a cube": ("own = data(lambda seed: Raw(X[None], Y))", "inputs have shape (1, 40, 2), not"),
}
