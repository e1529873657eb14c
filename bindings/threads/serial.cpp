#include "bindings/threads/make_pool.h"

namespace whittle::bindings {

std::unique_ptr<ThreadPool> make_pool(int) {
  return std::make_unique<SerialPool>();
}

}  // namespace whittle::bindings
