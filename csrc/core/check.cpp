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

namespace {
void warn_on_stderr(const std::string& text) { std::fprintf(stderr, "Warning: %s\n", text.c_str()); }
}  // namespace

void (*warning_handler)(const std::string& text) = warn_on_stderr;
void warn(const std::string& text) { warning_handler(text); }

}  // namespace cnn
