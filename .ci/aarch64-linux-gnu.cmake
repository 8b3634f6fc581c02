# For aarch64 on another machine, with Debian's cross compiler; tests run under QEMU's emulation of a process:
#   cmake -S . -B build/arm -DCMAKE_TOOLCHAIN_FILE=.ci/aarch64-linux-gnu.cmake -DCNN_PYTHON=OFF -DCNN_TESTS=ON
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
find_program(CNN_QEMU NAMES qemu-aarch64 qemu-aarch64-static)
if(CNN_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${CNN_QEMU} -L /usr/aarch64-linux-gnu -E CNN_EMULATED=1)
endif()
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
