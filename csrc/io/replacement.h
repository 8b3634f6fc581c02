// A file that takes the place of another in one step, once it is whole and on the disk.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "cnn/export.h"

namespace cnn {

// Whatever happens before `commit` returns, the path holds the whole old file or the whole new one. The new one has the
// owner, group and mode of the old one, as far as this process may give them. A link stays a link: what it names is
// replaced. A device or a pipe is written to. std::system_error when the system refuses.
class CNN_API Replacement {
 public:
  explicit Replacement(const std::string& path);
  ~Replacement();  // without a commit, nothing has happened
  Replacement(const Replacement&) = delete;

  int file() const { return file_; }
  void write(std::string_view bytes);
  bool can_change() const { return replaces_; }  // what has been written, that is
  void change(uint64_t at, std::string_view bytes);
  void commit();

 private:
  bool open_unnamed();
  void open_named();
  void finish();
  void take_over();
  bool give_name();
  bool link_as(const std::string& name) const;
  bool link_beside();
  bool rename_beside();
  void copy_to_named();
  [[noreturn]] void fail_with(int error) const;
  ssize_t checked(ssize_t result) const;

  const std::string path_;
  std::string name_;       // in the folder
  std::string temporary_;  // the file's name there, while it has one
  int folder_ = -1, file_ = -1;
  bool replaces_ = false;  // is there a place to be taken?
  bool unnamed_ = false;
  bool existed_ = false;
  struct stat former_ = {};
};

}  // namespace cnn
