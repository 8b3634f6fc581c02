// Checkpoints: reading what Python wrote, cnn.save or torch.save, and writing what both read.
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

// Writes names and tensors as cnn.save writes a dict of them, to the byte. Tensors that share memory share it after
// loading. Whatever happens, the path holds the whole old file or the whole new one, with the old one's owner and mode.
// RuntimeError when a name comes twice, a tensor has no values, or the system refuses.
CNN_API void save_state_dict(const std::string& path, const StateDict& state);

// The tensor of that name. RuntimeError when there is none.
CNN_API const Tensor& find(const StateDict& state, const std::string& name);

}  // namespace cnn
