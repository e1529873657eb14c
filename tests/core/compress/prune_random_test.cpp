#include <gtest/gtest.h>

#include <cmath>

#include "core/compress/prune/support/coupled_channels.h"
#include "core/compress/prune/support/shrink.h"
#include "core/ops/shape_inference.h"
#include "tests/core/compress/prune_nets.h"

namespace whittle {
namespace {

using test::Net;

/** Graphs of everything that couples channels, drawn by chance. */
class RandomNet {
 public:
  explicit RandomNet(uint64_t seed) : random_(seed) {}

  std::shared_ptr<const Model> make() {
    open_ = {{net_.relu("r0", net_.conv("c0", net_.x(), 3, 8)), 8}};
    for (int i = 1; i < 14; ++i) grow(std::to_string(i));
    // Everything left open ends in the head.
    std::vector<ValueId> all;
    int64_t channels = 0;
    for (const Open& each : open_) {
      all.push_back(each.value);
      channels += each.channels;
    }
    const ValueId joined =
        all.size() == 1 ? all[0] : net_.node("Concat", "end", all, {{"axis", int64_t{1}}});
    net_.finish_with(joined, channels);
    return net_.finish();
  }

 private:
  struct Open {
    ValueId value;
    int64_t channels;
  };

  Open pick() { return open_[random_.below(static_cast<uint32_t>(open_.size()))]; }

  void grow(const std::string& n) {
    const Open a = pick();
    switch (random_.below(8)) {
      case 0:
        return add(net_.relu("r" + n, net_.conv("c" + n, a.value, a.channels, 8)), 8);
      case 1:
        return add(net_.conv("c" + n, a.value, a.channels, 6, {}, {1, 1, 1}), 6);
      case 2:
        return add(net_.conv("c" + n, a.value, a.channels, a.channels, {}, {3, 1, a.channels}),
                   a.channels);
      case 3:
        if (a.channels % 2 != 0) return;
        return add(net_.conv("c" + n, a.value, a.channels, 8, {}, {3, 1, 2}), 8);
      case 4: {
        const Open b = pick();
        if (b.channels != a.channels) return;
        return add(net_.node("Add", "a" + n, {a.value, b.value}), a.channels);
      }
      case 5: {
        const Open b = pick();
        if (a.channels + b.channels > 24) return;
        return add(net_.node("Concat", "k" + n, {a.value, b.value}, {{"axis", int64_t{1}}}),
                   a.channels + b.channels);
      }
      case 6: {
        if (a.channels < 4) return;
        const int64_t begin = random_.below(2);
        const ValueId part =
            net_.node("Slice", "s" + n,
                      {a.value, net_.integers("f" + n, {begin}),
                       net_.integers("t" + n, {a.channels - 1}), net_.integers("x" + n, {1})});
        return add(part, a.channels - 1 - begin);
      }
      default: {
        const ValueId padded =
            net_.node("Pad", "p" + n, {a.value, net_.integers("w" + n, {0, 1, 0, 0, 0, 2, 0, 0})});
        return add(padded, a.channels + 3);
      }
    }
  }

  void add(ValueId value, int64_t channels) { open_.push_back({value, channels}); }

  Net net_;
  Random random_;
  std::vector<Open> open_;
};

TEST(PruneRandom, RandomGraphsShrinkAsIfTheirWeightsWereZero) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const auto model = RandomNet(seed).make();
    Graph graph = model->graph;
    infer_shapes(graph, all_ops());
    Coupling coupling(graph, all_ops());
    std::vector<ChannelLayerPlace> layers;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (!graph.nodes[i].is("Conv")) continue;
      layers.push_back(channel_layer_place(graph, static_cast<int>(i)));
      ASSERT_TRUE(coupling.follow(layers.back().output));
    }
    Random random(seed, 3);
    std::set<int> removed;
    for (const CoupledChannels& group : coupled_channels(graph, coupling.slots(), layers)) {
      ASSERT_EQ(group.obstacle, "") << "seed " << seed;
      for (size_t i = 1; i < group.classes.size(); ++i) {
        if (random.below(3) == 0) removed.insert(group.classes[i]);
      }
    }
    const KeptPlaces kept = kept_places(coupling.slots(), removed);
    Model zeroed = *model;
    for (const auto& [at, places] : kept) {
      Value& value = zeroed.graph.value(at.value);
      if (!value.is_constant()) continue;
      value.constant = value.constant.clone();
      const Shape& shape = value.constant.shape();
      const int64_t inner = shape.elements(at.axis + 1, shape.rank());
      const std::span<float> w = value.constant.mutable_data<float>();
      for (size_t i = 0; i < w.size(); ++i) {
        const int64_t place = static_cast<int64_t>(i) / inner % shape[at.axis];
        if (!places[static_cast<size_t>(place)]) w[i] = 0;
      }
    }
    Model smaller = *model;
    smaller.graph = graph;
    shrink(smaller.graph, all_ops(), kept);
    verify(smaller.graph);
    EXPECT_GT(test::output_sqnr_db(zeroed, smaller, 1), 100) << "seed " << seed;
  }
}

}  // namespace
}  // namespace whittle
