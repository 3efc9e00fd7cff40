"""Project the end of a count from the sheets counted so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from veedor.stats.nested import Effects, Tree, regress, shrink, spread, tree_of

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAD, BOTH, TURNOUT = range(3)
BLOCK = 2_000_000
"""Numbers drawn at a time: keeps memory far below that of all draws of all cells."""


@dataclass(frozen=True, slots=True)
class Sheets:
    tree: Tree
    first: Floats
    second: Floats
    valid: Floats
    size: Floats
    covariates: Floats
    order: Ints | None


def sheets_of(levels, first, second, valid, registered, covariates=None, order=None):
    tree = tree_of(levels)
    n = len(valid)
    known = np.isfinite(registered) & (registered > 0)
    if known.any():
        fill = registered[known].mean()
        leaf = tree.leaf
        c = np.bincount(leaf[known], minlength=tree.leaves)
        m = np.bincount(leaf[known], registered[known], tree.leaves)
        own = np.where(c > 0, m / np.maximum(c, 1), fill)
        size = np.where(known, registered, own[leaf])
    else:
        size = np.full(n, np.nan)
    X = np.ones((n, 1))
    if covariates is not None:
        for col in covariates.T:
            miss = np.isnan(col)
            X = np.column_stack([X, np.where(miss, 0.0, col)])
            if miss.any() and not miss.all():
                X = np.column_stack([X, miss.astype(float)])
    return Sheets(tree, first.astype(float), second.astype(float), valid.astype(float), size, X, order)


@dataclass(frozen=True, slots=True)
class Fit:
    effects: tuple[Effects, ...]
    coef: Floats  # (3,p)
    cov: tuple[Floats, ...]
    within: Floats  # (3,)
    chance: Floats
    taus: Floats
    corr: Floats
    lead: float
    valid: float


def fit(S: Sheets, counted: Bools, X: Floats, size: Floats, iters=2) -> Fit:
    t = S.tree
    rows = np.flatnonzero(counted)
    v = S.valid[rows]
    Y = np.stack([(S.first[rows] - S.second[rows]) / v, (S.first[rows] + S.second[rows]) / v, v / size[rows]], 1)
    leaf = t.leaf[rows]
    Xc = X[rows]
    tot = v.sum()
    d, s = (S.first[rows] - S.second[rows]).sum() / tot, (S.first[rows] + S.second[rows]).sum() / tot
    u = tot / size[rows].sum()
    q = np.array([max(s - d * d, 1e-4), max(s * (1 - s), 1e-4), max(u * (1 - u), 0.01)])
    eff, coefs, covs, within, taus = [], [], [], [], []
    for j in range(3):
        noise = q[j] / (size[rows] if j == TURNOUT else v)
        y = Y[:, j]
        beta = np.zeros(Xc.shape[1])
        beta[0] = np.average(y, weights=v)
        if Xc.shape[1] > 1:
            beta = np.linalg.lstsq(Xc * np.sqrt(v)[:, None], y * np.sqrt(v), rcond=None)[0]
        omega = spread(y, noise, leaf)
        for _ in range(iters):
            w = 1.0 / (omega + noise)
            P = np.bincount(leaf, w, t.leaves)
            safe = np.where(P > 0, P, 1.0)
            M = np.stack([np.bincount(leaf, w * c, t.leaves) / safe for c in [*Xc.T, y]], 1)
            r = M[:, -1] - M[:, :-1] @ beta
            tau = []
            p, m = P, r
            for par in t.parent[::-1]:
                has = p > 0
                tv = spread(m[has], 1.0 / p[has], par[has])
                tau.append(tv)
                up = p / (1 + p * tv)
                above = int(par.max()) + 1
                pp = np.bincount(par, up, above)
                m = np.bincount(par, up * m, above) / np.where(pp > 0, pp, 1.0)
                p = pp
            tau = tau[::-1]
            E = shrink(t, P, M, tau)
            Z = np.column_stack([Xc, y])
            cross = (Z * w[:, None]).T @ Z
            beta, C = regress(P, cross, M, E)
        eff.append(E); coefs.append(beta); covs.append(C); within.append(omega); taus.append(tau)
    R = np.stack([e.mean[:, -1] - e.mean[:, :-1] @ b for e, b in zip(eff, coefs)], 1)
    last = t.parent[-1]
    has = np.bincount(leaf, minlength=t.leaves) > 0
    cnt = np.bincount(last, has)
    dev = R - np.stack([(np.bincount(last, R[:, j] * has) / np.maximum(cnt, 1))[last] for j in range(3)], 1)
    dev = dev[has]
    corr = np.corrcoef(dev.T) if len(dev) > 10 and (dev.std(0) > 0).all() else np.eye(3)
    return Fit(tuple(eff), np.array(coefs), tuple(covs), np.array(within), q, np.array(taus), corr,
               float((S.first[rows] - S.second[rows]).sum()), float(tot))


def score(S, counted, target):
    """order covariate"""
    N = len(S.valid)
    if S.order is None:
        return None
    z = ndtri((S.order + 0.5) / N)
    out = np.where(counted, z, z[target].mean() if target.any() else 0.0)
    return out


def analytic(S: Sheets, F: Fit, X: Floats, size: Floats, W: Bools):
    """Mean, variance of lead & valid & margin for one target set (delta method)."""
    t = S.tree
    rows = np.flatnonzero(W)
    leaf = t.leaf[rows]
    sz = np.bincount(leaf, size[rows], t.leaves)
    safe = np.where(sz > 0, sz, 1)
    XT = np.stack([np.bincount(leaf, size[rows] * X[rows, i], t.leaves) / safe for i in range(X.shape[1])], 1)
    mean, A = {}, {}
    for j in (LEAD, TURNOUT):
        E = F.effects[j]
        g = XT - E.mean[:, :-1]
        mean[j] = g @ F.coef[j] + E.mean[:, -1]
        A[j] = g
    D, U = mean[LEAD], np.maximum(mean[TURNOUT], 0)
    # leaf cov between D and U
    rho = F.corr[LEAD, TURNOUT]
    cov = np.zeros(1)
    for k, par in enumerate(t.parent):
        a, b = F.effects[LEAD], F.effects[TURNOUT]
        cov = a.keep[k] * b.keep[k] * cov[par] + rho * np.sqrt(a.variance[k] * b.variance[k])
    valid = float((sz * U).sum())
    lead = float((sz * (U * D + np.where(sz > 0, cov, 0))).sum())
    V = F.valid + valid
    m = (F.lead + lead) / V
    aD, aU = sz * U / V, sz * (D - m) / V
    var = 0.0
    for a, j in ((aD, LEAD), (aU, TURNOUT)):
        f = a @ A[j]
        var += f @ F.cov[j] @ f
    for k in range(len(t.parent) - 1, -1, -1):
        eD, eU = F.effects[LEAD], F.effects[TURNOUT]
        var += (aD**2 * eD.variance[k]).sum() + (aU**2 * eU.variance[k]).sum()
        var += 2 * rho * (aD * aU * np.sqrt(eD.variance[k] * eU.variance[k])).sum()
        par = t.parent[k]
        aD = np.bincount(par, aD * eD.keep[k], int(par.max()) + 1)
        aU = np.bincount(par, aU * eU.keep[k], int(par.max()) + 1)
    n = size[rows] * U[leaf]
    var += float((n**2 * F.within[LEAD] + n * F.chance[LEAD]).sum()) / V**2
    var += float(((size[rows]**2 * F.within[TURNOUT] + size[rows] * F.chance[TURNOUT]) * (D[leaf] - m)**2).sum()) / V**2
    return lead, valid, 100 * m, 100 * np.sqrt(var)
