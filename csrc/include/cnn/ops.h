// Every op. One declaration each, by family; names, arguments and defaults are PyTorch's.
#pragma once

#include "cnn/ops/activation.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/index.h"
#include "cnn/ops/join.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/optim.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/shape.h"
#include "cnn/ops/unary.h"
#include "cnn/ops/view.h"
