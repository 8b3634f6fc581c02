// The language of pickles, as far as state dicts need it, and the names that PyTorch's files use in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "cnn/dtype.h"

namespace cnn::pickle {

enum class Op : uint8_t {
  Append = 'a',
  Appends = 'e',
  BinFloat = 'G',
  BinGet = 'h',
  BinInt = 'J',
  BinInt1 = 'K',
  BinInt2 = 'M',
  BinPersId = 'Q',
  BinPut = 'q',
  BinUnicode = 'X',
  Build = 'b',
  EmptyDict = '}',
  EmptyList = ']',
  EmptyTuple = ')',
  Global = 'c',
  LongBinGet = 'j',
  LongBinPut = 'r',
  Mark = '(',
  None = 'N',
  Pop = '0',
  Reduce = 'R',
  SetItem = 's',
  SetItems = 'u',
  Stop = '.',
  Tuple = 't',
  Proto = 0x80,
  Tuple1 = 0x85,
  Tuple2 = 0x86,
  Tuple3 = 0x87,
  NewTrue = 0x88,
  NewFalse = 0x89,
  Long1 = 0x8a,
  ShortBinUnicode = 0x8c,
  StackGlobal = 0x93,
  Memoize = 0x94,
  Frame = 0x95,
};

// Globals as GLOBAL has them: module, line break, name.
inline constexpr std::string_view kRebuildTensor = "torch._utils\n_rebuild_tensor_v2",
                                  kRebuildTensorV3 = "torch._utils\n_rebuild_tensor_v3",
                                  kRebuildParameter = "torch._utils\n_rebuild_parameter",
                                  kOrderedDict = "collections\nOrderedDict";

// The class of a dtype's storages: "torch\nFloatStorage". Dtypes that are only stored have those of bytes, and are
// named beside them, by kRebuildTensorV3.
std::string_view storage_of_dtype(DType dtype);
std::optional<DType> dtype_of_storage(std::string_view global);
// "torch\nfloat32", and back.
std::string_view global_of_dtype(DType dtype);
std::optional<DType> dtype_of_global(std::string_view global);

}  // namespace cnn::pickle
