#include "io/checkpoint_writer.h"

#include <algorithm>
#include <new>
#include <set>
#include <system_error>

#include "cnn/io.h"
#include "cnn/ops.h"
#include "io/archive.h"
#include "io/archive_writer.h"

namespace cnn {
namespace {

constexpr const char* kOp = "save_state_dict";

// The archive's folder is named as the file without its ending, if that is ASCII.
std::string archive_name(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  const size_t first = name.find_first_not_of('.'), dot = name.rfind('.');
  if (first != std::string::npos && dot != std::string::npos && dot > first) name.resize(dot);
  const bool ascii = std::all_of(name.begin(), name.end(), [](char c) { return uint8_t(c) < 0x80; });
  return ascii && !name.empty() ? name : "archive";
}

void add_storage(ArchiveWriter& archive, const std::string& name, const Ref<Storage>& storage) {
  const size_t size = storage->nbytes();
  Ref<Storage> here = storage;
  if (!storage->device().is_cpu()) {
    const Tensor bytes(make_ref<TensorImpl>(storage, Dims{int64_t(size)}, int64_t(size), DType::UInt8));
    here = to_device(bytes, kCpu).storage();
  }
  archive.add(name, {static_cast<const char*>(here->data()), size});
}

}  // namespace

void write_checkpoint(const std::string& path, const pickle::Pickler& pickler) {
  Replacement file(path);
  ArchiveWriter archive(file, archive_name(path));
  archive.add("data.pkl", pickler.code());
  archive.add(".format_version", "1");
  archive.add(".storage_alignment", std::to_string(ArchiveWriter::kAlignment));
  archive.add("byteorder", "little");
  for (size_t i = 0; i < pickler.storages().size(); ++i)
    add_storage(archive, "data/" + std::to_string(i), pickler.storages()[i]);
  archive.add("version", "3\n");
  archive.finish();
  file.commit();
}

void save_state_dict(const std::string& path, const StateDict& state) {
  check(path.find('\0') == std::string::npos, kOp, "the path holds a zero byte");
  std::set<std::string_view> names;
  for (const auto& [name, tensor] : state) {
    check(is_utf8(name), kOp, "the name of a tensor is not UTF-8");
    check(names.insert(name).second, kOp, "there are two tensors named ", name);
    check(tensor.defined(), kOp, "the tensor named ", name, " is undefined");
    check(!tensor.device().is_meta(), kOp, "the tensor named ", name, " is on the meta device, and has no values");
  }
  try {
    pickle::Pickler pickler;
    pickler.empty_dict();
    pickler.remember();
    std::unordered_map<const TensorImpl*, uint32_t> known;  // one tensor with two names stays one
    pickler.set_items(state.size(), [&](size_t i) {
      const auto& [name, tensor] = state[i];
      pickler.text(name);
      const auto [place, unseen] = known.emplace(tensor.impl(), 0);
      if (!unseen) return pickler.recall(place->second);
      pickler.tensor(tensor);
      place->second = pickler.remember();
    });
    pickler.stop();
    check(pickler.one_dtype_each(), kOp,
          "Cannot save multiple tensors or storages that view the same data as different types");
    write_checkpoint(path, pickler);
  } catch (const std::system_error& e) {
    fail(ErrorKind::Runtime, kOp, "cannot write ", path, ": ", e.code().message());
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::OutOfMemory, kOp, "there is too little memory to write ", path);
  }
}

}  // namespace cnn
