// A checkpoint as a file: the archive with its pickle and the storages that it refers to.
#pragma once

#include <string>

#include "io/pickler.h"

namespace cnn {

// In place of what is at `path`, in one step. std::system_error when the system refuses.
CNN_API void write_checkpoint(const std::string& path, const pickle::Pickler& pickler);

}  // namespace cnn
