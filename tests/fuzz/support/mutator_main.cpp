// Drives LLVMFuzzerTestOneInput where libFuzzer is missing: seeded mutations of the corpus, with
// the few of libFuzzer's options that the test suite uses. Blind where libFuzzer looks at coverage.
//
//   fuzz_x -max_total_time=60 -seed=1 -max_len=65536 -artifact_prefix=found/ corpus...

#include <sanitizer/common_interface_defs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

Bytes current;              // what is being run, for save_current
std::string artifact_path;  // where it goes if it brings the program down

void save_current() {
  std::ofstream(artifact_path, std::ios::binary)
      .write(reinterpret_cast<const char*>(current.data()), std::ssize(current));
  std::fprintf(stderr, "ERROR: the input is in %s\n", artifact_path.c_str());
}

[[noreturn]] void on_timeout(int) {
  std::fprintf(stderr, "ERROR: timeout\n");
  save_current();
  _exit(1);
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

std::vector<Bytes> read_corpus(const std::vector<std::string>& paths) {
  std::vector<Bytes> corpus;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      corpus.push_back(read_file(path));
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      corpus.push_back(read_file(entry.path()));
    }
  }
  if (corpus.empty()) corpus.push_back({});
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  // Index below `bound`, or 0 if there is none.
  size_t below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void mutate(Bytes& bytes, const Bytes& other, size_t max_size) {
    const size_t at = below(bytes.size());
    const size_t count = 1 + below(std::min<size_t>(16, bytes.size()));
    const auto begin = bytes.begin() + static_cast<ptrdiff_t>(at);
    switch (below(7)) {
      case 0:  // one bit
        if (!bytes.empty()) bytes[at] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 1:  // one byte, often an extreme one
        if (!bytes.empty()) bytes[at] = kExtremes[below(std::size(kExtremes))];
        break;
      case 2:  // cut out
        bytes.erase(begin, begin + static_cast<ptrdiff_t>(std::min(count, bytes.size() - at)));
        break;
      case 3:  // truncate
        bytes.resize(at);
        break;
      case 4: {  // insert
        Bytes inserted(count);
        for (uint8_t& byte : inserted) byte = static_cast<uint8_t>(random_());
        bytes.insert(begin, inserted.begin(), inserted.end());
        break;
      }
      case 5: {  // repeat a piece
        const Bytes piece(begin,
                          begin + static_cast<ptrdiff_t>(std::min(count, bytes.size() - at)));
        bytes.insert(begin, piece.begin(), piece.end());
        break;
      }
      default:  // the tail of another input
        bytes.resize(at);
        bytes.insert(bytes.end(), other.begin() + static_cast<ptrdiff_t>(below(other.size())),
                     other.end());
    }
    if (bytes.size() > max_size) bytes.resize(max_size);
  }

 private:
  static constexpr uint8_t kExtremes[] = {0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x08};
  std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {
      {"max_total_time", "10"}, {"seed", "1"}, {"max_len", "65536"}, {"timeout", "10"}};
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    if (argument[0] == '-' && equals != std::string::npos) {
      options[argument.substr(1, equals - 1)] = argument.substr(equals + 1);
    } else {
      paths.push_back(argument);
    }
  }
  artifact_path = options["artifact_prefix"] + "crash";
  __sanitizer_set_death_callback(save_current);
  std::signal(SIGALRM, on_timeout);

  const std::vector<Bytes> corpus = read_corpus(paths);
  const auto run = [&options] {
    alarm(static_cast<unsigned>(std::stoul(options["timeout"])));
    const Bytes exact(current);  // no spare capacity, so that ASan sees one byte too far
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
    alarm(0);
  };
  size_t runs = 0;
  for (const Bytes& bytes : corpus) {
    current = bytes;
    run();
    ++runs;
  }
  Mutator mutator(std::stoull(options["seed"]));
  const size_t max_size = std::stoul(options["max_len"]);
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(std::stoul(options["max_total_time"]));
  while (std::chrono::steady_clock::now() < end) {
    current = corpus[mutator.below(corpus.size())];
    for (size_t i = 1 + mutator.below(4); i > 0; --i) {
      mutator.mutate(current, corpus[mutator.below(corpus.size())], max_size);
    }
    run();
    ++runs;
  }
  std::printf("stat::number_of_executed_units: %zu\n", runs);
}
