// save_state_dict: what comes back, what is refused, and what happens to the file that was there.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "cnn/cnn.h"
#include "expect.h"
#include "io/crc32.h"

using namespace cnn;

namespace {

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/cnn_save_XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::system(("rm -rf " + path).c_str()) == 0 ? void() : std::perror(path.c_str()); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

StateDict sample() {
  const Tensor x = arange(0, 6, 1, DType::Float32).view({2, 3});
  return {{"weight", x}, {"turned", x.t()}, {"tail", x[1]}, {"count", scalar_tensor(7, DType::Int64)}};
}

void test_what_comes_back() {
  const Folder folder;
  StateDict state = sample();
  for (int i = 0; i < kDTypes; ++i) state.emplace_back(dtype_name(DType(i)), ones({2, 2}, DType(i)));
  state.emplace_back("empty", zeros({0, 3}));
  state.emplace_back("expanded", ones({3, 1}).expand({3, 4}));
  state.emplace_back("a dot. \xc3\xa4", ones({1}).requires_grad_());
  save_state_dict(folder / "net.pt", state);
  const StateDict loaded = load_state_dict(folder / "net.pt");
  EXPECT(loaded.size() == state.size());
  for (size_t i = 0; i < loaded.size(); ++i) {
    EXPECT(loaded[i].first == state[i].first);
    EXPECT(loaded[i].second.dtype() == state[i].second.dtype() && loaded[i].second.equal(state[i].second));
    EXPECT(loaded[i].second.strides() == state[i].second.strides());
  }
  EXPECT(loaded[0].second.storage() == loaded[1].second.storage() && loaded[2].second.offset() == 3);
  save_state_dict(folder / "none.pt", {});
  EXPECT(load_state_dict(folder / "none.pt").empty());
}

// tests/test_save_plain.py writes the same tensors, and knows the same checksum.
void test_bytes_are_those_of_python() {
  const Folder folder;
  save_state_dict(folder / "state.pt", sample());
  const std::string bytes = contents(folder / "state.pt");
  EXPECT(crc32(bytes.data(), bytes.size()) == 775813768);
}

void test_checksums() {
  EXPECT(crc32("123456789", 9) == 0xcbf43926);  // of every table of checksums
  const std::string text(1000, 'x');
  for (size_t cut = 0; cut < 70; ++cut)
    EXPECT(crc32(text.data() + cut, 1000 - cut, crc32(text.data(), cut)) == crc32(text.data(), 1000));
}

void test_what_is_refused() {
  const Folder folder;
  const std::string path = folder / "net.pt";
  save_state_dict(path, sample());
  const std::string before = contents(path);
  const Tensor x = ones({2});
  const Tensor as_ints(make_ref<TensorImpl>(x.storage(), Dims{2}, 2, DType::Int32));
  EXPECT_ERROR("named y is undefined", save_state_dict(path, {{"x", x}, {"y", Tensor()}}));
  EXPECT_ERROR("two tensors named x", save_state_dict(path, {{"x", x}, {"x", x}}));
  EXPECT_ERROR("meta device", save_state_dict(path, {{"x", zeros({2}, DType::Float32, kMeta)}}));
  EXPECT_ERROR("not UTF-8", save_state_dict(path, {{"\xff", x}}));
  EXPECT_ERROR("the same data as different types", save_state_dict(path, {{"x", x}, {"y", as_ints}}));
  EXPECT_ERROR("no does not exist", save_state_dict(folder / "no/net.pt", sample()));
  EXPECT_ERROR("zero byte", save_state_dict(path + '\0' + "x", sample()));
  EXPECT_ERROR("zero byte", load_state_dict(path + '\0' + "x"));
  EXPECT_ERROR("No such file", save_state_dict("", sample()));
  EXPECT_ERROR("too long", save_state_dict(folder / std::string(256, 'x'), sample()));
  EXPECT(symlink("there", (folder / "here").c_str()) == 0 && symlink("here", (folder / "there").c_str()) == 0);
  EXPECT_ERROR("symbolic links", save_state_dict(folder / "here", sample()));
  EXPECT_ERROR("Is a directory", save_state_dict(folder.path, sample()));
  if (access("/dev/full", W_OK) == 0) EXPECT_ERROR("No space left", save_state_dict("/dev/full", sample()));
  EXPECT(contents(path) == before);
  EXPECT_ERROR("no tensor named z", find(load_state_dict(path), "z"));
}

void test_the_file_that_was_there() {
  const Folder folder;
  const std::string path = folder / "net.pt", link = folder / "link.pt";
  save_state_dict(path, {});
  EXPECT(chmod(path.c_str(), 0604) == 0 && symlink("net.pt", link.c_str()) == 0);
  save_state_dict(link, sample());
  struct stat status;
  EXPECT(stat(path.c_str(), &status) == 0 && (status.st_mode & 07777) == 0604);
  EXPECT(lstat(link.c_str(), &status) == 0 && S_ISLNK(status.st_mode));
  EXPECT(load_state_dict(path).size() == sample().size());
}

void test_members_longer_than_the_buffer() {
  const Folder folder;
  const Tensor x = arange(0, 300000);
  save_state_dict(folder / "x", {{"x", x}, {"y", ones({3})}, {"z", x.to(DType::Float64)}});
  const StateDict loaded = load_state_dict(folder / "x");
  EXPECT(loaded[0].second.equal(x) && loaded[1].second.equal(ones({3})) &&
         loaded[2].second.equal(x.to(DType::Float64)));
}

// A file that ends anywhere is refused; one with another byte anywhere is refused, or says the same.
void test_damage() {
  const Folder folder;
  const StateDict state = {{"w", sample()[1].second}, {"n", scalar_tensor(7, DType::Int64)}};
  const std::string path = folder / "net.pt";
  save_state_dict(path, state);
  const std::string whole = contents(path);
  const auto load = [&](const std::string& bytes) {
    unlink(path.c_str());  // a file that is cut off is brought to the disk by some systems
    std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
    return load_state_dict(path);
  };
  int wrong = 0;
  for (size_t n = 0; n < whole.size(); ++n) {
    wrong += error_of([&] { load(whole.substr(0, n)); }).empty();
    for (const int change : {1, 0x20, 0x80, 0xff}) {
      std::string other = whole;
      other[n] = char(other[n] ^ change);
      try {
        const StateDict loaded = load(other);
        wrong += loaded.size() != 2 || loaded[0].first != "w" || loaded[1].first != "n" ||
                 !loaded[0].second.equal(state[0].second) || !loaded[1].second.equal(state[1].second);
      } catch (const Error&) {
      }
    }
  }
  EXPECT(wrong == 0);
}

// Values may be torn, but the file can be read. (A race on purpose.)
#if !defined(__SANITIZE_THREAD__)
void test_memory_that_changes_meanwhile() {
  const Folder folder;
  for (const int64_t n : {1000, 1 << 20}) {
    const Tensor x = zeros({n});
    std::atomic<bool> done = false;
    std::thread writer([&] {
      while (!done) x.add_(1);
    });
    for (int i = 0; i < 20; ++i) {
      save_state_dict(folder / "x", {{"x", x}});
      EXPECT(error_of([&] { load_state_dict(folder / "x"); }) == "");
    }
    done = true;
    writer.join();
  }
}
#endif

void test_saves_at_once() {
  const Folder folder;
  std::vector<std::thread> threads;
  std::atomic<int> torn = 0;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) {
        save_state_dict(folder / "x", {{"x", full({1000}, double(i))}});
        const Tensor x = load_state_dict(folder / "x")[0].second;
        torn += !x.eq(x[0]).all().item<bool>();
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT(torn == 0);
}

void test_pipes() {
  const Folder folder;
  int ends[2];
  EXPECT(pipe(ends) == 0);
  save_state_dict("/dev/fd/" + std::to_string(ends[1]), sample());
  std::string bytes(1 << 16, '\0');
  const ssize_t n = read(ends[0], bytes.data(), bytes.size());
  EXPECT(n > 0);
  std::ofstream(folder / "x", std::ios::binary).write(bytes.data(), n);
  EXPECT(load_state_dict(folder / "x").size() == sample().size());
  close(ends[0]);
  close(ends[1]);
}

}  // namespace

int main() {
  test_checksums();
  test_what_comes_back();
  test_bytes_are_those_of_python();
  test_what_is_refused();
  test_the_file_that_was_there();
#if !defined(__SANITIZE_THREAD__)
  test_memory_that_changes_meanwhile();
#endif
  test_damage();
  test_saves_at_once();
  test_pipes();
  test_members_longer_than_the_buffer();
  return report();
}
