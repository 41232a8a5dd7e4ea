"""Series without a trend that are otherwise like a given one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy import ndarray

Null = Literal["ar1", "phase"]


def surrogates(series: ndarray, *, count: int, null: Null, seed: int) -> ndarray:
    """Series without a trend in their fluctuations that are otherwise like `series`.

    "ar1": x_{t+1} = φ x_t + ε with the lag-1 autocorrelation and the variance of `series`, from its stationary state.
    "phase": the amplitudes of its Fourier transform with random phases: the same autocorrelation at every lag.
    Source: Theiler et al. 1992 (phases); Dakos et al. 2008 (both). Shapes: (n,) -> (count, n). Unit: as `series`.

    >>> given = np.array([1.0, -2.0, 1.5, 0.5, -1.0])
    >>> made = surrogates(given, count=3, null="phase", seed=0)
    >>> bool(np.allclose(abs(np.fft.rfft(made)), abs(np.fft.rfft(given - given.mean()))))
    True
    """
    draw = np.random.default_rng(seed)
    centred = series - series.mean()
    return _phases(centred, count, draw) if null == "phase" else _autoregressive(centred, count, draw)


def _phases(centred: ndarray, count: int, draw: np.random.Generator) -> ndarray:
    amplitude = np.abs(np.fft.rfft(centred))
    turned = amplitude * np.exp(1j * draw.uniform(0, 2 * np.pi, (count, len(amplitude))))
    if len(centred) % 2 == 0:  # the highest frequency of an even length is real
        turned[:, -1] = amplitude[-1] * draw.choice([-1.0, 1.0], count)
    made: ndarray = np.fft.irfft(turned, n=len(centred))
    return made


def _autoregressive(centred: ndarray, count: int, draw: np.random.Generator) -> ndarray:
    spread = centred.std()
    squares = (centred**2).sum()
    phi = float(np.clip((centred[1:] * centred[:-1]).sum() / squares, -0.99, 0.99)) if squares else 0.0
    noise = draw.standard_normal((count, len(centred)))
    found = np.empty_like(noise)
    found[:, 0] = noise[:, 0]
    for step in range(1, len(centred)):
        found[:, step] = phi * found[:, step - 1] + np.sqrt(1 - phi**2) * noise[:, step]
    scaled: ndarray = found * spread
    return scaled
