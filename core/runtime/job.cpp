#include "core/runtime/job.h"

namespace whittle {

bool Job::done() const {
  return !handle_ || handle_.done();
}

JobStatus Job::step(std::optional<Sample> input) {
  if (done()) return JobStatus{true, Want::nothing, {}};
  JobChannel& channel = handle_.promise().own_channel;
  if (!channel.next) channel.next = handle_;
  channel.input = std::move(input);
  channel.suspended = false;
  while (!channel.suspended && !handle_.done()) channel.next.resume();
  if (!handle_.done()) return channel.status;
  if (handle_.promise().error) {
    std::rethrow_exception(std::exchange(handle_.promise().error, nullptr));
  }
  return JobStatus{true, Want::nothing, channel.status.progress};
}

}  // namespace whittle
