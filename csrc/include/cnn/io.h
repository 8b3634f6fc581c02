// Reading checkpoints that Python wrote, cnn.save or torch.save.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cnn/tensor.h"

namespace cnn {

using StateDict = std::vector<std::pair<std::string, Tensor>>;

// The state dict in a file (zip and pickle, as cnn.save and torch.save write it), in its order, on the CPU.
// RuntimeError when the file is damaged, or holds anything but a dict from names to tensors. Nothing in it is executed.
CNN_API StateDict load_state_dict(const std::string& path);

// The tensor of that name. RuntimeError when there is none.
CNN_API const Tensor& find(const StateDict& state, const std::string& name);

}  // namespace cnn
