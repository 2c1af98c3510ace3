// A small random llama as a GGUF file in memory, for tests that need no files.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gguf/reader.h"

namespace llm::test {

struct TinyModel {
  std::string architecture = "llama";
  int vocab = 96, width = 64, layers = 2, heads = 4, kv_heads = 2, ffn = 96, context = 4096;
  int experts = 0, experts_used = 0;
  int window = 0;
  bool head_norms = false;
  unsigned seed = 1;
};

class GgufBytes {
 public:
  void number(const std::string& key, std::uint32_t value) {
    begin_key(key, 4);
    put(keys_, value);
  }
  void number(const std::string& key, float value) {
    begin_key(key, 6);
    put(keys_, value);
  }
  void text(const std::string& key, const std::string& value) {
    begin_key(key, 8);
    put_text(keys_, value);
  }

  /// `sizes` innermost first, as files have them.
  void tensor(const std::string& name, const std::vector<std::uint64_t>& sizes,
              const std::vector<float>& values) {
    put_text(infos_, name);
    put(infos_, static_cast<std::uint32_t>(sizes.size()));
    for (const std::uint64_t size : sizes) put(infos_, size);
    put(infos_, std::uint32_t{0});  // f32
    put(infos_, static_cast<std::uint64_t>(data_.size()));
    const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
    data_.insert(data_.end(), bytes, bytes + values.size() * sizeof(float));
    data_.resize((data_.size() + 31) / 32 * 32);
    ++tensors_;
  }

  std::vector<std::byte> file() const {
    std::vector<std::byte> out;
    put(out, std::uint32_t{0x46554747});  // "GGUF"
    put(out, std::uint32_t{3});
    put(out, tensors_);
    put(out, count_);
    out.insert(out.end(), keys_.begin(), keys_.end());
    out.insert(out.end(), infos_.begin(), infos_.end());
    out.resize((out.size() + 31) / 32 * 32);
    out.insert(out.end(), data_.begin(), data_.end());
    return out;
  }

 private:
  template <class T>
  static void put(std::vector<std::byte>& to, T value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    to.insert(to.end(), bytes, bytes + sizeof(value));
  }
  static void put_text(std::vector<std::byte>& to, const std::string& text) {
    put(to, static_cast<std::uint64_t>(text.size()));
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    to.insert(to.end(), bytes, bytes + text.size());
  }
  void begin_key(const std::string& key, std::uint32_t type) {
    put_text(keys_, key);
    put(keys_, type);
    ++count_;
  }

  std::vector<std::byte> keys_, infos_, data_;
  std::uint64_t count_ = 0, tensors_ = 0;
};

class TinyFile {
 public:
  explicit TinyFile(const TinyModel& m) : random_(m.seed) {
    keys(m);
    const auto e = static_cast<std::uint64_t>(m.width), f = static_cast<std::uint64_t>(m.ffn);
    const std::uint64_t kv =
        e / static_cast<std::uint64_t>(m.heads) * static_cast<std::uint64_t>(m.kv_heads);
    matrix("token_embd.weight", {e, static_cast<std::uint64_t>(m.vocab)}, 1.0f);
    for (int i = 0; i < m.layers; ++i) {
      const std::string p = "blk." + std::to_string(i) + ".";
      norm(p + "attn_norm.weight", e);
      matrix(p + "attn_q.weight", {e, e});
      matrix(p + "attn_k.weight", {e, kv});
      matrix(p + "attn_v.weight", {e, kv});
      matrix(p + "attn_output.weight", {e, e});
      if (m.head_norms) {
        norm(p + "attn_q_norm.weight", e / static_cast<std::uint64_t>(m.heads));
        norm(p + "attn_k_norm.weight", e / static_cast<std::uint64_t>(m.heads));
      }
      if (m.architecture == "gemma3") {
        norm(p + "post_attention_norm.weight", e);
        norm(p + "post_ffw_norm.weight", e);
      }
      norm(p + "ffn_norm.weight", e);
      feed_forward(m, p, e, f);
    }
    norm("output_norm.weight", e);
    bytes_ = gguf_.file();
  }

  std::span<const std::byte> bytes() const { return bytes_; }
  gguf::File open() const { return gguf::File::parse(bytes_, "tiny.gguf"); }

 private:
  void keys(const TinyModel& m) {
    const auto key = [&](const std::string& name) { return m.architecture + "." + name; };
    const auto number = [&](const std::string& name, int value) {
      gguf_.number(key(name), static_cast<std::uint32_t>(value));
    };
    gguf_.text("general.architecture", m.architecture);
    number("vocab_size", m.vocab);
    number("context_length", m.context);
    number("embedding_length", m.width);
    number("block_count", m.layers);
    number("feed_forward_length", m.ffn);
    number("attention.head_count", m.heads);
    number("attention.head_count_kv", m.kv_heads);
    gguf_.number(key("attention.layer_norm_rms_epsilon"), 1e-5f);
    if (m.window > 0) number("attention.sliding_window", m.window);
    if (m.experts > 0) {
      number("expert_count", m.experts);
      number("expert_used_count", m.experts_used);
      number("expert_feed_forward_length", m.ffn);
    }
  }

  void feed_forward(const TinyModel& m, const std::string& p, std::uint64_t e, std::uint64_t f) {
    if (m.experts == 0) {
      matrix(p + "ffn_gate.weight", {e, f});
      matrix(p + "ffn_up.weight", {e, f});
      matrix(p + "ffn_down.weight", {f, e});
      return;
    }
    const auto x = static_cast<std::uint64_t>(m.experts);
    matrix(p + "ffn_gate_inp.weight", {e, x});
    matrix(p + "ffn_gate_exps.weight", {e, f, x});
    matrix(p + "ffn_up_exps.weight", {e, f, x});
    matrix(p + "ffn_down_exps.weight", {f, e, x});
  }

  void matrix(const std::string& name, const std::vector<std::uint64_t>& sizes, float gain = 1.5f) {
    const float deviation = gain / std::sqrt(static_cast<float>(sizes[0]));
    fill(name, sizes, 0.0f, deviation);
  }
  void norm(const std::string& name, std::uint64_t size) { fill(name, {size}, 1.0f, 0.2f); }

  void fill(const std::string& name, const std::vector<std::uint64_t>& sizes, float mean,
            float deviation) {
    std::uint64_t count = 1;
    for (const std::uint64_t size : sizes) count *= size;
    std::normal_distribution<float> normal(mean, deviation);
    std::vector<float> values(count);
    for (float& v : values) v = normal(random_);
    gguf_.tensor(name, sizes, values);
  }

  std::mt19937 random_;
  GgufBytes gguf_;
  std::vector<std::byte> bytes_;
};

}  // namespace llm::test
