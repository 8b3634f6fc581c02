// Planes [outer, height, width, inner] in other sizes. The axis goes first that leaves less to do; depth is a pass of
// its own, over whole planes as rows.
#include "core/parallel.h"
#include "cpu/heavy_kernels.h"
#include "cpu/resample/columns.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

constexpr int64_t kPiece = 1 << 13;  // elements of long rows that a task takes at a time
constexpr int64_t kBlock = 1 << 16;  // elements of y that a task makes from rows of its own

constexpr int64_t kPastCache = 16 << 20;  // bytes of an output that is stored past the cache

struct Geometry {
  int64_t outer, in_rows, out_rows, in_row, out_row;  // the last two: elements of a row
  bool past_cache;
};

// f(begin, end) over tasks of about `work` vector operations each.
template <class F> void share(const Geometry& g, int64_t tasks, double work, const F& f) {
  parallel_for(tasks, 1 + int64_t(double(1 << 12) / (1 + work)), [&](int64_t begin, int64_t end) {
    f(begin, end);
    if (g.past_cache) __atomic_thread_fence(__ATOMIC_SEQ_CST);
  });
}

// Rows as they lie are summed to rows.
template <class T> void sum_all_rows(const Geometry& g, const Taps<T>& rows, const T* x, T* y) {
  const int64_t pieces = ceil_div(g.in_row, kPiece);
  const double work = double(min_of(g.in_row, kPiece)) / kLanes<T> * double(1 + rows.count / max_of(rows.out, 1));
  share(g, g.outer * pieces * rows.out, work, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t o = i % rows.out, image = i / rows.out / pieces, at = i / rows.out % pieces * kPiece;
      const int64_t k = rows.start[o];
      sum_rows(x + image * rows.in * g.in_row + at, g.in_row, rows.index + k, rows.weight + k, rows.start[o + 1] - k,
               y + (image * rows.out + o) * g.in_row + at, min_of(kPiece, g.in_row - at), g.past_cache);
    }
  });
}

// Each row of y is summed from rows of x, a tile at a time, before the pass along it. rows null: nothing is summed.
template <class T>
void rows_then_columns(const Geometry& g, const Taps<T>* rows, const Columns<T>& columns, int64_t inner, const T* x,
                       T* y) {
  const bool sums = rows && !rows->copies;
  const int64_t group = columns.group(), groups = ceil_div(g.out_rows, group), tiles = columns.tiles();
  const double work = double(group) * columns.cost() / double(max_of(tiles, 1));
  share(g, g.outer * groups * tiles, work, [&](int64_t begin, int64_t end) {
    const Scratch<T> summed(sums ? group * columns.widest() : 0), turned(columns.scratch());
    const T* from[kLanes<T>];
    T* to[kLanes<T>];
    for (int64_t i = begin; i < end; ++i) {
      const ColumnTile tile = columns.tile(i % tiles);
      const int64_t image = i / tiles / groups, first = i / tiles % groups * group;
      const int64_t count = min_of(group, g.out_rows - first);
      const T* const plane = x + image * g.in_rows * g.in_row + tile.low * inner;
      for (int64_t l = 0; l < count; ++l) {
        const int64_t o = first + l;
        to[l] = y + (image * g.out_rows + o) * g.out_row;
        from[l] = plane + (rows ? sums ? 0 : rows->index[o] : o) * g.in_row;
        if (!sums) continue;
        const int64_t k = rows->start[o];
        T* const sum = summed + l * columns.widest();
        sum_rows(plane, g.in_row, rows->index + k, rows->weight + k, rows->start[o + 1] - k, sum,
                 (tile.high - tile.low) * inner);
        from[l] = sum;
      }
      columns.run(tile, from, to, count, turned, g.past_cache);
    }
  });
}

// The rows of x that each block of rows of y reads, and where among them each tap finds its own.
template <class T> class RowBlocks {
 public:
  RowBlocks(const Taps<T>& rows, int64_t size)
      : size_(size), count_(ceil_div(rows.out, size)), first_(count_ + 1), used_(rows.count), place_(rows.count) {
    const Scratch<int64_t> seen(rows.in), at(rows.in);
    for (int64_t i = 0; i < rows.in; ++i) seen[i] = -1;
    int64_t n = 0;
    for (int64_t b = 0; b < count_; ++b) {
      first_[b] = n;
      for (int64_t k = rows.start[b * size]; k < rows.start[min_of((b + 1) * size, rows.out)]; ++k) {
        const int64_t row = rows.index[k];
        if (seen[row] != b) seen[row] = b, at[row] = n - first_[b], used_[n++] = row;
        place_[k] = at[row];
      }
      most_ = max_of(most_, n - first_[b]);
    }
    first_[count_] = n;
  }

  int64_t size() const { return size_; }
  int64_t count() const { return count_; }
  int64_t most() const { return most_; }
  const int64_t* used(int64_t block) const { return used_ + first_[block]; }
  int64_t used_count(int64_t block) const { return first_[block + 1] - first_[block]; }
  const int64_t* places() const { return place_; }

 private:
  const int64_t size_, count_;
  const Scratch<int64_t> first_, used_, place_;
  int64_t most_ = 0;
};

// The rows of x that a block needs go through their pass before they are summed.
template <class T>
void columns_then_rows(const Geometry& g, const Taps<T>& rows, const Columns<T>& columns, int64_t inner, const T* x,
                       T* y) {
  const RowBlocks<T> blocks(rows, min_of(max_of(rows.out, 1), 1 + kBlock / max_of(g.out_row, 1)));
  const double work = double(blocks.most()) * columns.cost() + double(blocks.size() * g.out_row) / kLanes<T>;
  share(g, g.outer * blocks.count(), work, [&](int64_t begin, int64_t end) {
    const Scratch<T> wide(blocks.most() * g.out_row), turned(columns.scratch());
    const T* from[kLanes<T>];
    T* to[kLanes<T>];
    for (int64_t i = begin; i < end; ++i) {
      const int64_t image = i / blocks.count(), b = i % blocks.count();
      const int64_t *const used = blocks.used(b), n = blocks.used_count(b);
      const T* const plane = x + image * g.in_rows * g.in_row;
      for (int64_t first = 0; first < n; first += columns.group()) {
        const int64_t count = min_of(columns.group(), n - first);
        for (int64_t c = 0; c < columns.tiles(); ++c) {
          const ColumnTile tile = columns.tile(c);
          for (int64_t l = 0; l < count; ++l) {
            from[l] = plane + used[first + l] * g.in_row + tile.low * inner;
            to[l] = wide + (first + l) * g.out_row;
          }
          columns.run(tile, from, to, count, turned, false);
        }
      }
      for (int64_t o = b * blocks.size(); o < min_of((b + 1) * blocks.size(), rows.out); ++o) {
        const int64_t k = rows.start[o];
        sum_rows<T>(wide, g.out_row, blocks.places() + k, rows.weight + k, rows.start[o + 1] - k,
                    y + (image * rows.out + o) * g.out_row, g.out_row, g.past_cache);
      }
    }
  });
}

// [outer, in..., inner] to [outer, out..., inner] along two axes, of which one may have nothing to do. What is read
// again at once stays in the cache.
template <class T>
void resample_planes(int64_t outer, const ResampleAxis& height, const ResampleAxis& width, int64_t inner, const T* x,
                     T* y, bool again = false) {
  Geometry g = {outer, height.in, height.out, width.in * inner, width.out * inner, false};
  g.past_cache = !again && double(outer) * double(g.out_rows) * double(g.out_row) * sizeof(T) >= kPastCache;
  if (!width.start) return sum_all_rows(g, Taps<T>(height), x, y);
  const Taps<T> across(width);
  const Columns<T> columns(across, inner);
  if (!height.start) {
    g.outer = 1, g.in_rows = g.out_rows = outer * height.in;
    return rows_then_columns<T>(g, nullptr, columns, inner, x, y);
  }
  const Taps<T> down(height);
  const auto sums = [&](int64_t row) { return double(down.count) * double(ceil_div(row, kLanes<T>)); };
  const double pass = columns.cost(), read = double(min_of(down.in, down.count));
  if (read * pass + sums(g.out_row) < double(down.out) * pass + (down.copies ? 0 : sums(g.in_row)))
    columns_then_rows(g, down, columns, inner, x, y);
  else rows_then_columns(g, &down, columns, inner, x, y);
}

template <class T> void resample_volumes(const ResampleArgs& a) {
  const ResampleAxis &depth = a.axis[0], &height = a.axis[1], &width = a.axis[2];
  const T* const x = static_cast<const T*>(a.x);
  T* const y = static_cast<T*>(a.y);
  if (!depth.start) return resample_planes(a.outer * depth.in, height, width, a.inner, x, y);
  // Planes as rows; the smaller result is the one between.
  const ResampleAxis none;
  const double whole_in = double(height.in) * double(width.in), whole_out = double(height.out) * double(width.out);
  if (double(depth.in) * whole_out < double(depth.out) * whole_in) {
    const int64_t row = height.out * width.out * a.inner;
    const Scratch<T> between(a.outer * depth.in * row);
    resample_planes<T>(a.outer * depth.in, height, width, a.inner, x, between, true);
    resample_planes<T>(a.outer, depth, none, row, between, y);
  } else {
    const int64_t row = height.in * width.in * a.inner;
    const Scratch<T> between(a.outer * depth.out * row);
    resample_planes<T>(a.outer, depth, none, row, x, between, true);
    resample_planes<T>(a.outer * depth.out, height, width, a.inner, between, y);
  }
}

}  // namespace

void resample(const ResampleArgs& a) {
  double elements = double(a.outer) * double(a.inner);
  for (const ResampleAxis& axis : a.axis) elements *= double(max_of(axis.in, axis.out));
  const WorkScope scope(0.3 * elements);
  if (a.dtype == DType::Float64) resample_volumes<double>(a);
  else resample_volumes<float>(a);
}

}  // namespace cnn::cpu::CNN_ISA
