// All functors by number: a functor's position in its list is where a skeleton's table holds its loop.
// Each family header lists its own functors above them.
#pragma once

#include "kernels/activation.h"
#include "kernels/arithmetic.h"
#include "kernels/binary.h"
#include "kernels/create.h"
#include "kernels/index.h"
#include "kernels/loss.h"
#include "kernels/optim.h"
#include "kernels/rank.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/scan.h"
#include "kernels/select.h"
#include "kernels/unary.h"

namespace cnn::kernels::inline CNN_ISA {

#define CNN_MAP_LIST(X)                                                                  \
  CNN_MAP_ARITHMETIC(X) CNN_MAP_UNARY(X) CNN_MAP_BINARY(X) CNN_MAP_COMPARE(X)              \
  CNN_MAP_ACTIVATION(X) CNN_MAP_SELECT(X)
#define CNN_REDUCE_LIST(X) CNN_REDUCE_ALL(X)
#define CNN_ROWS_LIST(X) CNN_ROWS_NORM(X) CNN_ROWS_SCAN(X) CNN_ROWS_RANK(X)
#define CNN_EACH_LIST(X) CNN_EACH_CREATE(X) CNN_EACH_INDEX(X) CNN_EACH_LOSS(X) CNN_EACH_OPTIM(X)

#define CNN_ENUM(name, ...) name,
enum class MapId : int { CNN_MAP_LIST(CNN_ENUM) kCount };
enum class ReduceId : int { CNN_REDUCE_LIST(CNN_ENUM) kCount };
enum class RowsId : int { CNN_ROWS_LIST(CNN_ENUM) kCount };
enum class EachId : int { CNN_EACH_LIST(CNN_ENUM) kCount };
#undef CNN_ENUM

template <class F> struct IdOf;
#define CNN_ID(Id, name) \
  template <> struct IdOf<name> { static constexpr int value = int(Id::name); };
#define CNN_MAP_ID(name, ...) CNN_ID(MapId, name)
#define CNN_REDUCE_ID(name, ...) CNN_ID(ReduceId, name)
#define CNN_ROWS_ID(name, ...) CNN_ID(RowsId, name)
#define CNN_EACH_ID(name, ...) CNN_ID(EachId, name)
CNN_MAP_LIST(CNN_MAP_ID)
CNN_REDUCE_LIST(CNN_REDUCE_ID)
CNN_ROWS_LIST(CNN_ROWS_ID)
CNN_EACH_LIST(CNN_EACH_ID)
#undef CNN_MAP_ID
#undef CNN_REDUCE_ID
#undef CNN_ROWS_ID
#undef CNN_EACH_ID
#undef CNN_ID

}  // namespace cnn::kernels::CNN_ISA
