#include "core/onnx/read_tensor.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/base/checked.h"
#include "core/onnx/proto.h"

namespace whittle::onnx {
namespace {

/** The fields of a TensorProto; views point into the file. */
struct Fields {
  std::vector<int64_t> dims;
  int64_t data_type = 0;
  std::string name;
  std::optional<std::string_view> raw;
  /** float_data and double_data in one packed run are laid out like raw_data. */
  std::optional<std::string_view> packed_floats;
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<int64_t> integers;  // int32_data, int64_data and uint64_data
  std::vector<std::string> strings;
  std::map<std::string, std::string> external;
  bool is_external = false;
};

void read_entry(Message entry, std::map<std::string, std::string>& out) {
  std::string key, value;
  while (entry.next()) {
    switch (entry.field()) {
      case proto::entry::key:
        key = entry.text();
        break;
      case proto::entry::value:
        value = entry.text();
        break;
      default:
        entry.skip();
    }
  }
  out[key] = std::move(value);
}

/** Appends to `list`, or remembers a first packed run as it lies, to be borrowed. */
template <typename T, typename Append>
void read_packed(Message& message, std::vector<T>& list, std::optional<std::string_view>& run,
                 const Append& append) {
  if (message.is_packed() && list.empty() && !run) {
    run = message.bytes();
    return;
  }
  if (run) {
    const size_t count = run->size() / sizeof(T);
    list.resize(count);
    if (count > 0) std::memcpy(list.data(), run->data(), count * sizeof(T));
    run.reset();
  }
  append(list);
}

Fields read_fields(std::string_view bytes, const Source& source) {
  Fields fields;
  Message message(bytes, source);
  while (message.next()) {
    switch (message.field()) {
      case proto::tensor::dims:
        message.append_integers(fields.dims);
        break;
      case proto::tensor::data_type:
        fields.data_type = message.integer();
        break;
      case proto::tensor::name:
        fields.name = message.text();
        break;
      case proto::tensor::raw_data:
        fields.raw = message.bytes();
        break;
      case proto::tensor::float_data:
        read_packed(message, fields.floats, fields.packed_floats,
                    [&](std::vector<float>& list) { message.append_floats(list); });
        break;
      case proto::tensor::double_data:
        read_packed(message, fields.doubles, fields.packed_floats,
                    [&](std::vector<double>& list) { message.append_doubles(list); });
        break;
      case proto::tensor::int32_data:
      case proto::tensor::int64_data:
      case proto::tensor::uint64_data:
        message.append_integers(fields.integers);
        break;
      case proto::tensor::string_data:
        fields.strings.push_back(message.text());
        break;
      case proto::tensor::external_data:
        read_entry(message.message(), fields.external);
        break;
      case proto::tensor::data_location:
        fields.is_external = message.integer() == 1;
        break;
      case proto::tensor::segment:
        fail(Code::UNSUPPORTED, fields.name, "Expected a whole tensor for '", fields.name,
             "' but received one stored in segments");
      default:
        message.skip();
    }
  }
  return fields;
}

class TensorReader {
 public:
  TensorReader(std::string_view bytes, TensorContext& context, Storage storage)
      : bytes_(bytes),
        context_(context),
        storage_(storage),
        fields_(read_fields(bytes, context.source)),
        where_("tensor '" + fields_.name + "'") {}

  NamedTensor read() {
    check_type();
    if (fields_.dims.size() > static_cast<size_t>(kMaxRank)) {
      fail(Code::LIMIT_EXCEEDED, where_, "Expected at most ", kMaxRank, " dimensions for ", where_,
           " but received ", fields_.dims.size());
    }
    for (int64_t dim : fields_.dims) {
      if (dim < 0) invalid("dimensions of at least 0", std::to_string(dim));
      shape_.push_back(dim);
    }
    count_ = shape_.elements();
    Tensor tensor = fields_.is_external ? external() : embedded();
    if (dtype_ == DType::boolean) tensor = clean_booleans(std::move(tensor));
    return {std::move(fields_.name), std::move(tensor)};
  }

 private:
  [[noreturn]] void invalid(const std::string& expected, const std::string& received) {
    fail(Code::INVALID_MODEL, where_, "Expected ", expected, " for ", where_, " but received ",
         received);
  }

  void check_type() {
    const auto last = static_cast<int64_t>(kLastDType);
    if (fields_.data_type < 1) invalid("an element type", "none");
    if (fields_.data_type > last) {
      fail(Code::UNSUPPORTED_TYPE, where_, "Expected an element type from 1 to ", last, " for ",
           where_, " but received ", fields_.data_type);
    }
    dtype_ = static_cast<DType>(fields_.data_type);
  }

  Tensor embedded() {
    if (dtype_ == DType::string) return strings();
    if (fields_.raw) return slice(*fields_.raw);
    const bool floating = dtype_ == DType::f32 || dtype_ == DType::f64 || dtype_ == DType::c64 ||
                          dtype_ == DType::c128;
    if (fields_.packed_floats && floating) return slice(*fields_.packed_floats);
    if (dtype_ == DType::f32 || dtype_ == DType::c64) return from_list(fields_.floats);
    if (dtype_ == DType::f64 || dtype_ == DType::c128) return from_list(fields_.doubles);
    return from_integers();
  }

  Tensor strings() {
    if (static_cast<int64_t>(fields_.strings.size()) != count_) {
      invalid(std::to_string(count_) + " strings", std::to_string(fields_.strings.size()));
    }
    Tensor tensor = Tensor::allocate(DType::string, shape_);
    tensor.mutable_strings() = std::move(fields_.strings);
    return tensor;
  }

  void check_size(int64_t received) {
    const int64_t wanted = dtype_bytes(dtype_, count_);
    if (received != wanted) {
      invalid(std::to_string(wanted) + " bytes (" + std::string(dtype_name(dtype_)) +
                  to_string(shape_) + ")",
              std::to_string(received));
    }
  }

  size_t alignment() const { return dtype_bits(dtype_) >= 64 ? 8 : 4; }

  /** The elements where they lie, moved left over fields already read until they are aligned. */
  Tensor slice(std::string_view data) {
    check_size(static_cast<int64_t>(data.size()));
    const size_t shift = reinterpret_cast<uintptr_t>(data.data()) % alignment();
    const auto room = static_cast<size_t>(data.data() - bytes_.data());
    if (storage_ == Storage::copy || shift > room) return copy(data);
    // The file's buffer is ours to change (reader.h); views of it are const for everyone else.
    char* target = const_cast<char*>(data.data()) - shift;
    if (shift > 0 && !data.empty()) std::memmove(target, data.data(), data.size());
    return Tensor::borrow(dtype_, shape_, target, context_.owner);
  }

  Tensor copy(std::string_view data) {
    Tensor tensor = Tensor::allocate(dtype_, shape_);
    if (!data.empty()) std::memcpy(tensor.mutable_raw(), data.data(), data.size());
    return tensor;
  }

  template <typename T>
  Tensor from_list(const std::vector<T>& list) {
    check_size(static_cast<int64_t>(list.size() * sizeof(T)));
    return copy({reinterpret_cast<const char*>(list.data()), list.size() * sizeof(T)});
  }

  /** One integer of the list is one element, or one byte of packed elements; 16-bit and 8-bit
   * floats are given by their bits. */
  Tensor from_integers() {
    const bool packed = is_packed(dtype_);
    const int64_t wanted = packed ? dtype_bytes(dtype_, count_) : count_;
    if (static_cast<int64_t>(fields_.integers.size()) != wanted) {
      invalid(std::to_string(wanted) + " values (" + std::string(dtype_name(dtype_)) +
                  to_string(shape_) + ")",
              std::to_string(fields_.integers.size()));
    }
    Tensor tensor = Tensor::allocate(dtype_, shape_);
    const auto width = static_cast<size_t>(packed ? 1 : dtype_bits(dtype_) / 8);
    std::byte* out = tensor.mutable_raw();
    for (int64_t value : fields_.integers) {
      std::memcpy(out, &value, width);  // little endian: the low bytes come first
      out += width;
    }
    return tensor;
  }

  int64_t external_number(const char* key, int64_t fallback) {
    const auto found = fields_.external.find(key);
    if (found == fields_.external.end()) return fallback;
    const std::string& text = found->second;
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) {
      invalid(std::string("a number of bytes as external '") + key + "'", "'" + text + "'");
    }
    return value;
  }

  const Bytes* find_external(const std::string& location) const {
    const auto exact = context_.external.find(location);
    if (exact != context_.external.end()) return &exact->second;
    // "./weights.bin" and "folder\\weights.bin" are the same file given by its bare name.
    const size_t slash = location.find_last_of("/\\");
    if (slash == std::string::npos) return nullptr;
    const auto bare = context_.external.find(location.substr(slash + 1));
    return bare == context_.external.end() ? nullptr : &bare->second;
  }

  Tensor external() {
    if (dtype_ == DType::string) invalid("strings inside the model", "external data");
    const std::string location = fields_.external["location"];
    if (location.empty()) invalid("a location of its external data", "none");
    const int64_t wanted = dtype_bytes(dtype_, count_);
    const int64_t offset = external_number("offset", 0);
    check_size(external_number("length", wanted));
    const Bytes* file = find_external(location);
    if (file == nullptr) {
      context_.missing.insert(location);
      return Tensor::borrow(dtype_, shape_, nullptr);
    }
    if (checked_add(offset, wanted, where_) > static_cast<int64_t>(file->size)) {
      invalid("bytes " + std::to_string(offset) + " to " + std::to_string(offset + wanted) +
                  " of '" + location + "'",
              "a file of " + std::to_string(file->size) + " bytes");
    }
    std::byte* data = file->data.get() + offset;
    if (reinterpret_cast<uintptr_t>(data) % alignment() != 0) {
      return copy({reinterpret_cast<const char*>(data), static_cast<size_t>(wanted)});
    }
    return Tensor::borrow(dtype_, shape_, data, {file->data, data});
  }

  /** A byte other than 0 and 1 read as bool is undefined behaviour. */
  Tensor clean_booleans(Tensor tensor) {
    if (tensor.raw() == nullptr) return tensor;
    const auto bytes = tensor.data<uint8_t>();
    if (std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b <= 1; })) return tensor;
    Tensor clean = tensor.clone();
    for (uint8_t& byte : clean.mutable_data<uint8_t>()) byte = byte != 0;
    return clean;
  }

  std::string_view bytes_;
  TensorContext& context_;
  Storage storage_;
  Fields fields_;
  std::string where_;
  DType dtype_ = DType::undefined;
  Shape shape_;
  int64_t count_ = 0;
};

}  // namespace

NamedTensor read_tensor(std::string_view bytes, TensorContext& context, Storage storage) {
  return TensorReader(bytes, context, storage).read();
}

}  // namespace whittle::onnx
