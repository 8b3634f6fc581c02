#include "cnn/check.h"

#include <cstdio>

namespace cnn {

Error::~Error() = default;  // the key function: one RTTI for libcnn and everything that links it

void Message::add(std::string_view part) { text_.append(part); }
void Message::add(int64_t part) { text_ += std::to_string(part); }
void Message::add(double part) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%g", part);
  text_ += buffer;
}
void Message::add(const Dims& part) {
  text_ += '[';
  for (int i = 0; i < part.size(); ++i) {
    if (i) text_ += ", ";
    text_ += std::to_string(part[i]);
  }
  text_ += ']';
}

}  // namespace cnn
