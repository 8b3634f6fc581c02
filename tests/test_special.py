"""Special functions at far and special places. The numbers are mpmath's, of fifty digits."""

from __future__ import annotations

import math

import pytest

import cnn
from cnn import special

inf, nan = math.inf, math.nan
VALUES = {
    "i0": [
        (7.9, 389.406283282158),
        (8.1, 469.5006067101215),
        (-650.0, 3.0616123926081446e280),
        (713.0, 6.705128263670996e307),
    ],
    "i1": [
        (1e-08, 5e-09),
        (7.9, 363.8539440845084),
        (-8.1, -439.48430891035844),
        (713.0, 6.700424559186402e307),
    ],
    "i0e": [(3.0, 0.2430003541618254), (10000.0, 0.003989472674604732)],
    "i1e": [(3.0, 0.19682671329730086), (-10000.0, -0.003989273195983662)],
    "modified_bessel_k0": [
        (1e-300, 690.8914594138721),
        (0.001, 7.023688800562382),
        (2.0, 0.11389387274953344),
        (2.001, 0.11375409873668463),
        (600.0, 1.3558285309948523e-262),
    ],
    "modified_bessel_k1": [
        (1e-300, 9.999999999999999e299),
        (0.001, 999.9962381560856),
        (2.0, 0.13986588181652243),
        (2.001, 0.13968218830176757),
        (600.0, 1.356957918112806e-262),
    ],
    "scaled_modified_bessel_k0": [(0.5, 1.5241093857739094), (1000000.0, 0.0012533139806513213)],
    "scaled_modified_bessel_k1": [(0.5, 2.731009708211786), (1000000.0, 0.0012533146073081549)],
    "airy_ai": [
        (-20.0, -0.1764061270779847),
        (-4.001, -0.0694747643583422),
        (-1.0, 0.5355608832923521),
        (2.001, 0.03487107495109645),
        (5.0, 0.00010834442813607442),
        (30.0, 3.2082175915504954e-49),
    ],
    "erfcx": [
        (-20.0, 1.0442939379528289e174),
        (-0.5, 1.952360489182557),
        (1e-09, 0.9999999988716208),
        (3.7, 0.1474349975371851),
        (100000000.0, 5.641895835477562e-09),
    ],
    "log_ndtr": [
        (-1000.0, -500007.82669481216),
        (-30.0, -454.3212439563432),
        (-0.9, -1.6924928065613383),
        (5.0, -2.866516129637636e-07),
    ],
    "ndtri": [
        (5e-324, -38.467405617144344),
        (1e-100, -21.273453560965326),
        (1e-05, -4.264890793922825),
        (0.4999, -0.00025066283008800747),
        (0.75, 0.6744897501960817),
        (0.9999999999999999, 8.209536151601387),
    ],
    "zeta": [
        (1.0001, 3.0, 9999.077257603696),
        (2.0, 100000000.0, 1.000000005e-08),
        (40.0, 9.5, 7.927283367319226e-40),
        (100.0, 30.0, 2.0166138838570525e-148),
        (3.0, -7.5, 0.007782255897951962),
        (4.0, -0.25, 259.2938854224751),
    ],
    "gammainc": [
        (0.001, 1e-06, 0.9868481336940766),
        (0.3, 1.05, 0.9215703360548394),
        (5.0, 20.0, 0.9999830552560699),
        (50.0, 60.0, 0.9155933189063081),
        (5000.0, 4900.0, 0.07794495622651391),
        (20000.0, 20100.0, 0.7606167055614177),
        (1000000.0, 998000.0, 0.022696114006736802),
        (1000000.0, 1003000.0, 0.9986382593537824),
    ],
    "gammaincc": [
        (0.001, 1e-06, 0.013151866305923335),
        (0.3, 1.05, 0.07842966394516059),
        (5.0, 20.0, 1.6944743930067385e-05),
        (50.0, 60.0, 0.08440668109369183),
        (5000.0, 4900.0, 0.9220550437734861),
        (20000.0, 20100.0, 0.23938329443858236),
        (1000000.0, 998000.0, 0.9773038859932632),
        (1000000.0, 1003000.0, 0.0013617406462175915),
    ],
    "chebyshev_polynomial_t": [
        (0.3, 50.0, 0.890054977850745),
        (1.5, 33.0, 31056625195209.0),
        (1.0001, 100.0, 2.1781607522915722),
    ],
    "legendre_polynomial_p": [(0.3, 50.0, 0.10911051574714796), (1.5, 33.0, 6584553115034.268)],
    "laguerre_polynomial_l": [(2.5, 40.0, 0.5659104621850729), (-3.0, 12.0, 5971.255792918019)],
}


def at(function, *arguments):
    tensors = [cnn.tensor(a, dtype=cnn.float64) for a in arguments]
    return function(*tensors).item()


@pytest.mark.parametrize("name", VALUES)
def test_values(name):
    for *arguments, want in VALUES[name]:
        assert at(getattr(special, name), *arguments) == pytest.approx(want, rel=2e-13, abs=1e-300)


SPECIAL = {
    "i0": [(inf, inf), (-inf, inf), (nan, nan), (0.0, 1.0)],
    "i0e": [(inf, 0.0), (nan, nan)],
    "i1": [(inf, inf), (-inf, -inf), (nan, nan), (0.0, 0.0)],
    "i1e": [(inf, 0.0), (-inf, 0.0)],
    "modified_bessel_k0": [(0.0, inf), (-1.0, nan), (inf, 0.0), (nan, nan)],
    "modified_bessel_k1": [(0.0, inf), (-1.0, nan), (inf, 0.0)],
    "scaled_modified_bessel_k0": [(0.0, inf), (-1.0, nan), (inf, 0.0)],
    "scaled_modified_bessel_k1": [(0.0, inf), (-1.0, nan), (inf, 0.0)],
    "bessel_j0": [(inf, 0.0), (0.0, 1.0), (nan, nan)],
    "bessel_j1": [(inf, 0.0), (0.0, 0.0)],
    "bessel_y0": [(0.0, -inf), (-1.0, nan), (inf, 0.0), (nan, nan)],
    "bessel_y1": [(0.0, -inf), (-1.0, nan), (inf, 0.0)],
    "spherical_bessel_j0": [(0.0, 1.0), (inf, 0.0), (-inf, 0.0), (nan, nan)],
    "airy_ai": [(inf, 0.0), (nan, nan)],
    "entr": [(0.0, 0.0), (-1.0, -inf), (inf, -inf), (nan, nan)],
    "erfcx": [(inf, 0.0), (-inf, inf), (-27.0, inf), (nan, nan)],
    "ndtri": [(0.0, -inf), (1.0, inf), (-0.1, nan), (1.1, nan), (nan, nan), (0.5, 0.0)],
    "log_ndtr": [(inf, 0.0), (-inf, -inf), (nan, nan)],
    "ndtr": [(inf, 1.0), (-inf, 0.0), (nan, nan)],
    "zeta": [(1.0, 2.0, inf), (0.5, 2.0, nan), (2.0, 0.0, inf), (3.0, -2.0, inf), (2.5, -0.5, nan),
             (2.0, inf, 0.0), (nan, 1.0, nan), (2.0, -1e300, inf), (inf, 2.0, 0.0),
             (inf, 1.0, 1.0), (1e300, 3.0, 0.0), (inf, 0.5, inf), (inf, inf, 0.0), (1e300, 1e300, 0.0)],
    "gammainc": [(0.0, 1.0, 1.0), (0.0, 0.0, nan), (1.0, 0.0, 0.0), (-1.0, 1.0, nan), (1.0, -1.0, nan),
                 (inf, 1.0, 0.0), (1.0, inf, 1.0), (inf, inf, nan), (nan, 1.0, nan)],
    "gammaincc": [(0.0, 1.0, 0.0), (0.0, 0.0, nan), (1.0, 0.0, 1.0), (-1.0, 1.0, nan), (1.0, -1.0, nan),
                  (inf, 1.0, 1.0), (1.0, inf, 0.0), (inf, inf, nan)],
    "xlog1py": [(0.0, -1.0, 0.0), (0.0, -2.0, 0.0), (0.0, nan, nan), (1.0, -1.0, -inf)],
    "chebyshev_polynomial_t": [(1.0, 1e6, 1.0), (-1.0, 1e6 + 1, -1.0), (2.0, 1e6, inf), (-2.0, 1e6 + 1, -inf),
                               (inf, 3.0, inf), (-inf, 3.0, -inf), (nan, 0.0, 1.0), (nan, 2.0, nan), (0.3, -1.0, 0.0)],
    "chebyshev_polynomial_u": [(1.0, 40.0, 41.0), (-1.0, 41.0, -42.0), (inf, 2.0, inf), (2.0, 1e6, inf)],
    "chebyshev_polynomial_v": [(1.0, 40.0, 1.0), (-1.0, 41.0, -83.0), (-2.0, 1e6 + 1, -inf)],
    "chebyshev_polynomial_w": [(1.0, 40.0, 81.0), (-1.0, 41.0, -1.0), (-2.0, 1e6 + 1, -inf)],
    "hermite_polynomial_h": [(inf, 3.0, inf), (-inf, 3.0, -inf), (1.0, 513.0, nan), (1e200, 2.0, inf)],
    "laguerre_polynomial_l": [(inf, 3.0, -inf), (-inf, 3.0, inf), (0.0, 1e9, 1.0), (1.0, 1e9, nan)],
    "legendre_polynomial_p": [(1.0, 1e9, 1.0), (-1.0, 1e9 + 1, -1.0), (3.0, 1e4, inf), (-3.0, 1e4 + 1, -inf)],
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_special_places(name):
    for *arguments, want in SPECIAL[name]:
        assert at(getattr(special, name), *arguments) == pytest.approx(
            want, rel=1e-15, abs=0, nan_ok=True
        )


def test_names():
    assert set(special.__all__) == {name for name in special.__all__ if hasattr(special, name)}
    x = cnn.rand(4, dtype=cnn.float64)
    for name, core in special._OF_THE_CORE.items():
        assert getattr(special, name) is getattr(cnn, core)
    assert cnn.equal(special.softmax(x, 0), x.softmax(0))
    assert special.log_softmax(x, 0, dtype=cnn.float32).dtype == cnn.float32


def test_integers_and_numbers_are_taken():
    assert special.i0e(cnn.arange(3)).dtype == cnn.float32
    assert special.zeta(2, cnn.tensor([1.0])).item() == pytest.approx(math.pi**2 / 6, rel=1e-6)
    assert special.chebyshev_polynomial_t(cnn.tensor([3.0]), 2).tolist() == [17.0]
    assert special.chebyshev_polynomial_t(3.0, cnn.tensor([2])).tolist() == [17.0]
    with pytest.raises(TypeError, match="must be Tensor"):
        special.i0e(3)


def test_what_has_no_derivative_says_so():
    a, x = cnn.tensor([2.5], requires_grad=True), cnn.tensor([1.5], requires_grad=True)
    for function, words in (
        (special.zeta, "zeta"),
        (special.gammainc, "igamma: input"),
        (special.gammaincc, "igammac: input"),
    ):
        function(a.detach(), x).backward()
        with pytest.raises(NotImplementedError, match=f"derivative for '{words}'"):
            function(a, x).backward()
    assert not special.airy_ai(x).requires_grad


def test_gradients_of_integers_of_the_exponent():
    x = cnn.tensor([3.0, -0.7, 1e300, 0.0], dtype=cnn.float64, requires_grad=True)
    mantissa, exponent = cnn.frexp(x)
    assert exponent.tolist() == [2, 0, 997, 0] and not exponent.requires_grad
    mantissa.sum().backward()
    assert x.grad.tolist() == [0.25, 1.0, 2.0**-997, 1.0]
    assert cnn.ldexp(mantissa, exponent).tolist() == x.tolist()
