#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "options/parse_line.h"
#include "options/table.h"

namespace llm::options {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::string temporary_file(const std::string& name, const std::string& content) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("options_test_" + std::to_string(::getpid()) + "_" + name);
  std::ofstream(path, std::ios::binary) << content;
  return path.string();
}

TEST(Parse, NothingGivenIsTheDefaults) {
  const auto result = parse_line({});
  EXPECT_EQ(result.action, ParseResult::Action::run);
  EXPECT_EQ(result.options.http.port, 8080);
  EXPECT_EQ(result.options.model.path, "");
  EXPECT_EQ(result.options.context.slots, -1);
  EXPECT_THAT(result.options.given, IsEmpty());
  EXPECT_THAT(result.notices, IsEmpty());
}

TEST(Parse, EveryNameOfAnOptionMeansTheSame) {
  for (const char* name : {"-c", "--ctx-size", "--ctx_size"})
    EXPECT_EQ(options_of({name, "4096"}).context.size, 4096) << name;
  for (const char* name : {"-ngl", "--gpu-layers", "--n-gpu-layers"})
    EXPECT_EQ(options_of({name, "99"}).gpu.layers, 99) << name;
}

TEST(Parse, CommandLineBeatsEnvironmentBeatsDefault) {
  const Variables variables = {{"LLAMA_ARG_PORT", "9000"}, {"LLAMA_ARG_CTX_SIZE", "512"}};
  const auto result = parse_line({"--port", "9001"}, variables);
  EXPECT_EQ(result.options.http.port, 9001);
  EXPECT_EQ(result.options.context.size, 512);
  EXPECT_EQ(result.options.batch.size, 2048);
  EXPECT_THAT(result.notices, ElementsAre("--port overrides the variable LLAMA_ARG_PORT"));
  EXPECT_THAT(result.options.given, ElementsAre("--ctx-size", "--port"));
}

TEST(Parse, TheLastOfTwoCountsAndIsNoticed) {
  const auto result = parse_line({"-c", "1", "-c", "2"});
  EXPECT_EQ(result.options.context.size, 2);
  EXPECT_THAT(result.notices, ElementsAre("--ctx-size is given twice, the last one counts"));
}

TEST(Parse, ListsAddUp) {
  const auto options = options_of({"-a", "one, two,", "--alias", "three,one"},
                                  {{"LLAMA_ARG_ALIAS", "zero"}, {"LLAMA_API_KEY", "k0"}});
  EXPECT_THAT(options.model.aliases, ElementsAre("zero", "one", "two", "three"));
  EXPECT_THAT(options.security.api_keys, ElementsAre("k0"));
  EXPECT_THAT(parse_line({"--api-key", "a", "--api-key", "b"}).notices, IsEmpty());
}

TEST(Parse, AdaptersAndControlVectorsAddUpInOrder) {
  const auto options = options_of({"--lora", "a,b", "--lora-scaled", "c:0.5,d:-1", "--lora", "e",
                                   "--control-vector-scaled", "x:2", "--control-vector", "y",
                                   "--control-vector-layer-range", "2", "5"});
  std::string files;
  for (const ScaledFile& file : options.model.lora) {
    files += fmt::format("{}:{} ", file.path, file.scale);
  }
  for (const ScaledFile& file : options.model.control_vectors) {
    files += fmt::format("{}:{} ", file.path, file.scale);
  }
  EXPECT_EQ(files, "a:1 b:1 c:0.5 d:-1 e:1 x:2 y:1 ");
  EXPECT_TRUE(options.model.lora_apply);
  EXPECT_FALSE(options_of({"--lora-init-without-apply"}).model.lora_apply);
  EXPECT_EQ(options.model.control_first, 2);
  EXPECT_EQ(options.model.control_last, 5);
}

struct BadCase {
  std::vector<const char*> arguments;
  const char* message;
};

class BadArguments : public testing::TestWithParam<BadCase> {};

TEST_P(BadArguments, EndInOneLineThatSaysWhatIsRight) {
  EXPECT_EQ(error_of(GetParam().arguments), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Parse, BadArguments,
    testing::Values(
        BadCase{{"-c", "abc"}, "--ctx-size: expected an integer from 0 to 16777216, got 'abc'"},
        BadCase{{"-c", "12abc"}, "--ctx-size: expected an integer from 0 to 16777216, got '12abc'"},
        BadCase{{"-c", "-1"}, "--ctx-size: expected an integer from 0 to 16777216, got '-1'"},
        BadCase{{"-c", ""}, "--ctx-size: expected an integer from 0 to 16777216, got ''"},
        BadCase{{"-c", "99999999999999999999"},
                "--ctx-size: expected an integer from 0 to 16777216, got '99999999999999999999'"},
        BadCase{{"--port", "65536"}, "--port: expected an integer from 0 to 65535, got '65536'"},
        BadCase{{"--keep", "-2"}, "--keep: expected an integer of at least -1, got '-2'"},
        BadCase{{"--seed", "4294967296"},
                "--seed: expected an integer from -1 to 4294967295, got '4294967296'"},
        BadCase{{"-np", "0"},
                "--parallel: expected -1 (automatic) or an integer from 1 to 4096, got '0'"},
        BadCase{{"--temp", "warm"}, "--temp: expected a number, got 'warm'"},
        BadCase{{"--temp", "nan"}, "--temp: expected a number, got 'nan'"},
        BadCase{{"--temp", "1e99"}, "--temp: expected a number, got '1e99'"},
        BadCase{{"--top-p", "1.5"}, "--top-p: expected a number from 0 to 1, got '1.5'"},
        BadCase{{"--repeat-penalty", "0"}, "--repeat-penalty: expected a number above 0, got '0'"},
        BadCase{{"-ctk", "f64"},
                "--cache-type-k: expected one of f32, f16, bf16, q8_0, q4_0, got 'f64'"},
        BadCase{{"-fa", "maybe"}, "--flash-attn: expected on, off or auto, got 'maybe'"},
        BadCase{{"-m"}, "--model: a value is missing (PATH)"},
        BadCase{{"model.gguf"},
                "unexpected argument 'model.gguf': every value follows the name of its option"},
        BadCase{{"--prot", "80"},
                "unknown option '--prot'; did you mean '--port'? --help lists all"},
        BadCase{{"--zzzzzzzzzzzz"}, "unknown option '--zzzzzzzzzzzz'; --help lists all"},
        BadCase{{"--port=80"},
                "unknown option '--port=80': write the value as an argument of its own, '--port "
                "80'"},
        BadCase{{"--lora", "x.gguf,"}, "--lora: expected PATH,..., got 'x.gguf,'"},
        BadCase{{"--lora-scaled", "x.gguf"},
                "--lora-scaled: expected PATH:SCALE, such as x.gguf:0.5, got 'x.gguf'"},
        BadCase{{"--lora-scaled", "a:b:1"},
                "--lora-scaled: expected PATH:SCALE, such as x.gguf:0.5, got 'a:b:1'"},
        BadCase{{"--lora-scaled", "a:x"}, "--lora-scaled: expected a number, got 'x'"},
        BadCase{{"--lora-dir", "/no/such"}, "--lora-dir: '/no/such' is not a directory"},
        BadCase{{"--control-vector-layer-range", "1"},
                "--control-vector-layer-range: a value is missing (FIRST LAST)"},
        BadCase{{"--control-vector-layer-range", "1", "x"},
                "--control-vector-layer-range: expected an integer of at least -1, got 'x'"},
        BadCase{{"--control-vector-layer-range", "3", "2"},
                "--control-vector-layer-range: the first layer is behind the last: '3 2'"},
        BadCase{{"-md", "x.gguf"}, "-md is not supported yet"},
        BadCase{{"--no-jinja"}, "--no-jinja is not supported yet"},
        BadCase{{"--draft", "3"}, "--draft was removed; its successor is --spec-draft-n-max"},
        BadCase{{"-dev", "CUDA0,"},
                "--device: expected names of devices separated by commas, or none, got 'CUDA0,'"},
        BadCase{{"-dev", "CUDA0,none"}, "--device: 'none' stands alone, got 'CUDA0,none'"},
        BadCase{{"-sm", "row"}, "--split-mode: 'row' is not supported yet; layer and none are"},
        BadCase{{"-sm", "rows"}, "--split-mode: expected none, layer, row or tensor, got 'rows'"},
        BadCase{{"-ts", "3,x"}, "--tensor-split: expected a number from 0 to 1000000000, got 'x'"},
        BadCase{{"-ts", "0,0"}, "--tensor-split: at least one share must be above 0, got '0,0'"},
        BadCase{{"-fit", "maybe"}, "--fit: expected on or off, got 'maybe'"},
        BadCase{{"-fitt", "1024,-1"},
                "--fit-target: expected an integer from 0 to 16777216, got '-1'"},
        BadCase{{"-ncmoe", "-1"}, "--n-cpu-moe: expected an integer of at least 0, got '-1'"},
        BadCase{{"-ngl", "many"},
                "--gpu-layers: expected an integer of at least 0, auto or all, got 'many'"},
        BadCase{{"--api-prefix", "llm"},
                "--api-prefix: expected a path such as /llm, without a final '/', got 'llm'"},
        BadCase{{"--api-prefix", "/llm/"},
                "--api-prefix: expected a path such as /llm, without a final '/', got '/llm/'"},
        BadCase{{"--path", "/no/such/place"}, "--path: '/no/such/place' is not a directory"},
        BadCase{{"--api-key-file", "/no/such/file"},
                "--api-key-file: cannot read '/no/such/file': No such file or directory"},
        BadCase{{"--api-key-file", "/"}, "--api-key-file: cannot read '/': Is a directory"},
        BadCase{{"--api-key", "\"open"}, "--api-key: a double quote is not closed in '\"open'"},
        BadCase{{"--ssl-key-file", "k.pem"}, "TLS needs both files: --ssl-cert-file is missing"},
        BadCase{{"--ssl-cert-file", "c.pem"}, "TLS needs both files: --ssl-key-file is missing"},
        BadCase{{"--chat-template-kwargs", "[1]"},
                "--chat-template-kwargs: expected a JSON object, got '[1]'"},
        BadCase{{"--samplers", "top_k;luck"},
                "--samplers: there is no sampler 'luck'; see --help for the names"},
        BadCase{{"--sampling-seq", "kz"},
                "--sampler-seq: expected letters of 'dkypsmtxiea', got 'kz'"},
        BadCase{{"-l", "15043"},
                "--logit-bias: expected a token id with + or - and a bias, such as 15043-1, got "
                "'15043'"},
        BadCase{{"--override-kv", "a.b=int"},
                "--override-kv: expected KEY=TYPE:VALUE, got 'a.b=int'"},
        BadCase{{"--override-kv", "a.b=long:1"},
                "--override-kv: expected the type int, float, bool or str for a.b, got 'long'"},
        BadCase{{"--override-kv", "a.b=bool:1"},
                "--override-kv: value of a.b: expected true or false, got '1'"}));

TEST(Parse, BadVariablesAreNamed) {
  EXPECT_EQ(error_of({}, {{"LLAMA_ARG_PORT", "x"}}),
            "LLAMA_ARG_PORT: expected an integer from 0 to 65535, got 'x'");
  EXPECT_EQ(error_of({}, {{"LLAMA_ARG_MMAP", "maybe"}}),
            "LLAMA_ARG_MMAP: expected true, 1, on, enabled, false, 0, off or disabled, got "
            "'maybe'");
  EXPECT_EQ(error_of({}, {{"LLAMA_ARG_MMPROJ", "p.gguf"}}),
            "LLAMA_ARG_MMPROJ (--mmproj) is not supported yet");
  EXPECT_EQ(error_of({}, {{"LLAMA_ARG_JINJA", "false"}}),
            "LLAMA_ARG_JINJA (--jinja) is not supported yet");
}

TEST(Parse, VariablesOfOtherProgramsDoNoHarm) {
  EXPECT_EQ(error_of({}, {{"HF_TOKEN", "hf_x"}, {"LLAMA_ARG_NOT_OURS", "1"}}), "(no error)");
}

TEST(Parse, BooleanVariables) {
  for (const char* word : {"true", "1", "on", "enabled"}) {
    EXPECT_TRUE(options_of({}, {{"LLAMA_ARG_CONTEXT_SHIFT", word}}).context.shift) << word;
    EXPECT_TRUE(options_of({}, {{"LLAMA_ARG_ENDPOINT_METRICS", word}}).features.metrics) << word;
  }
  for (const char* word : {"false", "0", "off", "disabled"}) {
    EXPECT_FALSE(options_of({}, {{"LLAMA_ARG_MMAP", word}}).model.use_mmap) << word;
    EXPECT_FALSE(options_of({}, {{"LLAMA_ARG_ENDPOINT_METRICS", word}}).features.metrics) << word;
  }
  // Plain switches ignore other words; a negative variable counts whatever it holds.
  EXPECT_FALSE(options_of({}, {{"LLAMA_ARG_MLOCK", "maybe"}}).model.lock_memory);
  EXPECT_FALSE(options_of({}, {{"LLAMA_ARG_NO_MMAP", "false"}}).model.use_mmap);
  EXPECT_EQ(options_of({}, {{"LLAMA_ARG_PORT", ""}}).http.port, 8080);
  EXPECT_EQ(options_of({}, {{"LLAMA_LOG_FILE", "a.log"}}).log.file, "a.log");
}

TEST(Parse, NegativeNamesSwitchOff) {
  const auto options = options_of({"--no-mmap", "-nocb", "--no-slots", "--no-webui", "-no-kvu",
                                   "--no-cache-prompt", "--no-cors-credentials", "-nkvo"});
  EXPECT_FALSE(options.model.use_mmap);
  EXPECT_FALSE(options.batch.continuous);
  EXPECT_FALSE(options.features.slots);
  EXPECT_FALSE(options.features.ui);
  EXPECT_FALSE(options.context.cache_prompt);
  EXPECT_FALSE(options.security.cors_credentials);
  EXPECT_EQ(options.context.unified, ContextOptions::Unified::off);
  EXPECT_TRUE(options.is_given("--ui"));
  EXPECT_FALSE(options.is_given("--no-webui"));
}

TEST(Parse, Gpus) {
  const GpuOptions plain = options_of({}).gpu;
  EXPECT_EQ(plain.layers, GpuOptions::kAutomatic);
  EXPECT_THAT(plain.devices, IsEmpty());
  EXPECT_EQ(options_of({"-ngl", "all"}).gpu.layers, GpuOptions::kAll);
  EXPECT_EQ(options_of({"-ngl", "5", "-ngl", "auto"}).gpu.layers, GpuOptions::kAutomatic);
  EXPECT_EQ(options_of({"-ngl", "999999999"}).gpu.layers, GpuOptions::kAll);
  EXPECT_THAT(options_of({"-dev", "cuda:0,cuda:1"}).gpu.devices, ElementsAre("cuda:0", "cuda:1"));
  EXPECT_TRUE(options_of({"-dev", "none"}).gpu.none);
  EXPECT_FALSE(options_of({"-dev", "none", "-dev", "CUDA0"}).gpu.none);
  EXPECT_THAT(options_of({"-sm", "none", "-mg", "1"}).gpu.main, 1);
  EXPECT_THAT(options_of({"-ts", "3/1"}).gpu.shares, ElementsAre(3, 1));
  EXPECT_FALSE(options_of({"-nkvo"}).gpu.cache);
  EXPECT_EQ(options_of({"-cmoe"}).gpu.cpu_expert_layers, GpuOptions::kAll);
  EXPECT_EQ(options_of({"-ncmoe", "3"}).gpu.cpu_expert_layers, 3);
  const GpuOptions fit = options_of({"-fit", "off", "-fitt", "512,0", "-fitc", "8192"}).gpu;
  EXPECT_FALSE(fit.fit);
  EXPECT_THAT(fit.margins_mib, ElementsAre(512, 0));
  EXPECT_EQ(fit.smallest_context, 8192);
  EXPECT_EQ(parse_line({"--list-devices"}).action, ParseResult::Action::device_list);
}

TEST(Parse, ValuesThatChangeNothingSaySo) {
  EXPECT_THAT(parse_line({"-ngl", "0", "-dev", "none", "-fa", "on"}).notices, IsEmpty());
  EXPECT_THAT(parse_line({"-fa", "off"}).notices, ElementsAre(HasSubstr("always the fused kind")));
  EXPECT_FLOAT_EQ(parse_line({"-sps", "0.5"}).options.context.slot_similarity, 0.5f);
  EXPECT_THAT(error_of({"-sps", "2"}), HasSubstr("--slot-prompt-similarity: expected a number"));
}

TEST(Parse, ThreadsOfZeroOrLessMeanEveryCpu) {
  EXPECT_EQ(options_of({}).threads.generation, -1);
  EXPECT_EQ(options_of({"-t", "-1"}).threads.generation, 0);
  EXPECT_EQ(options_of({"-t", "0", "-tb", "3"}).threads.batch, 3);
}

TEST(Parse, VectorsComeInOneComputationPerStep) {
  const Options plain = options_of({"-b", "1024", "-ub", "256"});
  EXPECT_FALSE(plain.vectors.embeddings);
  EXPECT_EQ(plain.batch.size, 1024);
  const Options vectors =
      options_of({"-b", "1024", "-ub", "256", "--embedding", "--pooling", "cls"});
  EXPECT_TRUE(vectors.vectors.embeddings);
  EXPECT_EQ(vectors.vectors.pooling, "cls");
  EXPECT_EQ(vectors.batch.size, 256);
  const Options ranks = options_of({"--rerank"});
  EXPECT_TRUE(ranks.vectors.embeddings);
  EXPECT_EQ(ranks.vectors.pooling, "rank");
  EXPECT_EQ(ranks.vectors.normalize, 2);
  EXPECT_THAT(error_of({"--pooling", "max"}), HasSubstr("--pooling"));
}

TEST(Parse, SamplingDefaults) {
  const auto sampling =
      options_of({"--temp", "-2", "--top-k", "-1", "-s", "-1", "-l", "15043-1.5", "-l", "2+3",
                  "--samplers", "Top-K; nucleus;temp", "--dry-base", "0.5"})
          .sampling;
  EXPECT_EQ(sampling.temperature, 0);
  EXPECT_EQ(sampling.top_k, 0);
  EXPECT_EQ(sampling.seed, 0xFFFFFFFF);
  EXPECT_THAT(sampling.logit_bias, ElementsAre(Pair(15043, -1.5f), Pair(2, 3.0f)));
  EXPECT_THAT(sampling.samplers, ElementsAre("top_k", "top_p", "temperature"));
  EXPECT_EQ(sampling.dry_base, 1.75f);
  EXPECT_EQ(options_of({"--sampling-seq", "edskypmxt"}).sampling.samplers,
            SamplingOptions{}.samplers);
  EXPECT_EQ(options_of({"-s", "4294967295"}).sampling.seed, 0xFFFFFFFF);
  EXPECT_EQ(std::isinf(options_of({"-l", "7-1000"}).sampling.logit_bias[0].second), false);
}

TEST(Parse, EscapesAreResolvedUnlessSwitchedOff) {
  const auto on = options_of({"-r", "a\\n\\x41\\q\\", "--dry-sequence-breaker", "\\t"}).sampling;
  EXPECT_THAT(on.stop, ElementsAre("a\nA\\q\\"));
  EXPECT_THAT(on.dry_sequence_breakers, ElementsAre("\t"));
  const auto off = options_of({"-r", "a\\n", "--no-escape"}).sampling;
  EXPECT_THAT(off.stop, ElementsAre("a\\n"));
  EXPECT_THAT(off.dry_sequence_breakers, ElementsAre("\n", ":", "\"", "*"));
  EXPECT_THAT(options_of({"--dry-sequence-breaker", "none"}).sampling.dry_sequence_breakers,
              IsEmpty());
}

TEST(Parse, MetadataOverrides) {
  const auto overrides = options_of({"--override-kv", "a=int:-3,b=float:0.5,\"c=str:x,\"\"y\"\"\"",
                                     "--override-kv", "d=bool:true"})
                             .model.overrides;
  ASSERT_EQ(overrides.size(), 4u);
  EXPECT_EQ(std::get<std::int64_t>(overrides[0].value), -3);
  EXPECT_EQ(std::get<double>(overrides[1].value), 0.5);
  EXPECT_EQ(std::get<std::string>(overrides[2].value), "x,\"y\"");
  EXPECT_EQ(overrides[3].key, "d");
  EXPECT_TRUE(std::get<bool>(overrides[3].value));
}

TEST(Parse, KeysOfAFile) {
  const auto path = temporary_file("keys", "# comment\n\none\n two \r\nthree");
  const auto options = options_of({"--api-key", "\"a,b\",,c", "--api-key-file", path.c_str()});
  EXPECT_THAT(options.security.api_keys, ElementsAre("a,b", "c"));
  EXPECT_THAT(read_api_keys(options.security).keys,
              ElementsAre("a,b", "c", "one", " two ", "three"));
  std::filesystem::remove(path);
  EXPECT_THROW(read_api_keys(options.security), Error);
}

TEST(Parse, LimitsOfKeys) {
  const std::string hash(64, 'a');
  const auto path =
      temporary_file("limits", R"({"k": {"requests_per_minute": 30, "concurrent_requests": 2},)"
                               R"( "*": {"tokens_per_minute": 1e5}, "sha256:)" +
                                   hash + R"(": {}})");
  const auto security = options_of({"--api-key", "k", "--api-key-limits", path.c_str()}).security;
  const auto limits = read_api_keys(security).limits;
  ASSERT_EQ(limits.size(), 3u);
  EXPECT_EQ(limits[0].key, "k");
  EXPECT_EQ(limits[0].requests_per_minute, 30);
  EXPECT_EQ(limits[0].concurrent_requests, 2);
  EXPECT_EQ(limits[1].tokens_per_minute, 1e5);
  EXPECT_EQ(limits[2].key, "sha256:" + hash);
  EXPECT_EQ(error_of({"--api-key-limits", path.c_str()}),
            "--api-key-limits: there are no keys; give some with --api-key or --api-key-file");
  std::filesystem::remove(path);
}

TEST(Parse, WrongLimitsOfKeysAreNamed) {
  const auto message = [](const std::string& text) {
    const auto path = temporary_file("limits", text);
    std::string error = error_of({"--api-key", "k", "--api-key-limits", path.c_str()});
    std::filesystem::remove(path);
    error.replace(error.find(path), path.size(), "F");
    return error;
  };
  EXPECT_EQ(message("["), "--api-key-limits: 'F' holds no JSON object");
  EXPECT_EQ(message(R"({"secret-key": 1})"),
            "--api-key-limits: 'F': limits of 'secr...': expected an object, got 1");
  EXPECT_EQ(message(R"({"*": {"requests_per_minute": -1}})"),
            "--api-key-limits: 'F': limits of '*': requests_per_minute: expected a number from 0 "
            "(no limit) to 1e+12, got -1");
  EXPECT_EQ(message(R"({"*": {"rpm": 1}})"),
            "--api-key-limits: 'F': limits of '*': rpm: there is no such limit; there are "
            "requests_per_minute, tokens_per_minute and concurrent_requests");
  EXPECT_EQ(message(R"({"sha256:AB": {}})"),
            "--api-key-limits: 'F': limits of 'sha256:AB': a hash has 64 digits of 0-9 and a-f");
}

TEST(Parse, SettingsOfTheUi) {
  EXPECT_EQ(options_of({}).features.ui_config, "{}");
  EXPECT_EQ(options_of({"--webui-config", R"({"a":1})"}).features.ui_config, R"({"a":1})");
  const auto path = temporary_file("ui", R"({"b":2})");
  EXPECT_EQ(options_of({"--ui-config", "{}", "--ui-config-file", path.c_str()}).features.ui_config,
            R"({"b":2})");
  std::filesystem::remove(path);
  EXPECT_EQ(error_of({"--ui-config", "[1]"}), "--ui-config: expected a JSON object, got '[1]'");
}

TEST(Parse, OfTwoTemplatesTheLastCounts) {
  const auto path = temporary_file("template", "{{ messages }}");
  auto chat = options_of({"--chat-template", "chatml", "--chat-template-file", path.c_str()}).chat;
  EXPECT_EQ(chat.chat_template, "");
  EXPECT_EQ(chat.chat_template_source, "{{ messages }}");
  chat = options_of({"--chat-template-file", path.c_str(), "--chat-template", "chatml"}).chat;
  EXPECT_EQ(chat.chat_template, "chatml");
  EXPECT_EQ(chat.chat_template_source, "");
  std::filesystem::remove(path);
}

TEST(Parse, CorsIsKnownToBeGiven) {
  EXPECT_FALSE(options_of({}).security.cors_origins_given);
  EXPECT_TRUE(options_of({"--cors-origins", "*"}).security.cors_origins_given);
  EXPECT_TRUE(options_of({}, {{"LLAMA_ARG_CORS_ORIGINS", "*"}}).security.cors_origins_given);
}

TEST(Parse, HelpAndVersionNeedNothingElse) {
  EXPECT_EQ(parse_line({"--help", "--nonsense"}).action, ParseResult::Action::help);
  EXPECT_EQ(parse_line({"--version"}).action, ParseResult::Action::version);
}

/// Values that pass the checks of a row.
const char* sample_value(const Row& row) {
  if (!row.choices.empty() || row.value == "TYPE") return "none";
  return "1";
}

TEST(Parse, EveryFlagThatIsNotSupportedIsRefusedByName) {
  for (const Row& row : rows()) {
    if (row.status != Status::not_yet) continue;
    for (const auto list : {row.names, row.negative})
      for (const auto name : split_names(list)) {
        const std::string text(name);
        EXPECT_EQ(error_of({text.c_str(), sample_value(row)}), text + " is not supported yet");
      }
  }
}

}  // namespace
}  // namespace llm::options
