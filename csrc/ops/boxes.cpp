// Overlaps of boxes.
#include <algorithm>
#include <array>

#include "cnn/ops/sort.h"
#include "cnn/ops/vision.h"
#include "ops/each.h"
#include "ops/vision.h"

namespace cnn {
namespace {

// The boxes by falling score, and their areas.
template <class T>
struct SortedBoxes {
  std::vector<T> x1, y1, x2, y2, area;
  SortedBoxes(const T* boxes, const int64_t* order, int64_t n) : x1(n), y1(n), x2(n), y2(n), area(n) {
    for (size_t i = 0; i < size_t(n); ++i) {
      check_index(order[i] >= 0 && order[i] < n, "nms", "the order of the scores was changed meanwhile");
      const T* const box = boxes + 4 * order[i];
      x1[i] = box[0], y1[i] = box[1], x2[i] = box[2], y2[i] = box[3];
      area[i] = (box[2] - box[0]) * (box[3] - box[1]);
    }
  }
};

template <class T>
std::vector<int64_t> kept_boxes(const Tensor& boxes, const Tensor& order, double threshold) {
  const int64_t n = boxes.shape()[0];
  const WorkScope scope(double(n) * double(n));
  const int64_t* const index = values_of<int64_t>(order);
  const SortedBoxes<T> b(values_of<T>(boxes), index, n);
  std::vector<uint8_t> dropped(size_t(n), uint8_t(0));
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < n; ++i) {
    if (dropped[size_t(i)]) continue;
    kept.push_back(index[i]);
    const T x1 = b.x1[size_t(i)], y1 = b.y1[size_t(i)], x2 = b.x2[size_t(i)], y2 = b.y2[size_t(i)],
            area = b.area[size_t(i)];
    parallel_for(n - i - 1, 16384, [&](int64_t begin, int64_t end) {
      for (size_t j = size_t(i + 1 + begin); j < size_t(i + 1 + end); ++j) {
        const T w = std::max(T(0), std::min(x2, b.x2[j]) - std::max(x1, b.x1[j]));
        const T h = std::max(T(0), std::min(y2, b.y2[j]) - std::max(y1, b.y1[j]));
        const T common = w * h;
        dropped[j] |= uint8_t(double(common / (area + b.area[j] - common)) > threshold);
      }
    });
  }
  return kept;
}

// The same on a GPU: which boxes overlap is computed there, some rows at a time, and looked through here.
template <class T>
std::vector<int64_t> kept_on_gpu(const Tensor& boxes, const Tensor& order, double threshold) {
  const int64_t n = boxes.shape()[0], words = (n + 63) / 64;
  const int64_t rows = std::max<int64_t>((1 << 23) / std::max<int64_t>(words, 1), 1);
  std::vector<uint64_t> dropped(size_t(words), 0);
  std::vector<int64_t> kept;
  const Tensor index = to_device(order, kCpu);
  for (int64_t first = 0; first < n; first += rows) {
    const int64_t count = std::min(rows, n - first);
    const Tensor bits = empty({count, words}, DType::Int64, boxes.device());
    each(kernels::OverlapBits{boxes.raw(), values_of<int64_t>(order), n, first, words, threshold,
                              written_to<uint64_t>(bits)},
         count * words, boxes.dtype(), boxes.device());
    const Tensor here = to_device(bits, kCpu);
    for (int64_t i = first; i < first + count; ++i) {
      if (dropped[size_t(i / 64)] >> (i % 64) & 1) continue;
      kept.push_back(values_of<int64_t>(index)[i]);
      const uint64_t* const row = values_of<uint64_t>(here) + (i - first) * words;
      for (int64_t w = i / 64; w < words; ++w) dropped[size_t(w)] |= row[w];
    }
  }
  return kept;
}

// ---- Rotated boxes ----

struct Point {
  double x, y;
};
using Corners = std::array<Point, 4>;
using Polygon = std::vector<Point>;

double cross(Point a, Point b, Point c) { return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x); }

// Around the origin (x, y): the y axis points down, the angle turns the other way round than a clock's hand.
template <class T>
Corners corners_of(const T* box, double x, double y) {
  const double angle = double(box[4]) * (M_PI / 180), c = std::cos(angle) / 2, s = std::sin(angle) / 2;
  const double cx = double(box[0]) - x, cy = double(box[1]) - y, w = double(box[2]), h = double(box[3]);
  return {{{cx + s * h + c * w, cy + c * h - s * w},
           {cx - s * h + c * w, cy - c * h - s * w},
           {cx - s * h - c * w, cy - c * h + s * w},
           {cx + s * h - c * w, cy + c * h + s * w}}};
}

// The part of a polygon on the inner side of a line (Sutherland and Hodgman 1974).
Polygon clipped(const Polygon& polygon, Point a, Point b) {
  Polygon part;
  for (size_t i = 0; i < polygon.size(); ++i) {
    const Point p = polygon[i], q = polygon[(i + 1) % polygon.size()];
    const double at_p = -cross(a, b, p), at_q = -cross(a, b, q);
    if (at_p >= 0) part.push_back(p);
    if ((at_p > 0 && at_q < 0) || (at_p < 0 && at_q > 0)) {
      const double t = at_p / (at_p - at_q);
      part.push_back({p.x + t * (q.x - p.x), p.y + t * (q.y - p.y)});
    }
  }
  return part;
}

double area_of(const Polygon& polygon) {
  double twice = 0;
  for (size_t i = 2; i < polygon.size(); ++i) twice += cross(polygon[0], polygon[i - 1], polygon[i]);
  return std::abs(twice) / 2;
}

template <class T>
float rotated_overlap(const T* a, const T* b) {
  const double area_a = double(a[2]) * double(a[3]), area_b = double(b[2]) * double(b[3]);
  if (!(area_a >= 1e-14 && area_b >= 1e-14)) return 0;
  const double x = (double(a[0]) + double(b[0])) / 2, y = (double(a[1]) + double(b[1])) / 2;
  const Corners first = corners_of(a, x, y), second = corners_of(b, x, y);
  Polygon common(first.begin(), first.end());
  for (size_t i = 0; i < 4; ++i) common = clipped(common, second[i], second[(i + 1) % 4]);
  const double both = area_of(common);
  return float(both / (area_a + area_b - both));
}

}  // namespace

Tensor nms(const Tensor& boxes, const Tensor& scores, double threshold) {
  if (mode_word & kAutocast && (is_reduced(boxes.dtype()) || is_reduced(scores.dtype()))) [[unlikely]] {
    const WithoutAutocast inside;  // as torchvision, in float32
    const auto wide = [](const Tensor& x) { return is_reduced(x.dtype()) ? to_dtype(x, DType::Float32) : x; };
    return nms(wide(boxes), wide(scores), threshold);
  }
  const Recorded range("torchvision::nms", boxes, scores, threshold);
  check_vision_devices("nms", {&boxes, &scores});
  check(boxes.dim() == 2, "nms", "boxes should be a 2d tensor, got ", boxes.dim(), "D");
  check(boxes.shape()[1] == 4, "nms", "boxes should have 4 elements in dimension 1, got ", boxes.shape()[1]);
  check(scores.dim() == 1, "nms", "scores should be a 1d tensor, got ", scores.dim(), "D");
  check(boxes.shape()[0] == scores.shape()[0], "nms",
        "boxes and scores should have same number of elements in dimension 0, got ", boxes.shape()[0], " and ",
        scores.shape()[0]);
  check(boxes.dtype() == scores.dtype(), "nms", "dets should have the same type as scores, got ", boxes.dtype(),
        " and ", scores.dtype());
  check_implemented(!boxes.device().is_meta(), "nms", "how many boxes stay depends on their values, which the meta ",
                    "device does not have");
  const NoGrad guard;
  const Tensor order = contiguous(sort(scores, 0, true).second), dense = contiguous(boxes);
  const std::vector<int64_t> kept = with_float("nms_kernel", boxes.dtype(), [&](auto t) {
    const auto find = boxes.device().is_cuda() ? kept_on_gpu<decltype(t)> : kept_boxes<decltype(t)>;
    return find(dense, order, threshold);
  });
  const Tensor y = empty({int64_t(kept.size())}, DType::Int64);
  std::copy(kept.begin(), kept.end(), written_to<int64_t>(y));
  return to_device(y, boxes.device());
}

Tensor box_iou_rotated(const Tensor& boxes1, const Tensor& boxes2) {
  const char* const op = "box_iou_rotated";
  check_vision_devices(op, {&boxes1, &boxes2});
  check_implemented(!boxes1.device().is_cuda(), op, "runs on the CPU only, and the tensors are on ", boxes1.device(),
                    "; move them with .cpu()");
  check(boxes1.dim() == 2 && boxes1.shape()[1] == 5, op, "boxes1 should have shape (N, 5), got ", boxes1.shape());
  check(boxes2.dim() == 2 && boxes2.shape()[1] == 5, op, "boxes2 should have shape (M, 5), got ", boxes2.shape());
  check(boxes1.dtype() == boxes2.dtype(), op, "boxes1 and boxes2 must have the same dtype");
  Grad grad({boxes1, boxes2});
  const NoGrad guard;
  const int64_t n = boxes1.shape()[0], m = boxes2.shape()[0];
  const Tensor y = empty({n, m}, DType::Float32, boxes1.device());
  const Tensor a = contiguous(boxes1), b = contiguous(boxes2);
  with_float(op, a.dtype(), [&](auto t) {
    using T = decltype(t);
    if (y.device().is_meta()) return;
    const WorkScope scope(400.0 * double(n) * double(m));
    parallel_for(n, grain_of(400.0 * double(m)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        for (int64_t j = 0; j < m; ++j)
          written_to<float>(y)[i * m + j] = rotated_overlap(values_of<T>(a) + 5 * i, values_of<T>(b) + 5 * j);
    });
  });
  return grad ? grad.record_no_derivative("box_iou_rotated", y) : y;
}

}  // namespace cnn
