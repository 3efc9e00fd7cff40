"""Numbers for `tests/stats/test_sequential.py`, by definition and by another package.

The betting martingales are computed with online-cp (BSD licence; Johan Hallberg Szabadváry), fed
with the middle of each p-value's interval for linear bets, and elsewhere by numerical integration
of each density over the interval, one step at a time; the permutation test by listing every order.

Run where online-cp is installed (0.4.0 made the stored numbers; the tests do not need it):
python tests/oracles/sequential.py > tests/oracles/sequential.json
"""

import itertools
import json
import math
import random

from online_cp.martingale import SimpleJumper
from scipy.integrate import quad

TILTS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2]


def streamed(seed=5, members=90, groups=9):
    """Values in groups that report in a mixed order, the later ones higher; no two are equal."""
    rng = random.Random(seed)
    group = [rng.randrange(groups) for _ in range(members)]
    values = [round(rng.gauss(g, 1) + (0.8 if i > 55 else 0.0), 6) for i, g in enumerate(group)]
    return values, group


def intervals(values, group):
    """(position, low, high) by counting predecessors one by one."""
    found = []
    for i, value in enumerate(values):
        past = [values[j] for j in range(i) if group[j] == group[i]]
        if past:
            size = len(past) + 1
            greater = sum(v > value for v in past)
            assert value not in past
            found.append((i, greater / size, (greater + 1) / size))
    return found


def fixed(pairs, densities, points=None):
    """Path of the mean capital of densities, each integrated over every interval."""
    capital = [1.0] * len(densities)
    path = []
    for low, high in pairs:
        inner = [x for x in points or () if low < x < high]
        for i, density in enumerate(densities):
            capital[i] *= quad(density, low, high, points=inner or None)[0] / (high - low)
        path.append(sum(capital) / len(capital))
    return path


def jumped(pairs, rates=(1e-4, 1e-3, 1e-2, 1e-1, 1.0)):
    paths = []
    for rate in rates:
        made = SimpleJumper(J=rate, E=[0.0, -0.5, -1.0, -2.0])
        path = []
        for low, high in pairs:
            made.update((low + high) / 2)
            path.append(made.M)
        paths.append(path)
    return mean(paths)


def learnt(pairs, bins):
    weight = [1.0] * bins
    capital, path = 1.0, []
    for low, high in pairs:
        share = [
            max(0.0, min(high, (b + 1) / bins) - max(low, b / bins)) / (high - low)
            for b in range(bins)
        ]
        total = sum(weight)
        capital *= sum(s * w / total * bins for s, w in zip(share, weight, strict=True))
        weight = [w + s for w, s in zip(weight, share, strict=True)]
        path.append(capital)
    return path


def mean(paths):
    return [sum(column) / len(paths) for column in zip(*paths, strict=True)]


def one_sided(pairs):
    slopes = [lambda p, t=t: 1 + t * (0.5 - p) for t in TILTS]
    powers = [lambda p, e=e / 10: e * p ** (e - 1) if p > 0 else 0.0 for e in range(1, 10)]
    return mean([fixed(pairs, slopes), fixed(pairs, powers), jumped(pairs)])


def martingales():
    values, group = streamed()
    found = intervals(values, group)
    pairs = [(low, high) for _, low, high in found]
    up = one_sided(pairs)
    down = one_sided([(1 - high, 1 - low) for low, high in pairs])
    ends = [lambda p, t=s * t / 2: 1 + t * (4 * abs(p - 0.5) - 1) for t in TILTS for s in (1, -1)]
    shape = mean([fixed(pairs, ends, [0.5]), mean([learnt(pairs, b) for b in (2, 4, 8, 16)])])
    paths = {"up": up, "down": down, "shape": shape, "any": mean([up, down, shape])}
    return {
        "values": values,
        "group": group,
        "at": [i for i, _, _ in found],
        "log10": {k: [round(math.log10(c), 9) for c in path] for k, path in paths.items()},
    }


def contrast(seed=8):
    """Every choice of the late members of four small groups, and the ratio of each choice."""
    rng = random.Random(seed)
    sizes, late = (3, 4, 4, 5), (1, 1, 2, 3)
    top, bottom, group, mark = [], [], [], []
    for g, (size, count) in enumerate(zip(sizes, late, strict=True)):
        for i in range(size):
            bottom.append(rng.randrange(50, 250))
            top.append(rng.randrange(-40, 60) + (25 if i < count else 0))
            group.append(g)
            mark.append(i < count)

    def ratio(chosen):
        gain = weight = 0.0
        for g in range(len(sizes)):
            inside = [i for i in range(len(group)) if group[i] == g]
            lates = [i for i in inside if i in chosen]
            earlies = [i for i in inside if i not in chosen]
            rate = sum(top[i] for i in earlies) / sum(bottom[i] for i in earlies)
            gain += sum(top[i] for i in lates) - rate * sum(bottom[i] for i in lates)
            weight += sum(bottom[i] for i in lates)
        return gain / weight

    def linear(chosen):
        total = 0.0
        for g, (size, count) in enumerate(zip(sizes, late, strict=True)):
            inside = [i for i in range(len(group)) if group[i] == g]
            rate = sum(top[i] for i in inside) / sum(bottom[i] for i in inside)
            part = sum(top[i] - rate * bottom[i] for i in inside if i in chosen)
            total += size / (size - count) * part
        return total

    choices = [
        set(itertools.chain(*parts))
        for parts in itertools.product(
            *(
                itertools.combinations([i for i in range(len(group)) if group[i] == g], count)
                for g, count in enumerate(late)
            )
        )
    ]
    seen = {i for i, marked in enumerate(mark) if marked}
    ratios = [ratio(c) for c in choices]
    linears = [linear(c) for c in choices]
    middle = sum(linears) / len(linears)
    spread = math.sqrt(sum((x - middle) ** 2 for x in linears) / len(linears))
    beyond = sum(abs(r) >= abs(ratio(seen)) - 1e-12 for r in ratios)
    return {
        "top": top,
        "bottom": bottom,
        "group": group,
        "late": mark,
        "orders": len(choices),
        "ratio": round(ratio(seen), 12),
        "p": beyond / len(choices),
        "z": round((linear(seen) - middle) / spread, 9),
    }


print(json.dumps({"stream": martingales(), "contrast": contrast()}))
