// The third backend: shapes and dtypes only. That every op runs on it shows that checks come before writes.
#include "device/backend.h"

namespace cnn {
namespace {

void* allocate(size_t, Device) { return nullptr; }
void free_nothing(void*, void*, size_t) {}
void copy_bytes(void*, const void*, size_t) {}
Scalar read_element(const TensorImpl&) {
  fail(ErrorKind::Runtime, "item", "Tensor.item() cannot be called on meta tensors");
}
void map(int, const MapCall&) {}
void reduce(int, const ReduceCall&) {}
void rows(int, const RowsCall&) {}
void each(int, const EachCall&) {}
bool has_map(int functor, DType key) { return cpu_backend.has_map(functor, key); }
bool has_reduce(int functor, DType key) { return cpu_backend.has_reduce(functor, key); }
bool has_rows(int functor, DType key) { return cpu_backend.has_rows(functor, key); }
bool has_each(int functor, DType dtype) { return cpu_backend.has_each(functor, dtype); }

}  // namespace

const Backend meta_backend = {
    .allocate = allocate,
    .free = free_nothing,
    .copy_bytes = copy_bytes,
    .read_element = read_element,
    .map = map,
    .reduce = reduce,
    .rows = rows,
    .each = each,
    .has_map = has_map,
    .has_reduce = has_reduce,
    .has_rows = has_rows,
    .has_each = has_each,
    .each_many = nullptr,
    .watch = nullptr,
    .heavy = nullptr,
};

}  // namespace cnn
