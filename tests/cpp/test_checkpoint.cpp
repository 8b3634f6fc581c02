// load_state_dict: what a state dict needs is read; everything else in a file raises cnn::Error, and soon.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "cnn/io.h"
#include "expect.h"

namespace {

using cnn::StateDict;
using std::string;

string little(uint64_t v, int bytes) {
  string s;
  for (int i = 0; i < bytes; ++i) s += i < 8 ? char(v >> 8 * i) : '\0';
  return s;
}

// The CRC-32 of zip files, bit by bit.
uint32_t checksum(const string& data) {
  uint32_t c = ~0u;
  for (const char b : data) {
    c ^= uint8_t(b);
    for (int bit = 0; bit < 8; ++bit) c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
  }
  return ~c;
}

// What a local header, or an entry of the directory, says about a member.
struct Told {
  string name, extra;
  uint64_t size, packed, crc, flags, method;
};

struct Member {
  string data;
  Told local, directory;
  uint64_t shift = 0;  // added to the place that the directory tells

  Member(const string& name, const string& bytes)
      : data(bytes),
        local{"archive/" + name, "", bytes.size(), bytes.size(), checksum(bytes), 0, 0},
        directory(local) {}
};

struct Zip {
  std::vector<Member> members;
  bool wide = false;  // with a zip64 end record
  uint64_t count = members.size(), narrow_count = count, disk = 0, shift = 0;
  string before = {}, behind = {}, comment = {};

  string bytes() const {
    string out = before, directory;
    for (const Member& m : members) {
      const Told &l = m.local, &d = m.directory;
      directory += "PK\1\2" + little(0, 4) + little(d.flags, 2) + little(d.method, 2) + little(0, 4) +
                   little(d.crc, 4) + little(d.packed, 4) + little(d.size, 4) + little(d.name.size(), 2) +
                   little(d.extra.size(), 2) + little(0, 10) + little(out.size() + m.shift, 4) + d.name + d.extra;
      out += "PK\3\4" + little(0, 2) + little(l.flags, 2) + little(l.method, 2) + little(0, 4) + little(l.crc, 4) +
             little(l.packed, 4) + little(l.size, 4) + little(l.name.size(), 2) + little(l.extra.size(), 2) + l.name +
             l.extra + m.data;
    }
    const uint64_t at = out.size() + shift, end = out.size() + directory.size();
    out += directory;
    if (wide)
      out += "PK\6\6" + little(44, 8) + little(0, 4) + little(disk, 8) + little(count, 8) + little(count, 8) +
             little(directory.size(), 8) + little(at, 8) + "PK\6\7" + little(0, 4) + little(end, 8) + little(1, 4);
    return out + "PK\5\6" + little(disk, 4) + little(narrow_count, 2) + little(narrow_count, 2) +
           little(directory.size(), 4) + little(at, 4) + little(comment.size(), 2) + comment + behind;
  }
};

string text(const string& s) { return "X" + little(s.size(), 4) + s; }
string global(const string& module, const string& name) { return "c" + module + "\n" + name + "\n"; }
string integer(int64_t v) { return "\x8a\x08" + little(uint64_t(v), 8); }
string tuple(const string& items) { return "(" + items + "t"; }
string repeated(const string& s, int n) {
  string all;
  for (int i = 0; i < n; ++i) all += s;
  return all;
}
const string kOrderedDict = global("collections", "OrderedDict") + ")R";

string storage(const string& count = integer(4), const string& kind = "FloatStorage", const string& key = text("0")) {
  return tuple(text("storage") + global("torch", kind) + key + text("cpu") + count) + "Q";
}
string tensor(const string& size, const string& stride, const string& offset = integer(0),
              const string& memory = storage(), const string& last = "", const string& requires_grad = "\x89") {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple(memory + offset + tuple(size) + tuple(stride) + requires_grad + kOrderedDict + last) + "R";
}
string row(int64_t n, int64_t stride = 1) { return tensor(integer(n), integer(stride)); }
string dict(const string& items) { return "}(" + items + "u"; }

const string kFour("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40", 16);  // 1, 2, 3, 4

Zip zip_of(const string& pickle, const string& data = kFour) {
  return {{Member("data.pkl", "\x80\x02" + pickle + "."), Member("byteorder", "little"), Member("data/0", data),
           Member("version", "3\n")}};
}

StateDict load_bytes(const string& bytes) {
  char path[] = "/tmp/cnn_checkpoint_XXXXXX";
  const int file = mkstemp(path);
  if (file < 0 || write(file, bytes.data(), bytes.size()) != ssize_t(bytes.size())) std::perror(path);
  close(file);
  struct Removed {
    const char* path;
    ~Removed() { unlink(path); }
  } removed{path};
  return cnn::load_state_dict(path);
}
StateDict load(const string& pickle) { return load_bytes(zip_of(pickle).bytes()); }
StateDict load_changed(const std::function<void(Zip&)>& change) {
  Zip zip = zip_of(dict(text("w") + row(4)));
  change(zip);
  return load_bytes(zip.bytes());
}

void test_state_dicts() {
  const StateDict state = load(dict(text("w") + row(4) + text("v") + tensor(integer(2), integer(2), integer(1))));
  EXPECT(state.size() == 2 && state[0].first == "w" && state[1].first == "v");
  EXPECT(state[0].second.data<float>()[3] == 4 && state[1].second.numel() == 2);
  EXPECT(state[0].second.storage() == state[1].second.storage() && state[1].second.offset() == 1);
  // A name that comes twice is one entry, the last, as in a dict of Python.
  const StateDict twice = load(dict(text("w") + row(4) + text("v") + row(2) + text("w") + row(3)));
  EXPECT(twice.size() == 2 && twice[0].first == "w" && cnn::find(twice, "w").numel() == 3);
  const string pairs = "](" + tuple(text("w") + row(4)) + tuple(text("v") + row(1)) + "e\x85R";
  EXPECT(load(global("collections", "OrderedDict") + pairs).size() == 2);
  const string attributes = dict(text("_metadata") + kOrderedDict) + "b";
  EXPECT(load(kOrderedDict + "(" + text("w") + row(4) + "u" + attributes).size() == 1);
}

void test_zip_files_that_others_write() {
  EXPECT(load_changed([](Zip& z) { z.wide = true, z.narrow_count = 0xffff; }).size() == 1);
  EXPECT(load_changed([](Zip& z) { z.comment = "a comment"; }).size() == 1);
  EXPECT(load_changed([](Zip& z) {  // sizes and checksum left to a record behind the data
           Member& m = z.members[2];
           m.local.flags = m.directory.flags = 8;
           m.local.size = m.local.packed = m.local.crc = 0;
         })
             .size() == 1);
}

void test_zip_files_that_lie() {
  const auto refused = [](const char* part, const std::function<void(Zip&)>& change) {
    EXPECT_ERROR(part, load_changed(change));
  };
  const auto both = [](Member& m, auto field, auto value) { m.local.*field = m.directory.*field = value; };
  refused("two members of one name", [](Zip& z) { z.members.push_back(z.members[2]), z.count = z.narrow_count = 5; });
  refused("compressed", [&](Zip& z) { both(z.members[2], &Told::method, 8); });
  refused("compressed", [&](Zip& z) { both(z.members[2], &Told::flags, 1); });
  refused("compressed", [](Zip& z) { z.members[2].directory.packed = 8; });
  refused("contradicts", [](Zip& z) { z.members[2].local.size = z.members[2].local.packed = 8; });
  refused("contradicts", [](Zip& z) { z.members[2].local.crc = 1; });
  refused("contradicts", [](Zip& z) { z.members[2].local.method = 8; });
  refused("contradicts", [](Zip& z) { z.members[2].local.flags = 0x800; });
  refused("another name", [](Zip& z) { z.members[2].local.name = "archive/data/1"; });
  refused("checksum", [&](Zip& z) { both(z.members[2], &Told::crc, 1); });
  refused("overlaps", [&](Zip& z) {
    both(z.members[2], &Told::size, 1 << 20);
    both(z.members[2], &Told::packed, 1 << 20);
  });
  refused("overlaps", [](Zip& z) { z.members[2].shift = -z.bytes().size() / 2; });
  refused("", [](Zip& z) { z.members[2].shift = 1; });
  refused("one folder", [&](Zip& z) { both(z.members[2], &Told::name, "other/data/0"); });
  refused("no path", [&](Zip& z) { both(z.members[2], &Told::name, "archive/\xff"); });
  refused("directory", [](Zip& z) { z.count = z.narrow_count = 3; });
  refused("directory", [](Zip& z) { z.count = z.narrow_count = 5; });
  refused("directory", [](Zip& z) { z.shift = 1; });
  refused("directory", [](Zip& z) { z.behind = "more"; });
  refused("not a zip", [](Zip& z) { z.before = "more"; });
  refused("several parts", [](Zip& z) { z.disk = 1; });
  refused("end records differ", [](Zip& z) { z.wide = true, z.narrow_count = 5; });
  refused("several parts", [](Zip& z) { z.wide = true, z.disk = 1; });
  refused("directory", [](Zip& z) { z.wide = true, z.narrow_count = 0xffff, z.count = uint64_t(1) << 60; });
  // 64-bit sizes of a member that wrap around when they are added to its place.
  const string huge = little(1, 2) + little(16, 2) + little(~uint64_t(15), 8) + little(~uint64_t(15), 8);
  refused("overlaps", [&](Zip& z) {
    both(z.members[2], &Told::size, 0xffffffff);
    both(z.members[2], &Told::packed, 0xffffffff);
    both(z.members[2], &Told::extra, huge);
  });
  refused("no member data.pkl", [](Zip& z) { z.members.erase(z.members.begin()), z.count = z.narrow_count = 3; });
  refused("newer", [](Zip& z) { z.members[3] = Member("version", "11\n"); });
  refused("big-endian", [](Zip& z) { z.members[1] = Member("byteorder", "big"); });
  refused("TorchScript", [](Zip& z) { z.members[1] = Member("constants.pkl", ""); });
}

void test_damaged_files() {
  const string whole = zip_of(dict(text("w") + row(4))).bytes();
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_ERROR("load_state_dict", load_bytes(whole.substr(0, n)));
  EXPECT_ERROR("cannot open", cnn::load_state_dict("/nonexistent"));
  EXPECT_ERROR("not a regular file", cnn::load_state_dict("/dev/zero"));
  EXPECT_ERROR("not a regular file", cnn::load_state_dict("/tmp"));
}

void test_tensors_that_lie() {
  const auto refused = [](const char* part, const string& value) { EXPECT_ERROR(part, load(dict(text("w") + value))); };
  const string four = integer(4), one = integer(1), much = integer(int64_t(1) << 62);
  refused("leaves its storage", row(5));
  refused("leaves its storage", row(3, 2));
  refused("leaves its storage", row(2, INT64_MAX));
  refused("leaves its storage", tensor(four, one, one));
  refused("leaves its storage", tensor(four, one, integer(-1)));
  refused("leaves its storage", tensor(integer(0), one, much));
  refused("no natural number", row(-1));
  refused("no natural number", row(2, -1));
  refused("no natural number", tensor(text("4"), one));
  refused("overflowed", tensor(much + four, integer(0) + integer(0)));
  refused("different length", tensor(four, one + one));
  refused("without a storage", tensor(four, one, text("0")));  // an offset that is text
  refused("without a storage", tensor(four, one, "N"));
  refused("conjugate or negative", tensor(four, one, integer(0), storage(), dict(text("neg") + "\x88")));
  refused("gradient of integers", tensor(four, one, integer(0), storage(four, "IntStorage"), "", "\x88"));
  refused("another size", tensor(four, one, integer(0), storage(integer(5))));
  refused("another size", tensor(four, one, integer(0), storage(integer(-4))));
  refused("another size", tensor(four, one, integer(0), storage(integer((int64_t(1) << 62) + 4))));  // times 4 wraps
  refused("another size", tensor(four, one, integer(0), storage(four, "LongStorage")));
  refused("not to a storage", tensor(four, one, integer(0), storage(text("4"))));
  refused("not to a storage", tensor(four, one, integer(0), storage(four, "FloatStorage", integer(0))));
  refused("no member data/1", tensor(four, one, integer(0), storage(four, "FloatStorage", text("1"))));
  refused("names torch.FloorStorage", tensor(four, one, integer(0), storage(four, "FloorStorage")));
  refused("type that is no storage's", tensor(four, one, integer(0), storage(four, "float32")));
  refused("two dtypes", row(4) + text("v") + tensor(four, one, integer(0), storage(four, "IntStorage")));
}

void test_pickles_that_lie() {
  const auto refused = [](const char* part, const string& pickle) { EXPECT_ERROR(part, load(pickle)); };
  refused("names os.system", global("os", "system") + tuple(text("true")) + "R");
  refused("no function", global("torch", "FloatStorage") + tuple(integer(4)) + "R");
  refused("a call of something else", dict("") + ")R");
  refused("holds no dict", row(4));
  refused("tensors by name", dict(text("w") + "N"));
  refused("tensors by name", dict(integer(1) + row(4)));
  refused("a key without a value", dict(text("w")));
  refused("UTF-8", dict(text("\xc0\x80") + row(4)));
  refused("UTF-8", dict(text("\xed\xa0\x80") + row(4)));
  refused("empty stack", "");
  refused("empty stack", "N(0");  // what lies below a mark is out of reach
  refused("empty stack", "NNu");
  refused("did not remember", "h\1");
  refused("did not remember", "Nq\1j\xff\xff\xff\xff");
  refused("remembers too much", "Nr\xff\xff\xff\xff");
  refused("ends early", "X\xff\xff\xff\xff");
  refused("ends early", "\x95" + little(3, 8) + integer(1));
  refused("frame within a frame", "\x95" + little(20, 8) + "\x95" + little(1, 8));
  refused("not known", "\x80\x09");
  refused("not need", "\x82\1");  // an extension code
  refused("64 bits", "\x8a\xff");
  refused("attributes of", "}}b");
  refused("appending", ")Na");
  refused("no pair", global("collections", "OrderedDict") + "](" + text("ab") + "e\x85R");
}

// A file that is small must not take long, nor much memory or stack.
void test_pickles_that_unfold() {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_ERROR("holds no dict", load(")" + repeated("\x85", 1000000)));
  EXPECT_ERROR("holds no dict", load(repeated("]", 1000000) + repeated("a", 999999)));
  EXPECT(load("}q\1" + repeated("(" + text("w") + row(4) + "u", 20000)).size() == 1);
  string items;
  for (int i = 0; i < 100000; ++i) items += text(std::to_string(i)) + "h\1";
  EXPECT(load(row(4) + "q\1" + dict(items)).size() == 100000);
  const string pair = tuple(text("w") + row(4));
  EXPECT_ERROR("unfolds", load(global("collections", "OrderedDict") + "q\1](" +
                               repeated("(N"
                                        "Nt",
                                        100000) +
                               "e\x85q\2R" + repeated("h\1h\2R", 100000)));
  EXPECT_ERROR("unfolds",
               load(tuple(repeated("K\1", 100000)) + "q\1" + storage() + "q\2" +
                    repeated(global("torch._utils", "_rebuild_tensor_v2") + "(h\2" + integer(0) + "h\1h\1\x89NtR", 3)));
  const string long_name = text(string(1000000, 'w'));
  EXPECT(load(row(4) + "q\1" + long_name + "q\2}(" + repeated("h\2h\1", 300000) + "u").size() == 1);
  EXPECT(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

}  // namespace

int main() {
  test_state_dicts();
  test_zip_files_that_others_write();
  test_zip_files_that_lie();
  test_damaged_files();
  test_tensors_that_lie();
  test_pickles_that_lie();
  test_pickles_that_unfold();
  return report();
}
