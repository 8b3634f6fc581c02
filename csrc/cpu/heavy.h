// The heavy CPU kernels, one table for each instruction set.
#pragma once

#include "cnn/export.h"
#include "device/heavy_table.h"

#define CNN_ISA_JOIN2(name, isa) name##_##isa
#define CNN_ISA_JOIN(name, isa) CNN_ISA_JOIN2(name, isa)
// heavy_table -> heavy_table_avx2, the name under which a build exports its table.
#define CNN_ISA_NAME(name) CNN_ISA_JOIN(name, CNN_ISA)

namespace cnn::cpu {

using cnn::Activation;
using cnn::AttentionArgs;
using cnn::AttentionPlanes;
using cnn::BiasOf;
using cnn::ConvArgs;
using cnn::GemmArgs;
using cnn::HeavyTable;
using cnn::PoolArgs;
using cnn::ResampleArgs;
using cnn::ResampleAxis;
using cnn::RnnArgs;
using cnn::RnnCell;

// Defined where the instruction set was built (CNN_HAVE_AVX2, CNN_HAVE_AVX512); call only what the processor runs.
CNN_API const HeavyTable& heavy_table_baseline();
CNN_API const HeavyTable& heavy_table_avx2();
CNN_API const HeavyTable& heavy_table_avx512();

}  // namespace cnn::cpu
