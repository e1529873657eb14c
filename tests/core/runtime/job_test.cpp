#include "core/runtime/job.h"

#include <gtest/gtest.h>

#include <vector>

namespace whittle {
namespace {

Job count_samples(int* count) {
  while (auto sample = co_await next_sample("count", "", *count, -1)) {
    ++*count;
    if (sample->id == "bad") fail(Code::INVALID_DATA, "bad", "Expected good data");
  }
}

Job twice(std::vector<int>* passes) {
  for (int pass = 0; pass < 2; ++pass) {
    if (pass) co_await rewind_data("rewind");
    int count = 0;
    co_await count_samples(&count);
    passes->push_back(count);
  }
  co_await report_progress("end");
}

Job nothing() {
  co_return;
}

Job many_inner_jobs(int count) {
  for (int i = 0; i < count; ++i) co_await nothing();
}

Job catches(bool* caught) {
  int count = 0;
  try {
    co_await count_samples(&count);
  } catch (const Error&) {
    *caught = true;
  }
  co_await report_progress("recovered", "a layer with a long name", count, -1);
}

Sample named(const char* id) {
  Sample sample;
  sample.id = id;
  return sample;
}

TEST(Job, ForwardsTheWishesOfInnerJobsToTheDriver) {
  std::vector<int> passes;
  Job job = twice(&passes);
  EXPECT_EQ(job.step().want, Want::sample);
  EXPECT_EQ(job.step(named("a")).want, Want::sample);
  const JobStatus rewind = job.step();
  EXPECT_EQ(rewind.want, Want::rewind);
  EXPECT_EQ(rewind.progress.stage, "rewind");
  EXPECT_EQ(job.step().want, Want::sample);
  const JobStatus end = job.step();
  EXPECT_EQ(end.want, Want::nothing);
  EXPECT_FALSE(end.done);
  EXPECT_TRUE(job.step().done);
  EXPECT_TRUE(job.step().done);
  EXPECT_EQ(passes, (std::vector<int>{1, 0}));
}

TEST(Job, ThrowsTheErrorOfAnInnerJobFromStep) {
  std::vector<int> passes;
  Job job = twice(&passes);
  job.step();
  EXPECT_THROW(job.step(named("bad")), Error);
  EXPECT_TRUE(job.done());
}

TEST(Job, LetsAJobCatchTheErrorOfAnInnerOne) {
  bool caught = false;
  Job job = catches(&caught);
  job.step();
  EXPECT_EQ(job.step(named("bad")).progress.stage, "recovered");
  EXPECT_TRUE(caught);
  EXPECT_TRUE(job.step().done);
}

TEST(Job, UsesNoStackForAChainOfInnerJobs) {
  Job job = many_inner_jobs(100000);
  EXPECT_TRUE(job.step().done);
}

TEST(Job, CanBeDroppedInTheMiddle) {
  std::vector<int> passes;
  Job job = twice(&passes);
  job.step();
  Job moved = std::move(job);
  EXPECT_EQ(moved.step(named("a")).want, Want::sample);
}

}  // namespace
}  // namespace whittle
