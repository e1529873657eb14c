// What a plan promises beyond its numbers: memory, threads, run-time shapes, control flow.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "core/runtime/memory_plan.h"
#include "tests/core/runtime/helpers.h"

namespace {

std::atomic<long> allocations{0};

}  // namespace

// Counts what this program allocates while it runs a session.
void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace whittle {
namespace {

using testing::expect_close;
using testing::expect_like_interpreter;
using testing::ModelBuilder;
using testing::random_floats;

std::vector<int64_t> ints(std::initializer_list<int64_t> values) {
  return values;
}

/** `depth` residual blocks. */
std::shared_ptr<Model> deep_model(int depth) {
  ModelBuilder b;
  ValueId x = b.input("x", DType::f32, {1, 8, 9, 9});
  for (int i = 0; i < depth; ++i) {
    const std::string tag = std::to_string(i);
    const ValueId conv = b.node("Conv", {x, b.weights("w" + tag, Shape{8, 8, 3, 3}, 0.1f)},
                                {{"pads", ints({1, 1, 1, 1})}});
    x = b.node("Relu", {b.node("Add", {conv, x})});
  }
  b.output(b.node("Flatten", {b.node("GlobalAveragePool", {x})}));
  return b.model();
}

TEST(Plan, LaterRunsAllocateOnlyForTheirResults) {
  long counts[2] = {0, 0};
  for (int i = 0; i < 2; ++i) {
    Session session(deep_model(i == 0 ? 1 : 12), {});
    const Feeds feeds{{"x", random_floats(Shape{1, 8, 9, 9}, 1)}};
    session.run(feeds);
    const long before = allocations.load();
    session.run(feeds);
    counts[i] = allocations.load() - before;
  }
  EXPECT_EQ(counts[0], counts[1]) << "allocations grow with the model";
  EXPECT_LT(counts[1], 16);
}

TEST(Plan, ArenaReusesMemory) {
  Session shallow(deep_model(2), {}), deep(deep_model(12), {});
  EXPECT_EQ(shallow.arena_bytes(), deep.arena_bytes());
}

TEST(Plan, WeightsArePackedOncePerSession) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {Dim::named("n"), 3, Dim::named("h"), 8});
  b.output(b.node("Conv", {x, b.weights("w", Shape{16, 3, 3, 3})}));
  Session session(b.model(), {});
  session.run({{"x", random_floats(Shape{1, 3, 8, 8}, 1)}});
  const int64_t bytes = session.constant_bytes();
  EXPECT_GT(bytes, 0);
  session.run({{"x", random_floats(Shape{2, 3, 9, 8}, 1)}});
  EXPECT_EQ(bytes, session.constant_bytes());
}

TEST(Plan, ConsumedModelsGiveTheSameResults) {
  const Feeds feeds{{"x", random_floats(Shape{1, 8, 9, 9}, 1)}};
  Session keeping(deep_model(3), {});
  SessionOptions options;
  options.consume = true;
  Session consuming(deep_model(3), options);
  expect_close(keeping.run(feeds)[0], consuming.run(feeds)[0], 0, "y");
  EXPECT_EQ(1u, consuming.model().graph.inputs.size());
}

/** Says it has several threads and runs tasks in a shuffled order with any thread number. */
class ScrambledPool final : public ThreadPool {
 public:
  int threads() const override { return 3; }
  void run(int64_t tasks, FunctionRef<void(int64_t, int)> task) override {
    for (int64_t i = tasks; i-- > 0;) task(i, static_cast<int>(i % 3));
  }
};

TEST(Plan, SameBitsForAnyNumberOfThreads) {
  ModelBuilder b;
  const Shape shape{1, 16, 40, 40};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  const ValueId conv = b.node("Conv", {x, b.weights("w", Shape{24, 16, 3, 3})});
  const ValueId dw =
      b.node("Conv", {conv, b.weights("d", Shape{24, 1, 3, 3})}, {{"group", int64_t{24}}});
  const ValueId act = b.node("Sigmoid", {b.node("Mul", {dw, dw})});
  const ValueId pooled = b.node("MaxPool", {act}, {{"kernel_shape", ints({2, 2})}});
  b.output(b.node("Softmax", {b.node("Transpose", {pooled}, {{"perm", ints({0, 3, 1, 2})}})}));
  b.output(b.node("GlobalAveragePool", {pooled}));
  ScrambledPool pool;
  SessionOptions options;
  options.pool = &pool;
  Session threaded(b.model(), options), single(b.model(), {});
  const Feeds feeds{{"x", random_floats(shape, 1)}};
  const auto one = single.run(feeds);
  const auto many = threaded.run(feeds);
  for (size_t i = 0; i < one.size(); ++i) expect_close(one[i], many[i], 0, "output");
}

TEST(Plan, ShapesFoundDuringTheRun) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {Dim::named("n")});
  const ValueId found = b.node("NonZero", {b.node("Relu", {x})});
  const ValueId picked = b.node("Gather", {x, b.node("Squeeze", {found, b.integers("axis", {0})})});
  b.output(b.node("Sigmoid", {picked}));
  b.output(b.node("Exp", {x}));
  expect_like_interpreter(b.model(), {{{"x", random_floats(Shape{9}, 1)}},
                                      {{"x", random_floats(Shape{9}, 2)}},
                                      {{"x", random_floats(Shape{4}, 3)}}});
}

TEST(Plan, ShapesGivenByInputs) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {Dim::named("n"), 6});
  const ValueId shape = b.input("shape", DType::i64, {2});
  b.output(b.node("Relu", {b.node("Reshape", {x, shape})}));
  std::vector<Feeds> feeds;
  for (int64_t rows : {2, 3, 4, 6, 12, 2}) {
    feeds.push_back({{"x", random_floats(Shape{2, 6}, 1)},
                     {"shape", Tensor::of<int64_t>(Shape{2}, {rows, -1})}});
  }
  for (int64_t rows : {1, 2, 3, 4, 6, 12}) {
    feeds.push_back({{"x", random_floats(Shape{4, 6}, 1)},
                     {"shape", Tensor::of<int64_t>(Shape{2}, {-1, 24 / rows})}});
  }
  expect_like_interpreter(b.model(), feeds);
}

/** If(flag) then x + w else Relu(x) * captured. */
TEST(Plan, BranchesCaptureAndCompile) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {Dim::named("n"), 4});
  const ValueId flag = b.input("flag", DType::boolean, {});
  const ValueId outer = b.node("Exp", {x});
  const auto branch = [&](bool then) {
    auto body = std::make_shared<Graph>();
    const auto capture = [&](ValueId id) {
      const ValueId inner = body->add_value(b.name(id) + "_inner", DType::f32);
      body->value(inner).captured = id;
      return inner;
    };
    const ValueId in = capture(x);
    Node node;
    node.name = then ? "then" : "else";
    node.op = then ? "Add" : "Mul";
    const ValueId other =
        then ? body->add_constant("w", random_floats(Shape{4}, 3)) : capture(outer);
    node.inputs = {in, other};
    node.outputs = {body->add_value("result")};
    body->outputs = {node.outputs[0]};
    body->nodes.push_back(node);
    return std::shared_ptr<const Graph>(body);
  };
  const ValueId y =
      b.node("If", {flag}, {{"then_branch", branch(true)}, {"else_branch", branch(false)}});
  b.output(b.node("Neg", {y}));
  std::vector<Feeds> feeds;
  for (bool value : {true, false, true}) {
    feeds.push_back({{"x", random_floats(Shape{3, 4}, 1)}, {"flag", Tensor::scalar(value)}});
  }
  expect_like_interpreter(b.model(), feeds);
}

TEST(Plan, RecurrentLayers) {
  for (const char* op : {"LSTM", "GRU", "RNN"}) {
    for (const char* direction : {"forward", "reverse", "bidirectional"}) {
      for (int64_t before : {0, 1}) {
        ModelBuilder b;
        const int64_t gates = std::string(op) == "LSTM" ? 4 : std::string(op) == "GRU" ? 3 : 1;
        const int64_t directions = std::string(direction) == "bidirectional" ? 2 : 1;
        const int64_t hidden = 10;
        const Shape shape{5, 2, 7};
        const ValueId x = b.input("x", DType::f32, to_dims(shape));
        Attributes attributes{{"hidden_size", hidden}, {"direction", std::string(direction)}};
        if (gates == 3) attributes["linear_before_reset"] = before;
        std::vector<ValueId> inputs{x, b.weights("w", Shape{directions, gates * hidden, 7}),
                                    b.weights("r", Shape{directions, gates * hidden, hidden}),
                                    b.weights("b", Shape{directions, 2 * gates * hidden})};
        if (before == 1) {
          inputs.push_back(kNoValue);
          inputs.push_back(b.weights("h0", Shape{directions, 2, hidden}));
        }
        for (ValueId out : b.nodes(op, inputs, gates == 4 ? 3 : 2, attributes)) b.output(out);
        expect_like_interpreter(
            b.model(), {{{"x", random_floats(shape, 1)}}, {{"x", random_floats(shape, 2)}}});
        Session session(b.model(), {});
        session.run({{"x", random_floats(shape, 1)}});
        EXPECT_EQ(std::string::npos, testing::kernels_of(session).find("reference")) << op;
      }
    }
  }
}

TEST(MemoryPlan, NeverOverlapsWhatLivesTogether) {
  Random random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<MemoryRequest> requests;
    for (int i = 0; i < 40; ++i) {
      const int first = static_cast<int>(random.below(30));
      requests.push_back({static_cast<int64_t>(random.below(5000)), first,
                          first + static_cast<int>(random.below(6)), 0});
    }
    const int64_t total = plan_memory(requests);
    for (const MemoryRequest& a : requests) {
      EXPECT_EQ(0, a.offset % kArenaAlignment);
      EXPECT_LE(a.offset + a.bytes, total);
      for (const MemoryRequest& b : requests) {
        if (&a == &b || a.last < b.first || b.last < a.first || a.bytes == 0 || b.bytes == 0)
          continue;
        EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset);
      }
    }
  }
}

}  // namespace
}  // namespace whittle
