#include "io/replacement.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <random>
#include <system_error>

#include "cnn/check.h"
#include "io/crc32.h"

namespace cnn {
namespace {

// What the last part of a path names, if it is a link.
std::string follow(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  for (int i = 0; i < 40; ++i) {  // as many as the system follows
    char to[PATH_MAX];
    const ssize_t n = readlink(path.c_str(), to, sizeof to);
    if (n < 0) break;
    const std::string next(to, size_t(n));
    path = next.starts_with('/') ? next : path.substr(0, path.rfind('/') + 1) + next;
  }
  return path;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_folder(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// Of a name beside `name`, however long that is: whole characters.
std::string beginning_of(const std::string& name) {
  size_t n = std::min<size_t>(name.size(), 80);
  while (n > 0 && n < name.size() && (name[n] & 0xc0) == 0x80) --n;
  return "." + name.substr(0, n);
}

}  // namespace

Replacement::Replacement(const std::string& path) : path_(path) {
  const std::string target = follow(path), folder = folder_of(target);
  if (!is_folder(folder)) fail(ErrorKind::Runtime, "", "Parent directory ", folder_of(path), " does not exist.");
  existed_ = stat(path.c_str(), &former_) == 0;
  if (!existed_ && errno != ENOENT) fail_with(errno);
  // A device or a pipe has no place to be replaced in, nor has a file that lost its name and is reached through /proc.
  struct stat status;
  replaces_ = !existed_ || (S_ISREG(former_.st_mode) && stat(target.c_str(), &status) == 0);
  if (!replaces_) {
    file_ = int(checked(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)));
    return;
  }
  if (existed_) checked(faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS));
  folder_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_ < 0 && errno == EACCES)  // names can be made in it all the same, but not brought to the disk
    folder_ = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  checked(folder_);
  name_ = target.substr(target.rfind('/') + 1);
  try {
    if (!open_unnamed()) open_named();
  } catch (...) {
    close(folder_);
    throw;
  }
}

Replacement::~Replacement() {
  if (!temporary_.empty()) unlinkat(folder_, temporary_.c_str(), 0);
  close(file_);
  if (folder_ >= 0) close(folder_);
}

void Replacement::fail_with(int error) const { throw std::system_error(error, std::generic_category(), path_); }

ssize_t Replacement::checked(ssize_t result) const {
  if (result < 0) fail_with(errno);
  return result;
}

// A file that gets a name when it is whole: who is killed before leaves nothing behind. False if the file system cannot
// do that.
bool Replacement::open_unnamed() {
  file_ = openat(folder_, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0666);  // the umask decides, as for any new file
  if (file_ >= 0) return unnamed_ = true;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT) fail_with(errno);
  return false;
}

void Replacement::open_named() {
  std::random_device random;
  char mark[32];
  std::snprintf(mark, sizeof mark, ".%d.%08x%08x.tmp", int(getpid()), unsigned(random()), unsigned(random()));
  const std::string named = beginning_of(name_) + mark;
  file_ = int(checked(openat(folder_, named.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)));
  temporary_ = named;
}

void Replacement::write(std::string_view bytes) {
  while (!bytes.empty()) {  // one call writes at most 2 GiB
    const ssize_t n = ::write(file_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail_with(n < 0 ? errno : ENOSPC);
    bytes.remove_prefix(size_t(n));
  }
}

void Replacement::change(uint64_t at, std::string_view bytes) {
  const ssize_t n = checked(pwrite(file_, bytes.data(), bytes.size(), off_t(at)));
  if (size_t(n) != bytes.size()) fail_with(EIO);
}

void Replacement::commit() {
  if (!replaces_) return;
  finish();
  if (!unnamed_ || !give_name()) {
    if (unnamed_) copy_to_named();
    checked(renameat(folder_, temporary_.c_str(), folder_, name_.c_str()));
    temporary_.clear();
  }
  if (fsync(folder_) < 0 && errno != EBADF && errno != EINVAL) fail_with(errno);  // the renaming, too, is on the disk
}

void Replacement::finish() {
  if (existed_) take_over();
  checked(fsync(file_));
}

// Where the group cannot be kept, the new one gets no rights that others do not have.
void Replacement::take_over() {
  [[maybe_unused]] const bool refused =
      fchown(file_, former_.st_uid, former_.st_gid) < 0 && fchown(file_, uid_t(-1), former_.st_gid) < 0;
  struct stat now;
  checked(fstat(file_, &now));
  mode_t mode = former_.st_mode & 07777;
  if (now.st_gid != former_.st_gid) {
    mode &= ~mode_t(S_ISGID | S_IRWXG);
    mode |= (former_.st_mode & S_IRWXO) << 3;
  }
  if (now.st_uid != former_.st_uid) mode &= ~mode_t(S_ISUID);
  checked(fchmod(file_, mode));
}

bool Replacement::link_as(const std::string& name) const {
  const std::string source = "/proc/self/fd/" + std::to_string(file_);
  return linkat(AT_FDCWD, source.c_str(), folder_, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

// Is the file without a name now at its place? False where it cannot get there.
bool Replacement::give_name() {
  if (!existed_) {
    if (link_as(name_)) return true;
    if (errno != EEXIST) return false;
  }
  return link_beside() && rename_beside();
}

// Links the file under a name that is the same for each save at this place. A name can only be taken over from another,
// and who is killed in between leaves that one: the next save finds it and removes it, unless its owner does within the
// time that this takes.
bool Replacement::link_beside() {
  char mark[16];
  std::snprintf(mark, sizeof mark, ".%08x.tmp", crc32(name_.data(), name_.size()));
  const std::string beside = beginning_of(name_) + mark;
  bool linked = false;
  for (int i = 0; i < 50 && !(linked = link_as(beside)); ++i) {
    if (errno != EEXIST) return false;
    usleep(1000);
  }
  if (!linked) {
    unlinkat(folder_, beside.c_str(), 0);
    if (!link_as(beside)) return false;
  }
  temporary_ = beside;
  return true;
}

bool Replacement::rename_beside() {
  const bool renamed = renameat(folder_, temporary_.c_str(), folder_, name_.c_str()) == 0;
  if (!renamed && errno != ENOENT) fail_with(errno);
  temporary_.clear();
  if (renamed) return true;
  // Another save took it for a dead one's, and may have renamed it.
  struct stat ours, there;
  checked(fstat(file_, &ours));
  return fstatat(folder_, name_.c_str(), &there, 0) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

void Replacement::copy_to_named() {
  const int source = file_;
  try {
    open_named();
    std::string bytes(size_t(1) << 20, '\0');
    ssize_t n;
    for (off_t at = 0; (n = checked(pread(source, bytes.data(), bytes.size(), at))) > 0; at += n)
      write({bytes.data(), size_t(n)});
    finish();
  } catch (...) {
    close(source);
    throw;
  }
  close(source);
}

}  // namespace cnn
