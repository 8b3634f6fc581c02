// Limits of cgroups, read from trees laid out for the purpose, and this machine's own facts.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/cpu_info.h"
#include "expect.h"

using namespace cnn;

namespace {

struct Tree {
  std::string root;
  Tree() {
    char name[] = "/tmp/cnn_cgroup_XXXXXX";
    root = mkdtemp(name);
  }
  ~Tree() { std::filesystem::remove_all(root); }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::FILE* file = std::fopen((root + path).c_str(), "w");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }
};

void version_2() {
  const Tree tree;
  tree.write("/proc/self/cgroup", "0::/a/b\n");
  tree.write("/sys/fs/cgroup/a/b/memory.max", "max\n");
  tree.write("/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
  tree.write("/sys/fs/cgroup/a/memory.max", "1000000\n");
  tree.write("/sys/fs/cgroup/a/memory.current", "700000\n");
  tree.write("/sys/fs/cgroup/a/memory.stat", "anon 5\nactive_file 9\ninactive_file 200000\n");
  tree.write("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
  const CgroupLimits limits = cgroup_limits(tree.root);
  EXPECT(limits.memory_limit == 1000000);
  EXPECT(limits.memory_available == 500000);
  EXPECT(limits.cpus == 1.5);
}

void version_1() {
  const Tree tree;
  tree.write("/proc/self/cgroup", "5:cpu,cpuacct:/box\n4:memory:/box/inner\n1:name=systemd:/\n0::/\n");
  tree.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  tree.write("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "5000\n");
  tree.write("/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "6000\n");
  tree.write("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "50000\n");
  tree.write("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  tree.write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  tree.write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const CgroupLimits limits = cgroup_limits(tree.root);
  EXPECT(limits.memory_limit == 5000 && limits.memory_available == 0);
  EXPECT(limits.cpus == 0.5);
}

void none() {
  const Tree tree;
  tree.write("/proc/self/cgroup", "garbage\n:\n3:memory\n0::\n");
  const CgroupLimits limits = cgroup_limits(tree.root);
  EXPECT(limits.memory_limit == UINT64_MAX && limits.memory_available == UINT64_MAX);
  EXPECT(limits.cpus == 0);
}

void this_machine() {
  EXPECT(available_cpus() >= 1);
  EXPECT(memory_limit() > (uint64_t(64) << 20));
  EXPECT(memory_available() > 0 && memory_available() <= memory_limit());
  EXPECT(isa_name(cpu_isa())[0] != '\0' && cpu_isa() == cpu_isa());
}

}  // namespace

int main() {
  version_2();
  version_1();
  none();
  this_machine();
  return report();
}
