// Functors over whole rows: normalisations along one dimension. A Team is one thread on the CPU, one block on CUDA.
#pragma once

#include "kernels/functor.h"
#include "kernels/math.h"
#include "kernels/reduce.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types)
#define CNN_ROWS_NORM(X)                                                                                         \
  X(Softmax, Floats) X(LogSoftmax, Floats) X(SoftmaxGrad, Floats) X(LogSoftmaxGrad, Floats) X(LogSumExp, Floats) \
  X(LayerNorm, Floats) X(LayerNormGrad, Floats) X(LayerNormWeight, Floats) X(ChannelScale, Floats)               \
  X(ChannelSums, Floats) X(ChannelGrad, Floats)

enum class RowTypes : unsigned char { Floats, Wide };  // Wide: and int64

// The operands of one row, in the order in which the op gave them: outputs first.
struct RowData {
  void* const* p;
  template <class T> CNN_HD T* at(int k) const { return static_cast<T*>(p[k]); }
};
// The same of a normalisation, all of type T. On the CPU T may be a pack, numbers of many rows that stand side by side:
// what is shared by all rows stays a pointer to numbers.
template <class T> struct Row {
  void* const* p;
  CNN_HD Row(RowData data) : p(data.p) {}
  CNN_HD T* operator[](int k) const { return static_cast<T*>(p[k]); }
  CNN_HD const T* shared(int k) const { return static_cast<const T*>(p[k]); }
  CNN_HD bool has(int k) const { return p[k]; }
};

struct RowFunctor {
  static constexpr int kCost = 4;     // of one element
  static constexpr int kScratch = 0;  // bytes of working memory for each element
  static constexpr bool kSerial = false;  // does one thread do a whole row, element after element?
  static constexpr bool kMixed = false;  // are operands of 16 bits converted as they are loaded and stored?
};

// *p = value, what the whole team has found of its row.
template <class Team, class P, class V> CNN_HD void put(const Team&, P p, const V& value) { *p = value; }

template <class T, class Team, class X> CNN_HD T row_max(const Team& team, X x, int64_t n) {
  if constexpr (requires { team.largest(x, n); }) return team.largest(x, n);
  return team.reduce(n, T(-infinity<float>()), Max(), [&](int64_t i) { return x[i]; });
}
// Rows of -inf alone have no shift that would help.
template <class T> CNN_HD T finite_or_zero(T x) { return (x == infinity<T>()) | (x == -infinity<T>()) ? T(0) : x; }
template <class T> CNN_HD T choose(bool condition, T a, T b) { return condition ? a : b; }
CNN_HD bool any(bool condition) { return condition; }

// Two sums, of the members of term(i). Of a single row, which a cache holds, each is a pass of its own, made when it is
// asked for.
template <class T> struct Two {
  T a, b;
  CNN_HD T first() const { return a; }
  CNN_HD T second() const { return b; }
};
template <class T, class Team, class Term> struct TwoPasses {
  const Team& team;
  int64_t n;
  Term term;
  CNN_HD T first() const {
    return team.reduce(n, T(0), Sum(), [&](int64_t i) { return term(i).a; });
  }
  CNN_HD T second() const {
    return team.reduce(n, T(0), Sum(), [&](int64_t i) { return term(i).b; });
  }
};
template <class Team, class Term> CNN_HD auto two_sums(const Team& team, int64_t n, const Term& term) {
  return TwoPasses<decltype(term(n).a), Team, Term>{team, n, term};
}

// y = exp(x - max x) / sum exp(x - max x)
struct Softmax : RowFunctor {
  static constexpr int kCost = 8;
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto y = row[0], x = row[1];
    const T top = row_max<T>(team, x, n);
    const T total = team.reduce(n, T(0), Sum(), [&](int64_t i) { return y[i] = exp_negative(x[i] - top); });
    const T scale = T(1) / total;
    team.each(n, [&](int64_t i) { y[i] = y[i] * scale; });
  }
};

// y = x - max x - log sum exp(x - max x)
struct LogSoftmax : RowFunctor {
  static constexpr int kCost = 8;
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto y = row[0], x = row[1];
    const T top = row_max<T>(team, x, n);
    const T total = log(team.reduce(n, T(0), Sum(), [&](int64_t i) { return exp_negative(x[i] - top); }));
    team.each(n, [&](int64_t i) { y[i] = x[i] - top - total; });
  }
};

// dx = y (g - sum g y)
struct SoftmaxGrad : RowFunctor {
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto dx = row[0], g = row[1], y = row[2];
    const T total = team.reduce(n, T(0), Sum(), [&](int64_t i) { return g[i] * y[i]; });
    team.each(n, [&](int64_t i) { dx[i] = y[i] * (g[i] - total); });
  }
};

// dx = g - exp(y) sum g
struct LogSoftmaxGrad : RowFunctor {
  static constexpr int kCost = 8;
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto dx = row[0], g = row[1], y = row[2];
    const T total = team.reduce(n, T(0), Sum(), [&](int64_t i) { return g[i]; });
    team.each(n, [&](int64_t i) { dx[i] = g[i] - exp_negative(T(y[i])) * total; });
  }
};

// y = max x + log sum exp(x - max x), one number a row
struct LogSumExp : RowFunctor {
  static constexpr int kCost = 8;
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto x = row[1];
    const T top = finite_or_zero(row_max<T>(team, x, n));
    put(team, row[0], top + log(team.reduce(n, T(0), Sum(), [&](int64_t i) { return exp(x[i] - top); })));
  }
};

// y = (x - mean) rstd w + b, with w and b along the row; keeps mean and rstd = 1 / sqrt(var + eps)
struct LayerNorm : RowFunctor {
  double eps = 1e-5;
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto y = row[0], x = row[3];
    const auto w = row.shared(4), b = row.shared(5);
    const T mean = team.reduce(n, T(0), Sum(), [&](int64_t i) { return x[i]; }) / T(n);
    const auto sums = two_sums(team, n, [&](int64_t i) {
      const T d = x[i] - mean;
      return Two<T>{d * d, d};
    });
    T rest = T(0), m2 = sums.first();
    const auto far = mean * mean * T(n) > T(4) * m2;
    if (any(far)) {  // far from zero the mean has a rest that T cannot hold
      rest = choose(far, sums.second() / T(n), T(0));
      const T taken = rest * rest * T(n);
      m2 = m2 - taken;
      const auto lost = taken > m2;  // of its digits
      if (any(lost)) {
        const auto term = [&](int64_t i) { return (x[i] - mean - rest) * (x[i] - mean - rest); };
        m2 = choose(lost, team.reduce(n, T(0), Sum(), term), m2);
      }
    }
    const T rstd = T(1) / sqrt(m2 / T(n) + T(eps));
    if (any(far)) write(team, y, w, b, n, rstd, [&](int64_t i) { return x[i] - mean - rest; });
    else write(team, y, w, b, n, rstd, [&](int64_t i) { return x[i] - mean; });
    put(team, row[1], mean + rest);
    put(team, row[2], rstd);
  }

 private:
  template <class Team, class Y, class W, class T, class Term>
  CNN_HD static void write(const Team& team, Y y, W w, W b, int64_t n, const T& rstd, const Term& d) {
    if (w && b) team.each(n, [&](int64_t i) { y[i] = d(i) * rstd * w[i] + b[i]; });
    else if (w) team.each(n, [&](int64_t i) { y[i] = d(i) * rstd * w[i]; });
    else if (b) team.each(n, [&](int64_t i) { y[i] = d(i) * rstd + b[i]; });
    else team.each(n, [&](int64_t i) { y[i] = d(i) * rstd; });
  }
};

// dx = rstd (gw - mean(gw) - xhat mean(gw xhat)), gw = g w, xhat = (x - mean) rstd
struct LayerNormGrad : RowFunctor {
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto dx = row[0], g = row[1], x = row[2];
    const auto w = row.shared(5);
    const T mean = *row[3], rstd = *row[4];
    if (w) backward(team, dx, x, n, mean, rstd, [&](int64_t i) { return g[i] * w[i]; });
    else backward(team, dx, x, n, mean, rstd, [&](int64_t i) { return g[i]; });
  }

 private:
  template <class Team, class X, class T, class Term>
  CNN_HD static void backward(const Team& team, X dx, X x, int64_t n, const T& mean, const T& rstd, const Term& gw) {
    const auto sums = two_sums(team, n, [&](int64_t i) { return Two<T>{gw(i), gw(i) * (x[i] - mean)}; });
    const T a = sums.first() / T(n), b = sums.second() * rstd * rstd / T(n);
    team.each(n, [&](int64_t i) { dx[i] = rstd * (gw(i) - a - (x[i] - mean) * b); });
  }
};

// dw = sum g (x - mean) rstd and db = sum g over the rows of a layer norm: here a row runs along them, through one
// element of each, and mean and rstd are the same for all.
struct LayerNormWeight : RowFunctor {
  static constexpr int kCost = 1;
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto g = row[2], x = row[3];
    const auto mean = row.shared(4), rstd = row.shared(5);
    const auto sums = two_sums(team, n, [&](int64_t i) { return Two<T>{g[i] * ((x[i] - mean[i]) * rstd[i]), g[i]}; });
    put(team, row[0], sums.first());
    put(team, row[1], sums.second());
  }
};

// Channels, a row being what one channel of one image holds: y = max((x - center) scale + shift, floor). The center is
// taken off first, as x - center is exact where x is far from zero and near to it. Without a center or shift: 0.
struct ChannelScale : RowFunctor {
  static constexpr int kCost = 1;
  static constexpr bool kMixed = true;
  float floor = -__builtin_inff();
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto y = row[0], x = row[1];
    const T center = row.has(2) ? T(*row[2]) : T(0), scale = *row[3], shift = row.has(4) ? T(*row[4]) : T(0);
    const T least = T(floor);
    team.each(n, [&](int64_t i) {
      const T at = (x[i] - center) * scale + shift;
      y[i] = choose(at < least, least, at);
    });
  }
};

// A gradient g of relu((x - mean) scale + shift) with respect to what stands inside, ChannelScale's value.
template <class T> CNN_HD T stopped(T g, T x, T mean, T scale, T shift) {
  return choose((x - mean) * scale + shift <= T(0), T(0), g);
}

// sum g and sum g (x - mean); with scale and shift, g is a gradient behind a ReLU.
struct ChannelSums : RowFunctor {
  static constexpr int kCost = 1;
  static constexpr bool kMixed = true;
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto g = row[2], x = row[3];
    const T mean = *row[4];
    const auto sum = [&](const auto& gradient) {
      const auto sums = two_sums(team, n, [&](int64_t i) {
        const T v = gradient(i);
        return Two<T>{v, v * (x[i] - mean)};
      });
      put(team, row[0], sums.first());
      put(team, row[1], sums.second());
    };
    if (!row.has(5)) return sum([&](int64_t i) { return g[i]; });
    const T scale = *row[5], shift = *row[6];
    sum([&](int64_t i) { return stopped<T>(g[i], x[i], mean, scale, shift); });
  }
};

// dx = g a + (x - mean) b + c; with shift, g is a gradient behind a ReLU whose scale is a.
struct ChannelGrad : RowFunctor {
  static constexpr int kCost = 1;
  static constexpr bool kMixed = true;
  template <class T, class Team> CNN_HD void run(const Team& team, Row<T> row, int64_t n) const {
    const auto dx = row[0], g = row[1], x = row[2];
    const T mean = *row[3], a = *row[4], b = *row[5], c = *row[6];
    if (!row.has(7)) return team.each(n, [&](int64_t i) { dx[i] = g[i] * a + (x[i] - mean) * b + c; });
    const T shift = *row[7];
    team.each(n, [&](int64_t i) { dx[i] = stopped<T>(g[i], x[i], mean, a, shift) * a + (x[i] - mean) * b + c; });
  }
};

CNN_NUMBER(kRowsNorm, CNN_ROWS_NORM)

}  // namespace cnn::kernels::inline CNN_ISA
