// Every op. One declaration each, by family; names, arguments and defaults are PyTorch's.
#pragma once

#include "cnn/ops/arithmetic.h"
