// Found before the toolkit's header of this name where kernels are built for the host.
#pragma once

#include "../cuda_emulation_mma.h"
