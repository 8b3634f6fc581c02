// Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, 2016): y = A^T [(G g G^T) * (B^T d B)] A for tiles of 6x6
// inputs and 4x4 outputs. By the transposition principle the gradient of g is G^T [(B^T d B) * (A dy A^T)] G.
//
// Interpolation points are 0, +-3/4, +-3/2 and infinity instead of the paper's 0, +-1, +-2: every constant below but
// those of G is exact in float, and the error is a quarter. With a = 3/4, b = 3/2:
//   rows of B^T: the polynomials prod (x - q) over the points q other than p;  columns of A^T: 1, p, p^2, p^3;
//   rows of G: (1, p, p^2) / prod (p - q); infinity takes the leading coefficients.
#pragma once

#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA::winograd {

using V = Vec<float>;

inline constexpr int kTaps = 3, kOut = 4, kIn = kOut + kTaps - 1, kPoints = kIn * kIn;
inline constexpr float kA = 0.75f, kA2 = kA * kA, kA3 = kA2 * kA, kB = 1.5f, kB2 = kB * kB, kB3 = kB2 * kB;
inline constexpr float kSum = kA2 + kB2, kProduct = kA2 * kB2;
inline constexpr float kNormA = 1 / (2 * kA2 * (kA2 - kB2)),
                       kNormB = 1 / (2 * kB2 * (kB2 - kA2));  // of the points a, b

CNN_HD V times(float s, V x) { return vec_splat(s) * x; }
CNN_HD V plus_times(V y, float s, V x) { return vec_fma(vec_splat(s), x, y); }

// B^T d
struct Input {
  static constexpr int kFrom = kIn, kTo = kIn;
  static CNN_HD void apply(const V (&d)[kFrom], V (&t)[kTo]) {
    const V ea = plus_times(d[4], -kB2, d[2]), oa = times(kA, plus_times(d[3], -kB2, d[1]));
    const V eb = plus_times(d[4], -kA2, d[2]), ob = times(kB, plus_times(d[3], -kA2, d[1]));
    t[0] = plus_times(plus_times(d[4], kProduct, d[0]), -kSum, d[2]);
    t[1] = ea + oa, t[2] = ea - oa;
    t[3] = eb + ob, t[4] = eb - ob;
    t[5] = plus_times(plus_times(d[5], kProduct, d[1]), -kSum, d[3]);
  }
};

// A^T m
struct Output {
  static constexpr int kFrom = kIn, kTo = kOut;
  static CNN_HD void apply(const V (&m)[kFrom], V (&y)[kTo]) {
    const V sa = m[1] + m[2], da = m[1] - m[2], sb = m[3] + m[4], db = m[3] - m[4];
    y[0] = m[0] + sa + sb;
    y[1] = plus_times(times(kA, da), kB, db);
    y[2] = plus_times(times(kA2, sa), kB2, sb);
    y[3] = plus_times(plus_times(m[5], kA3, da), kB3, db);
  }
};

// A dy
struct OutputGradient {
  static constexpr int kFrom = kOut, kTo = kIn;
  static CNN_HD void apply(const V (&y)[kFrom], V (&t)[kTo]) {
    const V ea = plus_times(y[0], kA2, y[2]), oa = times(kA, plus_times(y[1], kA2, y[3]));
    const V eb = plus_times(y[0], kB2, y[2]), ob = times(kB, plus_times(y[1], kB2, y[3]));
    t[0] = y[0];
    t[1] = ea + oa, t[2] = ea - oa;
    t[3] = eb + ob, t[4] = eb - ob;
    t[5] = y[3];
  }
};

// G g
struct Filter {
  static constexpr int kFrom = kTaps, kTo = kIn;
  static CNN_HD void apply(const V (&g)[kFrom], V (&u)[kTo]) {
    const V ea = times(kNormA, plus_times(g[0], kA2, g[2])), oa = times(kNormA * kA, g[1]);
    const V eb = times(kNormB, plus_times(g[0], kB2, g[2])), ob = times(kNormB * kB, g[1]);
    u[0] = times(1 / kProduct, g[0]);
    u[1] = ea + oa, u[2] = ea - oa;
    u[3] = eb + ob, u[4] = eb - ob;
    u[5] = g[2];
  }
};

// G^T du
struct FilterGradient {
  static constexpr int kFrom = kIn, kTo = kTaps;
  static CNN_HD void apply(const V (&u)[kFrom], V (&g)[kTo]) {
    const V sa = times(kNormA, u[1] + u[2]), da = times(kNormA * kA, u[1] - u[2]);
    const V sb = times(kNormB, u[3] + u[4]), db = times(kNormB * kB, u[3] - u[4]);
    g[0] = plus_times(sa + sb, 1 / kProduct, u[0]);
    g[1] = da + db;
    g[2] = plus_times(plus_times(u[5], kA2, sa), kB2, sb);
  }
};

// A square through the matrix of `Map` from both sides: store(i, j, vector) for load(i, j).
template <class Map, class Load, class Store>
CNN_HD void transform(const Load& load, const Store& store) {
  V half[Map::kFrom][Map::kTo];  // columns first; [column][row]
#pragma GCC unroll 6
  for (int j = 0; j < Map::kFrom; ++j) {
    V column[Map::kFrom];
#pragma GCC unroll 6
    for (int i = 0; i < Map::kFrom; ++i) column[i] = load(i, j);
    Map::apply(column, half[j]);
  }
#pragma GCC unroll 6
  for (int i = 0; i < Map::kTo; ++i) {
    V row[Map::kFrom], out[Map::kTo];
#pragma GCC unroll 6
    for (int j = 0; j < Map::kFrom; ++j) row[j] = half[j][i];
    Map::apply(row, out);
#pragma GCC unroll 6
    for (int j = 0; j < Map::kTo; ++j) store(i, j, out[j]);
  }
}

}  // namespace cnn::cpu::CNN_ISA::winograd
