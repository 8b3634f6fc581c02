// Everything a C++ program needs: #include <cnn/cnn.h>
#pragma once

#include "cnn/autocast.h"
#include "cnn/autograd.h"
#include "cnn/check.h"
#include "cnn/io.h"
#include "cnn/methods.h"
#include "cnn/ops.h"
#include "cnn/ops/vision.h"
#include "cnn/optim.h"
#include "cnn/print.h"
#include "cnn/random.h"
#include "cnn/tensor.h"
#include "cnn/threads.h"
