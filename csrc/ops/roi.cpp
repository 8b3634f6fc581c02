// What the poolings over regions of interest ask of their operands.
#include "ops/vision.h"

#include "cnn/ops/create.h"
#include "cnn/ops/view.h"

namespace cnn {

void check_pooling(const RoiPooling& p, const char* name, const Tensor& x, const Tensor& rois) {
  check_vision_devices(p.op, {&x, &rois});
  check(rois.dim() == 2 && rois.shape()[1] == 5, p.op, "rois must have shape as Tensor[K, 5], got ", rois.shape());
  check_same_dtype(p.op, name, x, "rois", rois);
  const int64_t least = p.own_channels ? 1 : 0;
  check(p.bins_h >= least && p.bins_w >= least, p.op, "expected a pooled size of positive numbers, got ", p.bins_h,
        " x ", p.bins_w);
  check(p.bins_h <= INT32_MAX && p.bins_w <= INT32_MAX, p.op, "a pooled size of ", p.bins_h, " x ", p.bins_w,
        " is too large");
  check(p.images >= 0 && p.channels >= 0 && p.height >= 0 && p.width >= 0, p.op,
        "expected an input without negative sizes, got ", p.input());
  check(!p.own_channels || p.channels % p.bins() == 0, p.op,
        "input channels must be a multiple of pooling height * pooling width");
  with_float(p.op, x.dtype(), [](auto) {});
}

RoiPooling pooling_of(const char* op, const Tensor& input, const Tensor& rois, double scale, int64_t bins_h,
                      int64_t bins_w, bool own_channels) {
  check(input.dim() == 4, op, "expected input of 4 dimensions, got ", input.shape());
  const Dims& in = input.shape();
  const RoiPooling p = {op, scale, bins_h, bins_w, in[0], in[1], in[2], in[3], own_channels};
  check_pooling(p, "input", input, rois);
  return p;
}

RoiPooling pooling_back(const char* op, const Tensor& dy, const Tensor& rois, double scale, int64_t bins_h,
                        int64_t bins_w, const Dims& input, bool own_channels) {
  const RoiPooling p = {op, scale, bins_h, bins_w, input[0], input[1], input[2], input[3], own_channels};
  check_pooling(p, "grad", dy, rois);
  check(dy.shape() == p.output(rois.shape()[0]), op, "expected a gradient of shape ", p.output(rois.shape()[0]),
        ", got ", dy.shape());
  return p;
}

template <class T>
std::vector<Region<T>> regions_of(const RoiPooling& p, const Tensor& rois) {
  const Tensor dense = contiguous(rois);
  const T* row = values_of<T>(dense);
  std::vector<Region<T>> regions(size_t(rois.shape()[0]));
  for (Region<T>& r : regions) {
    const T image = row[0];
    check_index(image > -1 && image < T(p.images), p.op, "row ", int64_t(&r - regions.data()),
                " of rois has picture number ", double(image), ", and there are ", p.images);
    r = {int64_t(image), row[1], row[2], row[3], row[4]};
    row += 5;
  }
  return regions;
}
template std::vector<Region<float>> regions_of(const RoiPooling&, const Tensor&);
template std::vector<Region<double>> regions_of(const RoiPooling&, const Tensor&);

namespace {
void fail_picture(const Watch& w, int64_t row, const char* when) {
  fail(w.kind, w.op, "row ", row, " of rois has the number of a picture that is not one of ", w.extent, when);
}
}  // namespace

kernels::RoiGrid grid_of(const RoiPooling& p, const Tensor& rois) {
  const Watch watch = {fail_picture, p.op, ErrorKind::Index, p.images, 0};
  kernels::RoiGrid grid = p.grid();
  grid.rois = rois.raw(), grid.regions = rois.shape()[0], grid.bad = backend(rois.device()).watch(watch);
  return grid;
}

Tensor gradient_of_pictures(const RoiPooling& p, const Tensor& dy) {
  return dy.device().is_cuda() ? empty(p.input(), dy.dtype(), dy.device()) : zeros(p.input(), dy.dtype(), dy.device());
}

Tensor channel_mapping_of(const RoiPooling& p, int64_t regions, Device device) {
  check(p.channels <= INT32_MAX, p.op, "more channels than an int32 counts: ", p.channels);
  const NoGrad guard;
  const Tensor channels = arange(0, p.channels, 1, DType::Int32, device);
  return contiguous(expand(view(channels, p.output(1)), p.output(regions)));
}

}  // namespace cnn
