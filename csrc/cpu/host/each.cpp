#include "cnn/check.h"
#include "core/parallel.h"
#include "cpu/host/skeletons.h"

namespace cnn::cpu {

void each(int functor, const EachCall& call) {
  const EachLoop loop = tables().each[functor][int(call.dtype)];
  check_implemented(loop, "", "not implemented for '", dtype_type_name(call.dtype), "'");
  const int64_t grain = (1 << 16) / call.cost;
  if (call.ordered || call.n <= grain) {
    loop(call.functor, 0, call.n);
    return;
  }
  WorkScope scope(0.15 * double(call.n) * call.cost);
  parallel_for(call.n, grain, [&](int64_t begin, int64_t end) { loop(call.functor, begin, end); });
}

}  // namespace cnn::cpu
